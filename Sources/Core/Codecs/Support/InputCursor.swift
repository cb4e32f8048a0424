// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// A forward position in the stored bytes: `next ..< end` is the rest of the current run.
///
/// Hot loops copy `next` and `end` to locals and give `next` back before they call anything here.
///
/// Invariants: `runStart <= next <= end`; `offsetOfRun + (end - runStart)` never exceeds the vector.
@safe
@usableFromInline
struct InputCursor {
  @usableFromInline let bytes: PageVector
  @usableFromInline var next: Bytes
  @usableFromInline var end: Bytes
  @usableFromInline private(set) var runStart: Bytes
  @usableFromInline private(set) var offsetOfRun: Int

  /// Before the first run, in one of no bytes: who wants a byte goes on to the first run as he does to any other.
  @inlinable @inline(__always)
  init(before bytes: PageVector) {
    self.bytes = bytes
    offsetOfRun = 0
    unsafe next = Bytes(bitPattern: 1)!
    unsafe end = next
    unsafe runStart = next
  }

  /// At the start of the first run.
  init(_ bytes: PageVector) {
    self.init(before: bytes)
    _ = advance()
  }

  /// Stored bytes taken so far.
  @inline(__always) var offset: Int { unsafe offsetOfRun &+ (next - runStart) }

  /// Stored bytes left, in this run and in those after it.
  @inline(__always) var left: Int { bytes.count &- offset }

  /// Bytes left in this run.
  @inline(__always) var inRun: Int { unsafe end - next }

  /// Whether no run follows the current one.
  @inline(__always) var isLastRun: Bool { unsafe offsetOfRun &+ (end - runStart) == bytes.count }

  /// Goes on to the next run once the current one is used up; false at the end of the input.
  @inline(__always)
  mutating func advance() -> Bool { Self.advance(&self) }

  // Not a method: there `self` is in a register that only the long instructions of Thumb reach.
  @inline(never)
  private static func advance(_ cursor: inout InputCursor) -> Bool {
    let offset = cursor.offset
    // At the very end it stays on the last run, so that `left` is 0 and nothing is dereferenced.
    if offset >= cursor.bytes.count { return false }
    cursor.enterRun(at: offset)
    return true
  }

  @inline(__always)
  private mutating func enterRun(at offset: Int) {
    let run = lookUp(bytes, offset)
    offsetOfRun = offset
    unsafe runStart = Bytes(run.start)
    unsafe next = runStart
    unsafe end = runStart + run.count
  }

  /// Moves to `offset`; false, and nothing moved, where that is outside the input. Its very end is inside.
  @discardableResult
  mutating func seek(to offset: Int) -> Bool {
    guard offset >= 0, offset <= bytes.count else { return false }
    if offset == bytes.count {
      // Stay on the last run, at its end, so that `left` is 0 and nothing is dereferenced.
      guard offset > 0 else { return true }
      let last = lookUp(bytes, offset &- 1)
      unsafe runStart = Bytes(last.start)
      offsetOfRun = offset &- 1
      unsafe end = runStart + 1
      unsafe next = end
      return true
    }
    enterRun(at: offset)
    return true
  }

  /// The next byte; -1 at the end of the input.
  @inline(__always)
  mutating func byte() -> Int {
    if unsafe next == end, !advance() { return -1 }
    let value = unsafe next.load(as: UInt8.self)
    unsafe next += 1
    return Int(truncatingIfNeeded: value)
  }

  /// An error that was noticed here.
  @inline(never)
  func error(_ reason: DecodeError.Reason) -> DecodeError { DecodeError(reason, at: offset) }
}
