// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import PageVectors

/// All names and inodes of a tree, in memory: each directory before what is in it.
///
/// It is a tree whatever the image says: a directory has its first place only, a name comes once in a directory, and
/// paths have a bound, so that every walk over it ends.
package struct ScannedTree: Sendable {
  package struct Node: Sendable {
    /// The directory that it is in; -1 for the root of the tree.
    package let parent: Int
    /// Empty for the root.
    package let name: [UInt8]
    package let inode: Inode
    /// The first node with the same inode: this one, but for further names of a hard-linked file.
    package let first: Int
    /// Bytes of its path.
    let pathBytes: Int
  }

  package internal(set) var nodes: [Node] = []

  /// Longer paths than any that a system call takes, and short enough that a hostile image cannot make work of them.
  package static let maximumPathBytes = 16384

  /// A node's path from the root of the tree, without a slash in front; empty for the root.
  package func path(of index: Int) -> [UInt8] {
    var names: [[UInt8]] = []
    var at = index
    while at > 0, nodes[at].parent >= 0 {
      names.append(nodes[at].name)
      at = nodes[at].parent
    }
    return Array(names.reversed().joined(separator: [0x2F]))
  }
}

/// Reads a tree, and with `isStrict` checks that everything in it agrees.
struct TreeScanner {
  let reader: ImageReader
  /// What is right only where a whole image is looked at, or does not keep anybody from reading.
  let isStrict: Bool
  /// Whether the tree starts at the image's root.
  let isWhole: Bool
  let report: (Problem) -> Void
  /// Is given the nodes that have been found, each inode once, in lots, and the tree as far as it is known.
  let found: ([Int], ScannedTree) -> Void
  private var batch: [Int] = []
  private static let batchCount = 256
  /// Room for more nodes than this is made only when they have been found: the superblock's word proves nothing.
  private static let mostReserved: UInt64 = 1 << 16
  private(set) var tree = ScannedTree()
  private var firstNodes: [UInt64: Int] = [:]
  private var linkCounts: [Int] = []

  init(
    _ reader: ImageReader, isStrict: Bool, isWhole: Bool, report: @escaping (Problem) -> Void,
    found: @escaping ([Int], ScannedTree) -> Void = { _, _ in }
  ) {
    self.reader = reader
    self.isStrict = isStrict
    self.isWhole = isWhole
    self.report = report
    self.found = found
  }

  /// - Parameter isWanted: is asked before each directory whether to go on.
  mutating func scan(_ root: Inode, while isWanted: () -> Bool = { true }) {
    // Growing step by step would copy everything several times, each time to memory that is new.
    let expected = Int(min(reader.superblock.inodeCount, Self.mostReserved))
    tree.nodes.reserveCapacity(expected)
    linkCounts.reserveCapacity(expected)
    firstNodes.reserveCapacity(expected)
    add(ScannedTree.Node(parent: -1, name: [], inode: root, first: 0, pathBytes: 0))
    linkCounts[0] = root.kind == .directory ? 2 : 1
    // Nodes are appended on the way.
    var index = 0
    while index < tree.nodes.count, isWanted() {
      if tree.nodes[index].inode.kind == .directory { scanDirectory(index) }
      index += 1
      // Fragments are to be taken in their own order, all of them.
      if batch.count >= Self.batchCount, reader.superblock.packedNID == 0 { deliverBatch() }
    }
    deliverBatch()
    if isStrict, isWhole, reader.limit?.isExceeded != true { checkLinkCounts() }
  }

  private mutating func deliverBatch() {
    if !batch.isEmpty { found(batch, tree) }
    batch.removeAll(keepingCapacity: true)
  }

  private mutating func add(_ node: ScannedTree.Node) {
    tree.nodes.append(node)
    linkCounts.append(0)
    guard node.first == tree.nodes.count - 1 else { return }
    firstNodes[node.inode.nid] = node.first
    batch.append(node.first)
  }

  private func note(_ index: Int, _ cause: Problem.Cause) {
    report(Problem(path: tree.path(of: index), nid: tree.nodes[index].inode.nid, cause))
  }

  private func note(_ name: [UInt8], in index: Int, _ nid: UInt64, _ cause: Problem.Cause) {
    let folder = tree.path(of: index)
    report(Problem(path: folder.isEmpty ? name : folder + [0x2F] + name, nid: nid, cause))
  }

  private mutating func scanDirectory(_ index: Int) {
    let directory = tree.nodes[index].inode
    let listing = reader.listing(of: directory, pathBytes: tree.nodes[index].pathBytes)
    var hasDots = [false, false]
    for entry in listing.entries {
      if entry.isDotOrDotDot {
        hasDots[entry.name.count - 1] = true
        checkDots(entry.name.count, entry.nid, index)
      } else {
        addEntry(entry.name, entry.nid, entry.kind, in: index)
      }
    }
    if let problem = listing.problem {
      note(index, .image(problem))
      // What follows may be in the rest.
      if problem != .corrupt(.nameOrder, at: directory.position) { return }
    }
    guard isStrict else { return }
    if !hasDots[0], !directory.omitsDot { note(index, .missingEntry(dots: 1)) }
    if hasDots[0], directory.omitsDot { note(index, .unexpectedDot) }
    if !hasDots[1] { note(index, .missingEntry(dots: 2)) }
  }

  private func checkDots(_ count: Int, _ nid: UInt64, _ index: Int) {
    guard isStrict else { return }
    let node = tree.nodes[index]
    // What is above a tree that starts further down is not known.
    if count == 2, node.parent < 0, !isWhole { return }
    let expected = count == 1 || node.parent < 0 ? node.inode.nid : tree.nodes[node.parent].inode.nid
    if nid != expected { note(index, .dots(count, target: nid, expected: expected)) }
  }

  private mutating func addEntry(_ name: [UInt8], _ nid: UInt64, _ kind: InodeKind?, in index: Int) {
    let pathBytes = tree.nodes[index].pathBytes + name.count + 1
    guard pathBytes <= ScannedTree.maximumPathBytes else { return note(name, in: index, nid, .pathLength) }
    let inode: Inode
    let first: Int
    if let known = firstNodes[nid] {
      inode = tree.nodes[known].inode
      first = known
    } else {
      do throws(EROFSError) { inode = try reader.volume.inode(nid) } catch {
        return note(name, in: index, nid, .image(error))
      }
      first = tree.nodes.count
    }
    if isStrict, let kind, kind != inode.kind { note(name, in: index, nid, .entryKind(kind, actual: inode.kind)) }
    if inode.kind == .directory {
      guard first == tree.nodes.count else {
        return note(name, in: index, nid, .secondParent(firstPath: tree.path(of: first)))
      }
      linkCounts[index] += 1
    }
    add(ScannedTree.Node(parent: index, name: name, inode: inode, first: first, pathBytes: pathBytes))
    linkCounts[first] += inode.kind == .directory ? 2 : 1
  }

  private func checkLinkCounts() {
    for (index, node) in tree.nodes.enumerated() where node.first == index {
      if Int(node.inode.linkCount) != linkCounts[index] {
        note(index, .linkCount(node.inode.linkCount, found: linkCounts[index]))
      }
    }
  }
}
