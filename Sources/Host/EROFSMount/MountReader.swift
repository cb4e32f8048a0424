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
  /// Bytes of input that have been decoded at once, at most: so much of ``frames`` is in memory. What is decoded for inodes
  /// in a metabox does not count.
  private var mostStored: UInt64 = 0
  private let hasMetabox: Bool
  /// Bytes that an idle reader may hold for input. To make a reader takes far less time than decoding of more than that.
  private static let mostKept = 256 << 10

  init(_ storage: FileStorage, _ superblock: Superblock) {
    self.storage = storage
    hasMetabox = superblock.incompatible.contains(.metabox)
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
  var holdsMuch: Bool {
    mostStored > UInt64(Self.mostKept) || hasMetabox && mostStored > 0 && frames.count > Self.mostKept
  }

  func inode(_ nid: UInt64) throws(EROFSError) -> Inode {
    if let latest, latest.nid == nid { return latest }
    let inode = try volume.inode(nid)
    latest = inode
    return inode
  }

  /// The bytes of a read, in pieces, and where they came from.
  struct Pieces {
    private(set) var buffers: [UnsafeRawBufferPointer] = []
    private var contents: [ExtentCache.Content] = []
    /// Memory of pieces that are not in the cache.
    private var own: [UnsafeMutableRawBufferPointer] = []
    /// The part of the packed inode that was read last.
    fileprivate(set) var packed: (inode: Inode, range: Range<UInt64>)?

    fileprivate mutating func append(_ content: ExtentCache.Content, _ range: Range<Int>) {
      buffers.append(UnsafeRawBufferPointer(rebasing: content.bytes[range]))
      contents.append(content)
    }

    fileprivate mutating func append(count: Int) -> UnsafeMutableRawBufferPointer {
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 64)
      own.append(buffer)
      buffers.append(UnsafeRawBufferPointer(buffer))
      return buffer
    }

    /// Gives the pieces to `body`, and releases them.
    mutating func finish(_ body: ([UnsafeRawBufferPointer]) -> Void) {
      body(buffers)
      release()
    }

    /// Has to be called if ``finish(_:)`` is not.
    mutating func release() {
      for buffer in own { buffer.deallocate() }
      (buffers, contents, own) = ([], [], [])
    }
  }

  /// Adds bytes of a file to `pieces`.
  ///
  /// - Parameters:
  ///   - range: inside the file.
  ///   - cache: decoded extents.
  func read(
    _ inode: Inode, _ range: Range<UInt64>, _ cache: ExtentCache, _ pieces: inout Pieces, _ counters: MountCounters
  ) throws(EROFSError) {
    var offset = range.lowerBound
    while offset < range.upperBound {
      guard let extent = try volume.extent(of: inode, at: offset) else { return }
      let skip = offset - extent.start
      let count = min(extent.end, range.upperBound) - offset
      switch extent.place {
      case .packed(let start):
        guard let packed = try volume.packedInode() else { return }
        pieces.packed = (packed, start + skip..<start + skip + count)
        // The packed inode has no fragments, so this recursion ends.
        try read(packed, start + skip..<start + skip + count, cache, &pieces, counters)
      default:
        if case .compressed = extent.encoding {
          let part = Int(skip)..<Int(skip + count)
          pieces.append(try decoded(inode, extent, cache, counters, reading: part), part)
        } else {
          let bytes = pieces.append(count: Int(count))
          let pages = MutablePageVector(unsafeContiguous: bytes)
          guard try volume.read(inode, extent, from: skip, into: pages) == bytes.count else {
            throw .corrupt(.outsideDevice, at: inode.position)
          }
        }
      }
      offset += count
    }
  }

  /// The bytes of a compressed extent, all of them.
  ///
  /// - Parameter range: what of them will be read now; nil for nothing yet.
  func decoded(
    _ inode: Inode, _ extent: Extent, _ cache: ExtentCache, _ counters: MountCounters, reading range: Range<Int>? = nil
  ) throws(EROFSError) -> ExtentCache.Content {
    try cache.content(try key(of: extent), reading: range) { (bytes) throws(EROFSError) -> Void in
      mostStored = max(mostStored, extent.storedLength)
      if counters.pace.isSlow(bytes: bytes.count) { ServingThread.willBeBusy() }
      let start = monotonicNanoseconds()
      let count = try volume.read(inode, extent, into: MutablePageVector(unsafeContiguous: bytes))
      guard count == bytes.count else { throw EROFSError.corrupt(.extentLength, at: inode.position) }
      let nanoseconds = monotonicNanoseconds() - start
      counters.decodeNanoseconds.wrappingAdd(nanoseconds, ordering: .relaxed)
      counters.pace.note(bytes: count, nanoseconds)
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

extension Inode {
  /// Whether reading it means decoding.
  var isDecoded: Bool { kind == .regular && size > 0 && (layout == .compressedFull || layout == .compressedCompact) }
}
