// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import HostSupport
import Synchronization

/// Checks an image: every inode in its tree, and every byte of data. It continues after an error.
public final class Checker: Sendable {
  public struct Options: Sendable {
    /// Does not decode data; still checks where it is stored.
    public var metadataOnly = false
    /// Compares the superblock's checksum, if it has one.
    public var checksum = true
    /// Compares the digests of files that have one.
    public var digests = true
    /// Ends with a problem if an image takes more work than its size can justify; see ``WorkLimit``.
    public var isLimited = true
    /// At least 1. The default is one more than the number of processors, because the thread that reads the tree waits
    /// at times, and finishes long before the others.
    public var threads = Threads.available + 1
    public init() {}
  }

  public struct Summary: Sendable {
    /// Inodes by kind, each counted once.
    public internal(set) var counts: [InodeKind: Int] = [:]
    /// Bytes of regular files that could be read.
    public internal(set) var contentBytes: UInt64 = 0
    /// Blocks of all that has data, and what they take as stored, counted for each name as fsck.erofs does; fragments
    /// count in the packed inode.
    public internal(set) var contentBlocks: UInt64 = 0
    public internal(set) var storedBlocks: UInt64 = 0
    public internal(set) var digests = 0
    public internal(set) var problems = 0
    /// Problems that were not reported, because each is one more with a cause that was.
    public internal(set) var repeated = 0
  }

  private let image: ImageFile
  private let superblock: Superblock
  private let options: Options
  private let report: @Sendable (Problem) -> Void
  private let progress: Progress
  private let limit: WorkLimit?
  /// What every file would have to say again.
  private let repeated: RepeatedErrors
  /// Inodes that could not be read.
  private let unread = Mutex<Set<UInt64>>([])
  private let summary = Mutex(Summary())

  /// - Parameters:
  ///   - image: the open image.
  ///   - options: what is checked.
  ///   - report: called with each problem, from any thread but never from two at the same time.
  /// - Throws: if it is no EROFS image, or one that needs what this version does not have.
  public convenience init(
    _ image: ImageFile, options: Options = Options(), report: @escaping @Sendable (Problem) -> Void = { _ in }
  ) throws(EROFSError) {
    self.init(image, try Superblock(reading: image), options: options, report: report)
  }

  /// - Parameters:
  ///   - image: the open image.
  ///   - superblock: the superblock of `image`.
  ///   - options: what is checked.
  ///   - report: called with each problem, from any thread but never from two at the same time.
  public convenience init(
    _ image: ImageFile, _ superblock: Superblock, options: Options = Options(),
    report: @escaping @Sendable (Problem) -> Void
  ) {
    self.init(image, superblock, options: options, progress: Progress(), report: report)
  }

  package init(
    _ image: ImageFile, _ superblock: Superblock, options: Options = Options(), progress: Progress,
    report: @escaping @Sendable (Problem) -> Void
  ) {
    self.image = image
    self.superblock = superblock
    self.options = options
    self.progress = progress
    self.report = report
    limit = options.isLimited ? WorkLimit(for: image) : nil
    repeated = RepeatedErrors(image, superblock)
  }

  private func note(_ problem: Problem) {
    if case .image(let error) = problem.cause {
      if let nid = problem.nid { unread.withLock { _ = $0.insert(nid) } }
      if repeated.isRepeated(error) { return }
    }
    summary.withLock { summary in
      summary.problems += 1
      report(problem)
    }
  }

  /// Checks everything, or the tree that starts at `start` and not what only a whole image shows.
  public func run(from start: Inode? = nil) -> Summary {
    if let shortage = image.shortage(superblock) {
      note(Problem(path: nil, nid: nil, .cutOff(bytes: shortage.bytes, announced: shortage.announced)))
    }
    if start == nil, options.checksum {
      do throws(EROFSError) {
        if try superblock.checksumMatches(in: image) == false {
          note(Problem(path: nil, nid: nil, .superblockChecksum))
        }
      } catch { note(Problem(path: nil, nid: nil, .image(error))) }
    }
    let reader = ImageReader(image, superblock, limit: limit)
    let root: Inode
    do throws(EROFSError) {
      if let start { root = start } else { root = try reader.volume.inode(superblock.rootNID) }
      if start == nil, root.kind != .directory { throw .notADirectory }
    } catch {
      note(Problem(path: nil, nid: superblock.rootNID, .image(error)))
      return summary.withLock { $0 }
    }
    let findings = Findings()
    let jobs = DataJobs()
    progress.begin(total: UInt64(clamping: image.byteCount(ofDevice: 0)))
    Threads.run(
      options.threads,
      first: { [self] in
        findings.complete(scan(root, isWhole: start == nil, reader, jobs), report: note)
        jobs.complete()
      }
    ) { [self] in work(jobs, findings) }
    progress.end()
    count(findings)
    return summary.withLock { $0 }
  }

