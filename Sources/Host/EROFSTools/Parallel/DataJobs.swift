// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import Synchronization

/// A part of a file's data to be read: the extents that start in `range`.
struct DataJob: Sendable {
  /// Which node of the tree.
  let node: Int
  let range: Range<UInt64>
  /// Number of the file among those that come in several parts; nil for a job that is a whole file.
  let split: Int?
}

/// The data of many files, as jobs that threads take one after another.
///
/// They come in the order in which the data lies in the image, and what lies in the packed inode in the order in which
/// it lies there: so its extents, each with the ends of many files, are decoded once and not once for each file.
final class DataJobs: Sendable {
  let jobs: [DataJob]
  /// For each file that comes in parts, how many.
  let splits: [Int]
  private let next = Atomic<Int>(0)

  /// Larger files come in parts of this size, or of more where that would be too many.
  private static let partBytes: UInt64 = 4 << 20
  private static let mostParts: UInt64 = 32
  /// Small files are taken together up to this many bytes, because taking has its price too.
  private static let batchBytes: UInt64 = 128 << 10
  private static let batchCount = 64

  /// - Parameters:
  ///   - files: nodes of the files.
  ///   - maySplit: whether a file's parts may be read by several threads.
  init(_ files: [Int], of tree: ScannedTree, reader: ImageReader, maySplit: Bool) {
    var keyed: [(key: UInt64, node: Int)] = []
    keyed.reserveCapacity(files.count)
    for node in files { keyed.append((Self.place(of: tree.nodes[node].inode, reader), node)) }
    keyed.sort { $0.key == $1.key ? $0.node < $1.node : $0.key < $1.key }
    var jobs: [DataJob] = []
    jobs.reserveCapacity(files.count)
    var splits: [Int] = []
    for (_, node) in keyed {
      let size = tree.nodes[node].inode.size
      let part = max(Self.partBytes, size / Self.mostParts)
      guard maySplit, size > 2 * part else {
        jobs.append(DataJob(node: node, range: 0..<size, split: nil))
        continue
      }
      let first = jobs.count
      var start: UInt64 = 0
      while start < size {
        let end = size - start <= part ? size : start + part
        jobs.append(DataJob(node: node, range: start..<end, split: splits.count))
        start = end
      }
      splits.append(jobs.count - first)
    }
    self.jobs = jobs
    self.splits = splits
  }

  /// Where a file's data begins, packed data behind everything else.
  private static func place(of inode: Inode, _ reader: ImageReader) -> UInt64 {
    guard inode.size > 0 else { return 0 }
    let offset = inode.data.usesFragments ? inode.size - 1 : 0
    guard let extent = try? reader.volume.extent(of: inode, at: offset) else { return 0 }
    switch extent.place {
    case .hole: return 0
    case .metadata(_, let offset): return offset
    case .device(let device, let address): return (UInt64(min(device, 127)) << 55) | (address & (1 << 55 - 1))
    case .packed(let offset): return (1 << 63) | offset
    }
  }

  /// The next jobs for a thread; empty when there are none left.
  func take() -> Range<Int> {
    var start = next.load(ordering: .relaxed)
    while start < jobs.count {
      var end = start
      var bytes: UInt64 = 0
      while end < jobs.count, end - start < Self.batchCount, bytes < Self.batchBytes {
        bytes &+= UInt64(jobs[end].range.count)
        end += 1
      }
      let (exchanged, original) = next.weakCompareExchange(
        expected: start, desired: end, ordering: .relaxed)
      if exchanged { return start..<end }
      start = original
    }
    return start..<start
  }

  /// Leaves nothing for anybody to take.
  func stop() { next.store(jobs.count, ordering: .relaxed) }
}
