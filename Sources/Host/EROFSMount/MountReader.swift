// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import PageVectors
import Synchronization

/// A volume for one thread, with memory for any file of the image.
final class MountReader {
  let storage: FileStorage
  var volume: Volume<FileStorage>
  private let frames: UnsafeMutableRawBufferPointer
  private let state: UnsafeMutableRawBufferPointer
  /// The inode that was read last.
  private var latest: Inode?
  private var hasDecoded = false
  /// Bytes that an idle reader may hold for input. To make a reader takes far less time than decoding of more than that.
  private static let mostKept = 256 << 10

  init(_ storage: FileStorage, _ superblock: Superblock) {
    self.storage = storage
    let plan = MemoryPlan.maximum(for: superblock)
    // Only pages that are used take memory.
    frames = .allocate(byteCount: max(plan.frameBytes, 1), alignment: 4096)
    state = .allocate(byteCount: max(plan.stateBytes, 8), alignment: 16)
    let memory = ReaderMemory(for: plan, frames: MutablePageVector(unsafeContiguous: frames), state: state)
    volume = Volume(storage, superblock: superblock, memory: memory ?? ReaderMemory())
  }

  deinit {
    frames.deallocate()
    state.deallocate()
  }

  /// Whether an idle reader would hold too much memory, so that it is released instead of kept.
  var holdsMuch: Bool { hasDecoded && frames.count > Self.mostKept }

  func inode(_ nid: UInt64) throws(EROFSError) -> Inode {
    if let latest, latest.nid == nid { return latest }
    let inode = try volume.inode(nid)
    latest = inode
    return inode
  }

  /// What a read needs, and leaves.
  struct Scratch {
    /// Memory for what is not compressed.
    var bytes: [UInt8] = []
    /// The part of the packed inode that was read last.
    var packed: (inode: Inode, range: Range<UInt64>)?
  }

  /// Passes bytes of a file to `body`, in pieces and in order.
  ///
  /// - Parameters:
  ///   - range: inside the file.
  ///   - cache: decoded extents.
  func read(
    _ inode: Inode, _ range: Range<UInt64>, _ cache: ExtentCache, _ scratch: inout Scratch,
    _ counters: MountCounters, _ body: (UnsafeRawBufferPointer) -> Void
  ) throws(EROFSError) {
    var offset = range.lowerBound
    while offset < range.upperBound {
      guard let extent = try volume.extent(of: inode, at: offset) else { return }
      let skip = offset - extent.start
      let count = min(extent.end, range.upperBound) - offset
      switch extent.place {
      case .packed(let start):
        guard let packed = try volume.packedInode() else { return }
        scratch.packed = (packed, start + skip..<start + skip + count)
        // The packed inode has no fragments, so this recursion ends.
        try read(packed, start + skip..<start + skip + count, cache, &scratch, counters, body)
      default:
        if case .compressed = extent.encoding {
          let content = try decoded(inode, extent, cache, counters)
          body(UnsafeRawBufferPointer(rebasing: content.bytes[Int(skip)..<Int(skip + count)]))
          withExtendedLifetime(content) {}
        } else {
          try readPlain(inode, extent, skip, count, &scratch.bytes, body)
        }
      }
      offset += count
    }
  }

  private func readPlain(
    _ inode: Inode, _ extent: Extent, _ skip: UInt64, _ count: UInt64, _ scratch: inout [UInt8],
    _ body: (UnsafeRawBufferPointer) -> Void
  ) throws(EROFSError) {
    let total = Int(count)
    if scratch.count < min(total, 1 << 20) { scratch = [UInt8](repeating: 0, count: min(total, 1 << 20)) }
    var done = 0
    while done < total {
      let part = min(total - done, scratch.count)
      try scratch.withUnsafeMutableBufferPointer { (typed) throws(EROFSError) -> Void in
        let buffer = UnsafeMutableRawBufferPointer(typed)
        let pages = MutablePageVector(unsafeContiguous: UnsafeMutableRawBufferPointer(rebasing: buffer[..<part]))
        guard try volume.read(inode, extent, from: skip + UInt64(done), into: pages) == part else {
          throw EROFSError.corrupt(.outsideDevice, at: inode.position)
        }
        body(UnsafeRawBufferPointer(rebasing: buffer[..<part]))
      }
      done += part
    }
  }

  /// The bytes of a compressed extent, all of them.
  func decoded(
    _ inode: Inode, _ extent: Extent, _ cache: ExtentCache, _ counters: MountCounters
  ) throws(EROFSError) -> ExtentCache.Content {
    try cache.content(try key(of: extent)) { (bytes) throws(EROFSError) -> Void in
      hasDecoded = true
      let start = monotonicNanoseconds()
      let count = try volume.read(inode, extent, into: MutablePageVector(unsafeContiguous: bytes))
      guard count == bytes.count else { throw EROFSError.corrupt(.extentLength, at: inode.position) }
      counters.decodeNanoseconds.wrappingAdd(monotonicNanoseconds() - start, ordering: .relaxed)
    }
  }

  func key(of extent: Extent) throws(EROFSError) -> ExtentCache.Key {
    var algorithm: UInt8 = 0
    if case .compressed(let used) = extent.encoding { algorithm = used.rawValue }
    let length = UInt32(extent.length)
    if let place = try volume.location(of: extent) {
      return .init(device: Int32(place.device), address: place.offset, length: length, algorithm: algorithm)
    }
    guard case .metadata(_, let offset) = extent.place else {
      return .init(device: -2, address: extent.start, length: length, algorithm: algorithm)
    }
    return .init(device: -1, address: offset, length: length, algorithm: algorithm)
  }
}
