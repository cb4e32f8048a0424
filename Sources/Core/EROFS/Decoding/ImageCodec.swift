// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs

/// What the reader has to know of a codec besides how it decodes: the record in which an image says what its streams need.
protocol ImageCodec: Codec, ~Copyable {
  /// The fewest bytes that the body of a record has.
  static var recordBytes: Int { get }

  /// What is kept of a record, of which the first 8 bytes are given: a number in the codec's own terms; nil if the record
  /// is invalid.
  static func number(of record: UInt64) -> UInt32?

  /// Bytes of history that a match can reach, by that number; 0 is that of an image without a record.
  static func window(_ number: UInt32) -> Int
}

/// What is done with a codec of which only the algorithm is known: ``Algorithm/visit(_:)`` calls it with the decoder's type.
protocol CodecVisitor {
  associatedtype Result
  associatedtype Failure: Error
  func visit<D: ImageCodec & ~Copyable>(_: D.Type, _ algorithm: Algorithm) throws(Failure) -> Result
}
