// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import Synchronization

/// Checks an image: every inode that its tree reaches, and every byte of data.
///
/// An error does not stop it: what can still be looked at is.
public final class Checker: Sendable {
  public struct Options: Sendable {
    /// Leaves the data out; where it lies is still checked.
    public var metadataOnly = false
    /// Compares the superblock's checksum, where there is one.
    public var checksum = true
    /// Compares the digests of files, where they are recorded.
    public var digests = true
    public var threads = Threads.available
    public init() {}
  }

  public struct Summary: Sendable {
    /// Inodes by kind, each counted once.
    public internal(set) var counts: [InodeKind: Int] = [:]
    /// Bytes of regular files.
    public internal(set) var contentBytes: UInt64 = 0
    /// Blocks of all that has data, and what they take as stored, counted for each name as fsck.erofs does; fragments
    /// count in the packed inode.
    public internal(set) var contentBlocks: UInt64 = 0
    public internal(set) var storedBlocks: UInt64 = 0
    public internal(set) var digests = 0
    public internal(set) var problems = 0
  }

  private let image: ImageFile
  private let superblock: Superblock
  private let options: Options
  private let report: @Sendable (Problem) -> Void
  private let progress: Progress
  private let summary = Mutex(Summary())

  /// - Parameter report: is told each problem, from any thread but never from two at a time.
  public init(
    _ image: ImageFile, _ superblock: Superblock, options: Options = Options(), progress: Progress = Progress(),
    report: @escaping @Sendable (Problem) -> Void
  ) {
    self.image = image
    self.superblock = superblock
    self.options = options
    self.progress = progress
    self.report = report
  }

  private func note(_ problem: Problem) {
    summary.withLock { summary in
      summary.problems += 1
      report(problem)
    }
  }

  /// Checks everything, or the tree that starts at `start` and not what only a whole image shows.
  public func run(from start: Inode? = nil) -> Summary {
    if start == nil, options.checksum {
      do throws(EROFSError) {
        if try superblock.checksumMatches(in: image) == false {
          note(Problem(path: nil, nid: nil, .superblockChecksum))
        }
      } catch { note(Problem(path: nil, nid: nil, .image(error))) }
    }
    let reader = ImageReader(image, superblock)
    let root: Inode
    do throws(EROFSError) {
      if let start { root = start } else { root = try reader.volume.inode(superblock.rootNID) }
      if start == nil, root.kind != .directory { throw .notADirectory }
    } catch {
      note(Problem(path: nil, nid: superblock.rootNID, .image(error)))
      return summary.withLock { $0 }
    }
    var scanner = TreeScanner(reader, isStrict: true, isWhole: start == nil, report: note)
    scanner.scan(root)
    var tree = scanner.tree
    var names: [Int: [UInt8]] = [:]
    for (nid, name) in [
      (superblock.packedNID == 0 ? nil : superblock.packedNID, "[packed]"),
      (superblock.metaboxNID, "[metabox]"),
    ] {
      guard start == nil, let nid else { continue }
      do throws(EROFSError) {
        let inode = try reader.volume.inode(nid)
        names[tree.nodes.count] = Array(name.utf8)
        tree.nodes.append(
          ScannedTree.Node(parent: -1, name: [], inode: inode, first: tree.nodes.count, pathBytes: 0))
      } catch { note(Problem(path: Array(name.utf8), nid: nid, .image(error))) }
    }
    checkInodes(ScanResult(tree: tree, names: names), reader)
    return summary.withLock { $0 }
  }

  /// A tree with inodes that are in no directory at its end.
  private struct ScanResult: Sendable {
    let tree: ScannedTree
    let names: [Int: [UInt8]]

    func path(_ node: Int) -> [UInt8] { names[node] ?? tree.path(of: node) }
  }

  private func checkInodes(_ result: ScanResult, _ reader: ImageReader) {
    let tree = result.tree
    let nodes = tree.nodes.indices.filter { tree.nodes[$0].first == $0 }
    let kinds = Dictionary(grouping: nodes.filter { result.names[$0] == nil }, by: { tree.nodes[$0].inode.kind })
    summary.withLock { $0.counts = kinds.mapValues(\.count) }
    var counts = [UInt64](repeating: 0, count: tree.nodes.count)
    for node in tree.nodes { counts[node.first] += 1 }
    let nameCounts = counts
    // A digest covers a file from its start to its end, so its parts stay together.
    let hasDigests = options.digests && superblock.compatible.contains(.imageShareXattrs)
    let jobs = DataJobs(nodes, of: tree, reader: reader, maySplit: !hasDigests && !options.metadataOnly)
    let total = nodes.reduce(UInt64(0)) {
      $0 &+ (tree.nodes[$1].inode.kind == .regular ? tree.nodes[$1].inode.size : 0)
    }
    progress.begin(total: total)
    defer { progress.end() }
    Threads.run(min(max(1, options.threads), max(1, jobs.jobs.count))) { [self] in
      let reader = ImageReader(image, superblock)
      var content: UInt64 = 0
      var blocks: (content: UInt64, stored: UInt64) = (0, 0)
      var digests = 0
      while case let range = jobs.take(), !range.isEmpty {
        for index in range {
          let job = jobs.jobs[index]
          let inode = tree.nodes[job.node].inode
          var check = InodeCheck(reader: reader, inode: inode, options: options)
          for cause in check.run(job) { note(Problem(path: result.path(job.node), nid: inode.nid, cause)) }
          if inode.kind == .regular, result.names[job.node] == nil { content &+= UInt64(job.range.count) }
          blocks.content &+= check.contentBlocks(job) &* nameCounts[job.node]
          blocks.stored &+= check.storedBlocks(job) &* nameCounts[job.node]
          digests += check.hasDigest ? 1 : 0
          progress.advance(by: UInt64(job.range.count))
        }
      }
      summary.withLock { summary in
        summary.contentBytes &+= content
        summary.contentBlocks &+= blocks.content
        summary.storedBlocks &+= blocks.stored
        summary.digests += digests
      }
    }
  }
}
