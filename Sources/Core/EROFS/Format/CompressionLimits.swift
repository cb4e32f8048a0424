// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import PageVectors

/// What the pclusters of an image ask for at most, by algorithm: from the compression records, or the defaults of
/// images that have none.
public struct CompressionLimits: Equatable, Sendable {
  // The numbers come by size: what has no gaps is cleared in one piece.

  /// How far back a match may reach, in bytes, 1 ... 65535.
  public var lz4MaximumDistance: Int { distance == 0 ? 65535 : Int(distance) }
  /// The largest LZ4 pcluster, in blocks.
  public var lz4MaximumPclusterBlocks: Int { max(1, Int(pclusterBlocks)) }
  /// Bytes, 4 KiB ... 8 MiB.
  public private(set) var lzmaDictionaryBytes = 0
  /// log2 of the window, 8 ... 15.
  public private(set) var deflateWindowBits = 0
  /// log2 of the window, 10 ... 20.
  public private(set) var zstandardWindowLog = 0
  /// A bit for each algorithm id that the image may use.
  public private(set) var algorithms: UInt16 = 0
  // As they are stored, where 0 means the default: like all else that nothing has been read into.
  private var distance: UInt16 = 0
  private var pclusterBlocks: UInt16 = 0

  @inlinable
  public func announces(_ algorithm: Algorithm) -> Bool { algorithms & (1 << UInt16(algorithm.rawValue)) != 0 }

  /// Bytes of history that a match of `algorithm` can reach; no more than the window that its record declares.
  public func window(of algorithm: Algorithm) -> Int {
    switch algorithm {
    case .lz4: lz4MaximumDistance
    case .microLZMA: lzmaDictionaryBytes
    case .deflate: 1 &<< deflateWindowBits
    case .zstandard: 1 &<< zstandardWindowLog
    }
  }

  /// Reads the records of an image, which lie from byte `records` on.
  mutating func read(
    _ storage: some Storage, _ features: IncompatibleFeatures, _ bitmapOrDistance: UInt16, _ records: FileOffset,
    _ failure: inout FaultRecord
  ) throws(Fault) {
    let hasRecords = features.contains(.compressionRecords)
    if hasRecords {
      algorithms = bitmapOrDistance
    } else {
      if features.contains(.zeroPadding) || bitmapOrDistance != 0 { algorithms = 1 }
      distance = bitmapOrDistance
    }
    let missing = algorithms & ~LinkedCodecs.all
    guard missing == 0 else {
      failure.set(
        .algorithm, UInt8(truncatingIfNeeded: 15 &- missing.leadingZeroBitCount), 0,
        FileOffset(Superblock.offset) &+ 0x54)
      throw Fault()
    }
    guard hasRecords else { return }
    var position = records
    for id: UInt32 in 0..<4 where UInt32(algorithms & LinkedCodecs.all) & (1 &<< id) != 0 {
      position = (position &+ 3) & ~3
      // Its length, and the first 6 bytes of its body: all that is looked at.
      let words = try storage.load64(position, &failure)
      let length = UInt16(truncatingIfNeeded: words)
      guard length >= (id <= 1 ? 14 : 6),
        take(UInt32(truncatingIfNeeded: words &>> 16), UInt32(truncatingIfNeeded: words &>> 48), of: id)
      else {
        failure.set(.corrupt, Defect.compressionRecord.rawValue, 0, position &+ 2)
        throw Fault()
      }
      position &+= 2 &+ FileOffset(length)
    }
  }

  /// Takes the first 6 bytes of a record; false where they hold impossible values.
  @inline(__always)
  private mutating func take(_ low: UInt32, _ high: UInt32, of id: UInt32) -> Bool {
    let byte = Int(low & 0xFF)
    // Those of codecs that this build lacks are left out of it.
    switch id {
    case 0 where LinkedCodecs.all & 1 != 0:
      distance = UInt16(truncatingIfNeeded: low)
      pclusterBlocks = UInt16(truncatingIfNeeded: low &>> 16)
      return true
    case 1 where LinkedCodecs.all & 2 != 0:
      lzmaDictionaryBytes = Int(truncatingIfNeeded: low)
      return high == 0 && low >= 4096 && low <= 8 << 20
    case 2 where LinkedCodecs.all & 4 != 0:
      // mkfs.erofs 1.9.4 writes 0 with libdeflate, and its streams use all 32 KiB.
      deflateWindowBits = byte == 0 ? 15 : byte
      return (8...15).contains(deflateWindowBits)
    case _ where LinkedCodecs.all & 8 == 0:
      return true
    default:
      zstandardWindowLog = Int((low &>> 8) & 0xFF) &+ 10
      return byte == 0 && zstandardWindowLog <= 20
    }
  }
}

extension Storage {
  /// The little-endian integer of 4 bytes at `offset` of the primary device, straight from the storage.
  @inline(never)
  func load32(_ offset: FileOffset, _ failure: inout FaultRecord) throws(Fault) -> UInt32 {
    var value: UInt32 = 0
    try unsafe withUnsafeMutableBytes(of: &value) { (buffer) throws(Fault) in
      try unsafe load(offset, MutablePageVector(unsafeContiguous: buffer), &failure)
    }
    return UInt32(littleEndian: value)
  }

  /// The little-endian integer of 8 bytes at `offset`.
  func load64(_ offset: FileOffset, _ failure: inout FaultRecord) throws(Fault) -> UInt64 {
    var value: UInt64 = 0
    try unsafe withUnsafeMutableBytes(of: &value) { (buffer) throws(Fault) in
      try unsafe load(offset, MutablePageVector(unsafeContiguous: buffer), &failure)
    }
    return UInt64(littleEndian: value)
  }

  /// Fills `bytes` from `offset` of the primary device on.
  @inline(never)
  func load(_ offset: FileOffset, _ bytes: MutablePageVector, _ failure: inout FaultRecord) throws(Fault) {
    let count = byteCount(ofDevice: 0)
    let size = FileOffset(truncatingIfNeeded: bytes.count)
    guard count >= size, offset <= count &- size else {
      failure.set(.corrupt, Defect.outsideDevice.rawValue, 0, offset)
      throw Fault()
    }
    if Self.mapsEverything {
      bytes.copy(from: mapped(device: 0, at: offset, count: bytes.count) ?? PageVector())
      return
    }
    do throws(StorageError) {
      try read(device: 0, at: offset, into: bytes)
    } catch {
      failure.set(.storage, 0, 0, offset)
      failure.value = UInt32(bitPattern: error.code)
      throw Fault()
    }
  }
}
