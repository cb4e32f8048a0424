// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Memory that a caller lends to a decoder for its tables. Contents need not be initialised, nor survive.
///
/// Code that makes one promises that the bytes stay valid, and are used by no other code, for as long as the decoder
/// exists.
@frozen @safe
public struct WorkingMemory: @unchecked Sendable {
  @usableFromInline let base: UnsafeMutableRawPointer
  /// Bytes.
  public let count: Int

  /// - Parameters:
  ///   - start: aligned to 8 bytes.
  ///   - count: bytes.
  @inlinable
  public init(unsafeStart start: UnsafeMutableRawPointer, count: Int) {
    unsafe base = start
    self.count = max(0, count)
  }

  /// No memory, for decoders that need none.
  @inlinable
  public init() { unsafe self.init(unsafeStart: UnsafeMutableRawPointer(bitPattern: 8)!, count: 0) }

  /// The start of the memory, or nil where it is smaller than `needed` bytes or not aligned to 8.
  @inlinable @unsafe
  package func unsafeStart(of needed: Int) -> UnsafeMutableRawPointer? {
    guard count >= needed, unsafe UInt(bitPattern: base) & 7 == 0 else { return nil }
    return unsafe base
  }
}