  /// Reads the tree, and gives its inodes to the threads as it finds them.
  private func scan(_ root: Inode, isWhole: Bool, _ reader: ImageReader, _ jobs: DataJobs) -> ScanResult {
    // A digest covers a file from its start to its end, so its parts stay together.
    let hasDigests = options.digests && superblock.compatible.contains(.imageShareXattrs)
    let maySplit = !hasDigests && !options.metadataOnly
    var scanner = TreeScanner(reader, isStrict: true, isWhole: isWhole, report: note) { batch, tree in
      jobs.add(batch, of: tree, reader: reader, maySplit: maySplit)
    }
    scanner.scan(root)
    var tree = scanner.tree
    var names: [Int: [UInt8]] = [:]
    for (nid, name) in [
      (superblock.packedNID == 0 ? nil : superblock.packedNID, "[packed]"),
      (superblock.metaboxNID, "[metabox]"),
    ] {
      guard isWhole, let nid else { continue }
      do throws(EROFSError) {
        let inode = try reader.volume.inode(nid)
        let node = tree.nodes.count
        names[node] = Array(name.utf8)
        tree.nodes.append(ScannedTree.Node(parent: -1, name: [], inode: inode, first: node, pathBytes: 0))
        jobs.add([node], of: tree, reader: reader, maySplit: maySplit)
      } catch { note(Problem(path: Array(name.utf8), nid: nid, .image(error))) }
    }
    return ScanResult(tree: tree, names: names)
  }

  /// A thread's share of the work.
  private func work(_ jobs: DataJobs, _ findings: Findings) {
    let reader = ImageReader(image, superblock, limit: limit)
    var sizes: [Findings.Size] = []
    while case let batch = jobs.take(), !batch.isEmpty {
      for job in batch {
        var check = InodeCheck(reader: reader, inode: job.inode, options: options)
        for cause in check.run(job) { findings.add(job.node, job.inode.nid, cause, report: note) }
        sizes.append(
          Findings.Size(
            node: job.node, content: check.contentBlocks(job), stored: check.storedBlocks(job),
            hasDigest: check.hasDigest))
        progress.advance(by: check.storedBytes)
      }
    }
    findings.add(sizes)
  }

  private func count(_ findings: Findings) {
    guard let result = findings.result else { return }
    let nodes = result.tree.nodes
    var nameCounts = [UInt64](repeating: 0, count: nodes.count)
    for index in nodes.indices { nameCounts[nodes[index].first] += 1 }
    var counts = InodeKind.allCases.map { (kind: $0, count: 0) }
    let unread = unread.withLock { $0 }
    var contentBytes: UInt64 = 0
    for index in nodes.indices where nodes[index].first == index && result.names[index] == nil {
      let kind = nodes[index].inode.kind
      if let at = counts.firstIndex(where: { $0.kind == kind }) { counts[at].count += 1 }
      if kind == .regular, !options.metadataOnly, !unread.contains(nodes[index].inode.nid) {
        contentBytes &+= nodes[index].inode.size
      }
    }
    summary.withLock { summary in
      for (kind, count) in counts where count > 0 { summary.counts[kind] = count }
      summary.contentBytes = contentBytes
      summary.repeated = repeated.count
      for size in findings.sizes {
        summary.contentBlocks &+= size.content &* nameCounts[size.node]
        summary.storedBlocks &+= size.stored &* nameCounts[size.node]
        summary.digests += size.hasDigest ? 1 : 0
      }
    }
  }
}

/// A tree with inodes that are in no directory at its end.
private struct ScanResult: Sendable {
  let tree: ScannedTree
  let names: [Int: [UInt8]]

  func path(_ node: Int) -> [UInt8] { names[node] ?? tree.path(of: node) }
}

/// What threads find out about nodes, whose paths are known only when the tree has been read.
private final class Findings: Sendable {
  struct Size: Sendable {
    let node: Int
    let content: UInt64
    let stored: UInt64
    let hasDigest: Bool
  }

  private struct State {
    var result: ScanResult?
    var waiting: [(node: Int, nid: UInt64, cause: Problem.Cause)] = []
    var sizes: [Size] = []
  }

  private let state = Mutex(State())

  var result: ScanResult? { state.withLock { $0.result } }
  var sizes: [Size] { state.withLock { $0.sizes } }

  func add(_ node: Int, _ nid: UInt64, _ cause: Problem.Cause, report: (Problem) -> Void) {
    let result = state.withLock { state in
      if state.result == nil { state.waiting.append((node, nid, cause)) }
      return state.result
    }
    if let result { report(Problem(path: result.path(node), nid: nid, cause)) }
  }

  func add(_ sizes: [Size]) { state.withLock { $0.sizes += sizes } }

  /// The tree has been read: what has waited for that is reported.
  func complete(_ result: ScanResult, report: (Problem) -> Void) {
    let waiting = state.withLock { state in
      state.result = result
      defer { state.waiting = [] }
      return state.waiting
    }
    for (node, nid, cause) in waiting { report(Problem(path: result.path(node), nid: nid, cause)) }
  }
}
