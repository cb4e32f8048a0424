// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTree
import HostSupport

/// What every part of a build knows.
struct BuildContext {
  let options: BuildOptions
  let tree: Tree
  let order: InodeOrder
  let storage: StorageOrder
  let output: OutputFile
  /// Where chunks go, if not into the image.
  var device: OutputFile?
  /// The list of blocks.
  var list: OutputFile?
  /// The descriptor of a virtual disk.
  var disk: OutputFile?
  /// What something else puts where.
  var map: OutputFile?
  /// Inodes that need not be made, because the image that is added to has them.
  var kept = KeptInodes()

  /// Where what is written begins: behind the superblock's block, or behind the image that is added to. There a block is left
  /// for the root's inode, if its NID fits the superblock only there.
  var dataStart: UInt64 {
    guard let base = options.base else { return Build.headBytes(options) }
    return base.end + (hasRootBlock ? UInt64(options.blockSize) : 0)
  }

  /// Whether the root's inode is in the first block behind the image that is added to.
  var hasRootBlock: Bool {
    guard let base = options.base, !options.wideAddresses, base.end >= base.start else { return false }
    return (base.end - base.start) / 32 + UInt64(options.blockSize) / 32 <= UInt64(UInt16.max)
  }

  /// Whether there is something to do for the content of a regular file.
  func isStored(_ number: Int) -> Bool { size(of: number) > 0 && kept.nids[number] == nil }

  var threads: Int { max(1, options.threads ?? Threads.available) }
  var memory: Int { max(1 << 20, options.memory ?? 256 << 20) }
  var inlineTail: TailPolicy { .inline(limit: options.longestInlineTail) }

  func inode(_ number: Int) -> Tree.InodeID { tree.inode(of: order.entries[number]) }
  func path(of number: Int) -> [UInt8] { tree.path(of: order.entries[number]) }
  /// Bytes of a regular file; 0 for all else.
  func size(of number: Int) -> UInt64 {
    let inode = inode(number)
    return tree.kind(of: inode) == .regular ? tree.size(of: inode) : 0
  }
}

extension BuildOptions {
  /// A tail is stored beside its inode if it and an inode fit a block together.
  var longestInlineTail: Int { blockSize - ExtendedInodeRecord.byteCount }
}

/// Tells the caller how far the build is, not more often than ten times a second, and measures its stages.
struct ProgressReporter {
  private(set) var seconds: [BuildSummary.Stage: Double] = [:]
  private let report: (BuildProgress) -> Bool
  private var stage: BuildSummary.Stage?
  private var started = ContinuousClock.now
  private var reported = ContinuousClock.now
  private var done: UInt64 = 0
  private var total: UInt64 = 0

  init(_ report: @escaping (BuildProgress) -> Bool) { self.report = report }

  mutating func start(_ stage: BuildSummary.Stage, total: UInt64) {
    finish()
    self.stage = stage
    self.total = total
    done = 0
    started = .now
  }

  mutating func advance(by bytes: UInt64, written: UInt64) throws(BuildError) {
    done += bytes
    let now = ContinuousClock.now
    guard let stage, now - reported > .milliseconds(100) else { return }
    reported = now
    if !report(BuildProgress(stage: stage, done: done, total: total, written: written)) { throw .cancelled }
  }

  mutating func finish() {
    guard let stage else { return }
    let time = (ContinuousClock.now - started).components
    seconds[stage, default: 0] += Double(time.seconds) + Double(time.attoseconds) / 1e18
    self.stage = nil
  }
}
