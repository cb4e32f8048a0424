// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs

/// The most that the pclusters of an image need, by algorithm: from the compression records, or the defaults of images
/// without records.
public struct CompressionLimits: Equatable, Sendable {
  /// By codec, in its own terms.
  var numbers = CodecNumbers()
  /// A bit for each algorithm id that the image may use.
  public private(set) var algorithms: UInt16 = 0

  @inlinable
  public func announces(_ algorithm: Algorithm) -> Bool { algorithms & (1 << UInt16(algorithm.rawValue)) != 0 }

  /// Bytes of history that a match of `algorithm` can reach; no more than the window that its record declares.
  public func window(of algorithm: Algorithm) -> Int { algorithm.visit(Window(numbers: numbers)) }

  /// Takes the first 8 bytes of a record, which says that its body has `length` bytes; false if it is invalid.
  @inline(__always)
  mutating func take(_ record: UInt64, length: UInt16, of algorithm: Algorithm) -> Bool {
    guard let number = algorithm.visit(NumberOfRecord(length: length, record: record)) else { return false }
    numbers[algorithm] = number
    return true
  }

  /// Takes the superblock's own fields; true if compression records follow it.
  @inline(__always)
  mutating func take(_ features: IncompatibleFeatures, _ bitmapOrDistance: UInt16) -> Bool {
    if features.contains(.compressionRecords) {
      algorithms = bitmapOrDistance
      return true
    }
    if features.contains(.zeroPadding) || bitmapOrDistance != 0 { algorithms = 1 }
    numbers.lz4 = UInt32(bitmapOrDistance)
    return false
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
  let record: UInt64

  @inline(__always)
  func visit<D: ImageCodec & ~Copyable>(_: D.Type, _: Algorithm) throws(Never) -> UInt32? {
    length >= D.recordBytes ? D.number(of: record) : nil
  }
}
