// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A decoder as tables of codecs list it: what it needs, known before there is a stream.
public protocol Codec: Decoder, ~Copyable {
  /// Bytes of tables that a stream needs at most.
  static var workingBytes: Int { get }

  /// Bytes of tables that the streams of mkfs.erofs need.
  static var usualWorkingBytes: Int { get }

  /// Whether a stream's first byte says how large its tables are.
  static var tablesVary: Bool { get }

  /// Bytes of tables for a stream that begins with this byte; nil if none does.
  static func workingBytes(firstByte: UInt8) -> Int?

  /// How far after the end of the decoded bytes the stored ones must end, in bytes, to be decoded in place by a decoder that
  /// does not move them; nil if no distance is safe.
  static func marginInPlace(storedBytes: Int) -> Int?
}

extension Codec where Self: ~Copyable {
  @inlinable public static var usualWorkingBytes: Int { workingBytes }
  @inlinable public static var tablesVary: Bool { false }
  @inlinable public static func workingBytes(firstByte: UInt8) -> Int? { workingBytes }
  @inlinable public static func marginInPlace(storedBytes: Int) -> Int? { nil }
}
