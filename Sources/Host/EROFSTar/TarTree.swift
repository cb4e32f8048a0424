// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTree

/// The tree while members come in: names, hard links whose target is still to come, and whiteouts.
struct TarTree {
  var convertsWhiteouts = false
  private var tree = Tree()

  /// A hard link whose target is not in the tree yet.
  private struct Link {
    let path: [UInt8]
    let target: [UInt8]
    let content: Content?
    let failure: TreeError
    var state = State.new
    enum State { case new, begun, done }
  }

  private var links: [Link] = []
  /// The last for each path.
  private var linkNumbers: [[UInt8]: Int] = [:]
  /// Entries that were made for names with `.wh.`.
  private var whiteouts: Set<Tree.EntryID> = []
  /// Paths of directories that hide those of other layers.
  private var opaque: Set<[UInt8]> = []

  private static let whiteoutPrefix = Array(".wh.".utf8)
  private static let metadataPrefix = Array(".wh..wh.".utf8)
  private static let opaqueName = Array(".wh..wh..opq".utf8)

  /// The names of a path from the root on. `..` takes back the one before, if there is one.
  private static func names(of path: [UInt8]) -> [ArraySlice<UInt8>] {
    var names: [ArraySlice<UInt8>] = []
    for name in path.split(separator: 0x2F) where !name.elementsEqual([0x2E]) {
      if name.elementsEqual([0x2E, 0x2E]) { _ = names.popLast() } else { names.append(name) }
    }
    return names
  }

  private static func path(_ names: some Sequence<ArraySlice<UInt8>>) -> [UInt8] {
    Array(names.joined(separator: [0x2F]))
  }

  // MARK: Members

  mutating func put(
    _ name: [UInt8], _ metadata: Metadata, content: Content?, target: [UInt8], attributes: [ExtendedAttribute]
  ) throws(TreeError) {
    if name.isEmpty { throw .badName(.empty, name: name) }
    let names = Self.names(of: name)
    guard let last = names.last else {
      guard metadata.kind == .directory else { throw .rootIsDirectory }
      tree.replaceMetadata(of: Tree.root, metadata, attributes: attributes)
      return
    }
    if convertsWhiteouts, last.starts(with: Self.whiteoutPrefix), last.count > Self.whiteoutPrefix.count {
      return try hide(names, metadata)
    }
    let parent = try directory(names.dropLast())
    let old = tree.child(last, of: parent)
    let wasWhiteout = old.map { whiteouts.remove($0) != nil } ?? false
    if wasWhiteout, metadata.kind == .directory { opaque.insert(Self.path(names)) }
    try tree.put(last, in: parent, metadata, content: content, target: target, attributes: attributes)
  }

  /// As `Tree.directory`, except that a whiteout gives way to a directory.
  private mutating func directory(_ names: ArraySlice<ArraySlice<UInt8>>) throws(TreeError) -> Tree.EntryID {
    if !whiteouts.isEmpty {
      var entry = Tree.root
      for (depth, name) in names.enumerated() {
        guard let child = tree.child(name, of: entry) else { break }
        if whiteouts.remove(child) != nil {
          tree.remove(child)
          opaque.insert(Self.path(names.prefix(depth + 1)))
          break
        }
        entry = child
      }
    }
    return try tree.directory(at: names)
  }

  /// A name with `.wh.` in front.
  private mutating func hide(_ names: [ArraySlice<UInt8>], _ metadata: Metadata) throws(TreeError) {
    let name = names.last!
    let parent = try directory(names.dropLast())
    if name.elementsEqual(Self.opaqueName) {
      opaque.insert(Self.path(names.dropLast()))
      return
    }
    // What AUFS keeps for itself.
    if name.starts(with: Self.metadataPrefix) { return }
    let hidden = name.dropFirst(Self.whiteoutPrefix.count)
    if let own = tree.child(hidden, of: parent), !whiteouts.contains(own) {
      // It hides what other layers have of that name, not what is in this one.
      if tree.kind(of: own) == .directory { opaque.insert(Self.path(names.dropLast() + [hidden])) }
      return
    }
    var device = Metadata(kind: .characterDevice, permissions: 0)
    (device.user, device.group, device.time) = (metadata.user, metadata.group, metadata.time)
    whiteouts.insert(try tree.put(hidden, in: parent, device))
  }

  // MARK: Hard links

  /// - Parameter failure: what is thrown in the end if there is no such target.
  mutating func link(
    _ name: [UInt8], to target: [UInt8], content: Content?, failure: TreeError
  ) throws(TreeError) {
    if name.isEmpty { throw .badName(.empty, name: name) }
    let (names, targetNames) = (Self.names(of: name), Self.names(of: target))
    guard let last = names.last else { throw .rootIsDirectory }
    let parent = try directory(names.dropLast())
    let (path, targetPath) = (Self.path(names), Self.path(targetNames))
    let old = tree.child(last, of: parent)
    if let found = tree.entry(at: targetPath), !whiteouts.contains(found) {
      let entry = try tree.link(last, in: parent, to: tree.inode(of: found))
      if let old { whiteouts.remove(old) }
      if let content, tree.kind(of: entry) == .regular { try tree.set(content, of: entry) }
      return
    }
    // Whether something gets the name later is then seen by its being there.
    if let old {
      whiteouts.remove(old)
      tree.remove(old)
    }
    linkNumbers[path] = links.count
    links.append(Link(path: path, target: targetPath, content: content, failure: failure))
  }

  /// Targets may be links of the same kind.
  private mutating func makeLinks() throws(TreeError) {
    for first in links.indices {
      var chain = [first]
      while let number = chain.last {
        let link = links[number]
        // Also one that another link took the name of.
        if link.state == .done || linkNumbers[link.path] != number || tree.entry(at: link.path) != nil {
          links[number].state = .done
          chain.removeLast()
          continue
        }
        links[number].state = .begun
        guard let target = tree.entry(at: link.target) else {
          guard let next = linkNumbers[link.target], links[next].state == .new else { throw link.failure }
          chain.append(next)
          continue
        }
        let names = Self.names(of: link.path)
        let entry = try tree.link(names.last!, in: try directory(names.dropLast()), to: tree.inode(of: target))
        if let content = link.content, tree.kind(of: entry) == .regular { try tree.set(content, of: entry) }
        links[number].state = .done
        chain.removeLast()
      }
    }
  }

  mutating func finished() throws(TreeError) -> Tree {
    try makeLinks()
    // In an order of its own, so that equal archives give equal trees.
    for path in opaque.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      guard let entry = tree.entry(at: path), tree.kind(of: entry) == .directory else { continue }
      tree.setAttribute("trusted.overlay.opaque", [0x79], of: tree.inode(of: entry))
    }
    tree.sort()
    return tree
  }
}
