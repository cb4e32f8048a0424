// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Reads bits from the end of a stream towards its start (RFC 8878, 4.1). Eight bytes after the stream must be readable.
struct ZstandardBitReader {
  private let start: UnsafeRawPointer
  /// Bits that have not been taken; negative once more were taken than there are.
  private(set) var left: Int

  /// Nil when the stream is empty or has no mark at its end.
  init?(_ start: UnsafeRawPointer, count: Int) {
    guard count > 0 else { return nil }
    let last = start.load(fromByteOffset: count - 1, as: UInt8.self)
    guard last > 0 else { return nil }
    self.start = start
    left = count * 8 - last.leadingZeroBitCount - 1
  }

  /// The next `count` bits, at most 56; 0 for those before the start.
  @inline(__always)
  mutating func read(_ count: Int) -> Int {
    left -= count
    guard left >= 0 else { return 0 }
    let word = UInt64(littleEndian: start.loadUnaligned(fromByteOffset: left >> 3, as: UInt64.self))
    return Int(truncatingIfNeeded: (word >> UInt64(left & 7)) & ((1 << UInt64(count)) &- 1))
  }
}

/// Writes bits from the start of a stream on; what is read first is written last.
struct ZstandardBitWriter {
  private(set) var next: UnsafeMutableRawPointer
  private let end: UnsafeMutableRawPointer
  private var word: UInt64 = 0
  private var count = 0
  /// Whether more was written than there is room for; the rest was dropped.
  private(set) var isFull = false

  /// Writes to `start` up to `end`.
  init(_ start: UnsafeMutableRawPointer, end: UnsafeMutableRawPointer) {
    next = start
    self.end = end
  }

  /// Appends the low `bits` of a value that has no others, at most 32.
  @inline(__always)
  mutating func write(_ value: Int, _ bits: Int) {
    word |= UInt64(truncatingIfNeeded: value) << UInt64(count)
    count += bits
    if count >= 32 { flush() }
  }

  @inline(__always)
  private mutating func flush() {
    guard end - next >= 4 else {
      isFull = true
      count = 0
      word = 0
      return
    }
    next.storeBytes(of: UInt32(truncatingIfNeeded: word).littleEndian, as: UInt32.self)
    next += 4
    word >>= 32
    count -= 32
  }

  /// Appends the mark that ends a stream, and fills up its last byte.
  mutating func finish() {
    write(1, 1)
    while count > 0 {
      guard next < end else {
        isFull = true
        return
      }
      next.storeBytes(of: UInt8(truncatingIfNeeded: word), as: UInt8.self)
      next += 1
      word >>= 8
      count -= 8
    }
  }
}
