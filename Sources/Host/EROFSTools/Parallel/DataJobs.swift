// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import HostSupport
import Synchronization

/// A part of a file's data to be read: the extents that start in `range`.
struct DataJob: Sendable {
  /// Which node of the tree.
  let node: Int
  let inode: Inode
  let range: Range<UInt64>
  /// The file's parts, for those that come in several.
  let split: SplitFile?
}

/// The data of many files, as jobs that threads take one after another while more are added.
///
/// They come in the order in which the data is in the image, and what is in the packed inode in the order in which
/// it is there: so its extents, each with the ends of many files, are decoded once and not once for each file. That
/// order holds among the files that are added together.
final class DataJobs: @unchecked Sendable {
  private let monitor = Monitor()
  // Under the lock:
  /// What has been added and not taken, each lot for itself: what comes later moves nothing.
  private var lots: [[DataJob]] = []
  /// The lot that is being taken from, and its first job that is not taken.
  private var lot = 0
  private var next = 0
  private var isComplete = false

  /// Larger files come in parts of this size, or of more where that would be too many.
  private static let partBytes: UInt64 = 4 << 20
  private static let mostParts: UInt64 = 32
  /// Small files are taken together up to this many bytes, because taking has its price too.
  private static let batchBytes: UInt64 = 128 << 10
  private static let batchCount = 64

  /// Adds the data of `nodes` of a tree.
  ///
  /// - Parameter maySplit: whether a file's parts may be read by several threads.
  func add(_ nodes: [Int], of tree: ScannedTree, reader: ImageReader, maySplit: Bool) {
    var keyed: [(key: UInt64, node: Int)] = []
    keyed.reserveCapacity(nodes.count)
    for node in nodes { keyed.append((Self.place(of: tree.nodes[node].inode, reader), node)) }
    keyed.sort { $0.key == $1.key ? $0.node < $1.node : $0.key < $1.key }
    var added: [DataJob] = []
    added.reserveCapacity(nodes.count)
    for (_, node) in keyed {
      let inode = tree.nodes[node].inode
      let part = max(Self.partBytes, inode.size / Self.mostParts)
      guard maySplit, inode.kind == .regular, inode.size > 2 * part else {
        added.append(DataJob(node: node, inode: inode, range: 0..<inode.size, split: nil))
        continue
      }
      let split = SplitFile(parts: Int((inode.size - 1) / part) + 1)
      var start: UInt64 = 0
      while start < inode.size {
        let end = inode.size - start <= part ? inode.size : start + part
        added.append(DataJob(node: node, inode: inode, range: start..<end, split: split))
        start = end
      }
    }
    monitor.withLock {
      lots.append(added)
      monitor.wakeAll()
    }
  }

  /// Where a file's data begins, packed data after everything else.
  private static func place(of inode: Inode, _ reader: ImageReader) -> UInt64 {
    guard inode.size > 0 else { return 0 }
    let offset = inode.usesFragments ? inode.size - 1 : 0
    guard let extent = try? reader.volume.extent(of: inode, at: offset) else { return 0 }
    switch extent.place {
    case .hole: return 0
    case .metadata(_, let offset): return offset
    case .device(let device, let address): return (UInt64(min(device, 127)) << 55) | (address & (1 << 55 - 1))
    case .packed(let offset): return (1 << 63) | offset
    }
  }

  /// Says that nothing will be added any more.
  func complete() {
    monitor.withLock {
      isComplete = true
      monitor.wakeAll()
    }
  }

  /// The next jobs for a thread, once there are some; empty when there will be none.
  func take() -> ArraySlice<DataJob> {
    monitor.withLock {
      while true {
        if lot == lots.count {
          if isComplete { return [] }
          monitor.wait()
        } else if next == lots[lot].count {
          lots[lot] = []
          lot += 1
          next = 0
        } else {
          var end = next
          var bytes: UInt64 = 0
          while end < lots[lot].count, end - next < Self.batchCount, bytes < Self.batchBytes {
            bytes &+= UInt64(lots[lot][end].range.count)
            end += 1
          }
          defer { next = end }
          return lots[lot][next..<end]
        }
      }
    }
  }
}
