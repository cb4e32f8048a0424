// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs

/// What the reader has to know of a codec besides how it decodes: the record in which an image says what its streams need.
protocol ImageCodec: Codec, ~Copyable {
  /// The fewest bytes that a record has.
  static var recordBytes: Int { get }

  /// What is kept of a record: a number in the codec's own terms; nil if the record holds impossible values.
  static func number(of record: CompressionRecord) -> UInt32?

  /// Bytes of history that a match can reach, by that number; 0 is that of an image without a record.
  static func window(_ number: UInt32) -> Int
}

/// The first 6 bytes of a compression record: all that is looked at.
struct CompressionRecord {
  let low: UInt32
  let high: UInt32
}

/// What is done with a codec of which only the algorithm is known: ``Algorithm/visit(_:)`` calls it with the decoder's type.
protocol CodecVisitor {
  associatedtype Result
  associatedtype Failure: Error
  func visit<D: ImageCodec & ~Copyable>(_: D.Type, _ algorithm: Algorithm) throws(Failure) -> Result
}
