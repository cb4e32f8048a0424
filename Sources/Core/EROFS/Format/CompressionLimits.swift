// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import PageVectors

/// What the pclusters of an image ask for at most, by algorithm: from the compression records, or the defaults of
/// images that have none.
public struct CompressionLimits: Equatable, Sendable {
  /// By codec, in its own terms. The numbers come by size: what has no gaps is cleared in one piece.
  var numbers = CodecNumbers()
  /// A bit for each algorithm id that the image may use.
  public private(set) var algorithms: UInt16 = 0

  @inlinable
  public func announces(_ algorithm: Algorithm) -> Bool { algorithms & (1 << UInt16(algorithm.rawValue)) != 0 }

  /// Bytes of history that a match of `algorithm` can reach; no more than the window that its record declares.
  public func window(of algorithm: Algorithm) -> Int {
    algorithm.visit(Window(numbers: numbers))
  }

  /// Reads the records of an image, which lie from byte `records` on.
  mutating func read(
    _ storage: some Storage, _ features: IncompatibleFeatures, _ bitmapOrDistance: UInt16, _ records: FileOffset,
    _ failure: inout Failure
  ) throws(Fault) {
    let hasRecords = features.contains(.compressionRecords)
    if hasRecords {
      algorithms = bitmapOrDistance
    } else {
      if features.contains(.zeroPadding) || bitmapOrDistance != 0 { algorithms = 1 }
      numbers.lz4 = UInt32(bitmapOrDistance)
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
    for id in 0..<Algorithm.count where algorithms & LinkedCodecs.all & (1 &<< UInt16(id)) != 0 {
      guard let algorithm = Algorithm(rawValue: id) else { return }
      position = (position &+ 3) & ~3
      // Its length, and the first 6 bytes of its body.
      let words = try storage.load64(position, &failure)
      let length = UInt16(truncatingIfNeeded: words)
      let record = CompressionRecord(
        low: UInt32(truncatingIfNeeded: words &>> 16), high: UInt32(truncatingIfNeeded: words &>> 48))
      guard let number = algorithm.visit(NumberOfRecord(length: length, record: record)) else {
        failure.set(.corrupt, Defect.compressionRecord.rawValue, 0, position &+ 2)
        throw Fault()
      }
      numbers[algorithm] = number
      position &+= 2 &+ FileOffset(length)
    }
  }
}

private struct Window: CodecVisitor {
  let numbers: CodecNumbers

  @inline(__always)
  func visit<D: ImageCodec & ~Copyable>(_: D.Type, _ algorithm: Algorithm) throws(Never) -> Int {
    D.window(numbers[algorithm])
  }
}

private struct NumberOfRecord: CodecVisitor {
  let length: UInt16
  let record: CompressionRecord

  @inline(__always)
  func visit<D: ImageCodec & ~Copyable>(_: D.Type, _: Algorithm) throws(Never) -> UInt32? {
    length >= D.recordBytes ? D.number(of: record) : nil
  }
}

extension Storage {
  /// The little-endian integer of 4 bytes at `offset` of the primary device, straight from the storage.
  @inline(never)
  func load32(_ offset: FileOffset, _ failure: inout Failure) throws(Fault) -> UInt32 {
    var value: UInt32 = 0
    try unsafe withUnsafeMutableBytes(of: &value) { (buffer) throws(Fault) in
      try unsafe load(offset, MutablePageVector(unsafeContiguous: buffer), &failure)
    }
    return UInt32(littleEndian: value)
  }

  /// The little-endian integer of 8 bytes at `offset`.
  func load64(_ offset: FileOffset, _ failure: inout Failure) throws(Fault) -> UInt64 {
    var value: UInt64 = 0
    try unsafe withUnsafeMutableBytes(of: &value) { (buffer) throws(Fault) in
      try unsafe load(offset, MutablePageVector(unsafeContiguous: buffer), &failure)
    }
    return UInt64(littleEndian: value)
  }

  /// Fills `bytes` from `offset` of the primary device on.
  @inline(never)
  func load(_ offset: FileOffset, _ bytes: MutablePageVector, _ failure: inout Failure) throws(Fault) {
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
