// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs

/// A codec's compression record, in which an image says what its streams need. The reader has to know it besides the decoder.
protocol ImageCodec: Codec, ~Copyable {
  /// The fewest bytes that the body of a record has.
  static var recordBytes: Int { get }

  /// The number that the reader keeps of a record, in the codec's own terms; nil if the record is invalid. `record` is its
  /// first 8 bytes.
  static func number(of record: UInt64) -> UInt32?

  /// Bytes of history that a match can reach, by that number; 0 is that of an image without a record.
  static func window(_ number: UInt32) -> Int
}

/// Generic code over decoders: ``Algorithm/visit(_:)`` calls it with the type that belongs to an algorithm's number.
protocol CodecVisitor {
  associatedtype Result
  associatedtype Failure: Error
  func visit<D: ImageCodec & ~Copyable>(_: D.Type, _ algorithm: Algorithm) throws(Failure) -> Result
}
