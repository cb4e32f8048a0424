// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// The extent being filled, and at once all the history that its decoder needs.
///
/// `next ..< end` is the room left in the current run of frames; `runStart ..< next` is the history that is in the
/// same run. Hot loops copy the three to locals, work inside the run, and give `next` back before they call anything
/// here; everything here works across runs.
///
/// Where the frames hold less than `length`, they are used again from the first once the last is full ("a ring"): the
/// decoder then keeps only a window, and a distance beyond ``reach`` is an error instead of wrong bytes.
///
/// Invariants: `runStart <= next <= end`; `positionOfRun + (end - runStart) <= length`.
@safe
@usableFromInline
struct OutputWindow {
  /// Bytes after the current position that a ring does not keep, because wide copies may have run over them.
  @inlinable static var ringSlack: Int { 64 }

  @usableFromInline let frames: MutablePageVector
  /// Decoded bytes of the whole extent, or of the prefix that is decoded.
  @usableFromInline let length: Int
  @usableFromInline var next: MutableBytes
  @usableFromInline private(set) var end: MutableBytes
  @usableFromInline private(set) var runStart: MutableBytes
  /// Position of `runStart` in the extent.
  @usableFromInline private(set) var positionOfRun: Int
  /// Position of `runStart` in `frames`; equals `positionOfRun` unless the frames are a ring.
  @usableFromInline private(set) var frameOfRun: Int

  /// Before the first run, in one without room: who wants some goes on to the first run as he does to any other.
  ///
  /// - Parameters:
  ///   - frames: where the bytes go: `length` bytes, or fewer for a ring (then more than ``ringSlack``).
  ///   - length: decoded bytes of the extent.
  @inlinable @inline(__always)
  init(_ frames: MutablePageVector, length: Int) {
    self.frames = frames
    self.length = max(0, length)
    positionOfRun = 0
    frameOfRun = 0
    unsafe next = MutableBytes(bitPattern: 1)!
    unsafe end = next
    unsafe runStart = next
  }

  /// Whether the frames can hold this extent, or be its ring.
  @inlinable var isUsable: Bool { frames.count >= length || frames.count > Self.ringSlack }

  @inline(__always) var isRing: Bool { frames.count < length }

  /// What ``reach`` grows to.
  @inline(__always) var reachLimit: Int { isRing ? frames.count &- Self.ringSlack : length }

  /// Decoded bytes so far.
  @inline(__always) var position: Int { unsafe positionOfRun &+ (next - runStart) }

  /// Decoded bytes still to come.
  @inline(__always) var left: Int { length &- position }

  /// Bytes of room in the current run.
  @inline(__always) var room: Int { unsafe end - next }

  /// Bytes of history in the current run.
  @inline(__always) var historyInRun: Int { unsafe next - runStart }

  /// The largest distance that a match may have now.
  @inline(__always) var reach: Int {
    let position = self.position
    return isRing ? min(position, frames.count &- Self.ringSlack) : position
  }

  @inline(__always)
  private mutating func enterRun(at position: Int, frame: Int) -> Bool {
    guard position < length, !frames.isEmpty else { return false }
    let frame = frame >= frames.count ? 0 : frame
    let run = lookUp(frames.readOnly, frame)
    positionOfRun = position
    frameOfRun = frame
    unsafe runStart = run.start
    unsafe next = run.start
    let left = length &- position
    unsafe end = run.start + (left < run.count ? left : run.count)
    if Machine.copiesWide, run.count < left, frame &+ run.count < frames.count {
      unsafe prefetchForWriting(lookUp(frames.readOnly, frame &+ run.count).start)
    }
    return true
  }

  /// Goes on to the next run once the current one is full; false at the end of the extent.
  @inline(__always)
  mutating func advance() -> Bool { Self.advance(&self) }

  // Not a method: there `self` is in a register that only the long instructions of Thumb reach.
  @inline(never)
  private static func advance(_ window: inout OutputWindow) -> Bool {
    unsafe window.enterRun(at: window.position, frame: window.frameOfRun &+ (window.next - window.runStart))
  }

  /// Makes sure of at least one byte of room; false at the end of the extent.
  @inline(__always)
  mutating func hasRoom() -> Bool { unsafe next != end || advance() }

  /// Appends one byte; false where the extent is complete.
  @inline(__always)
  mutating func append(_ byte: UInt8) -> Bool {
    guard hasRoom() else { return false }
    unsafe next.storeBytes(of: byte, as: UInt8.self)
    unsafe next += 1
    return true
  }

  /// Appends `count` bytes (at most `left`) that repeat what is `distance` (1 ... `reach`) back.
  @inline(never)
  mutating func appendMatch(distance: Int, count: Int) {
    var count = count
    if Machine.isSmall {
      while count > 0, hasRoom() {
        var step = min(count, room)
        unsafe copyRepeating(next, source(distance, &step), step)
        unsafe next += step
        count &-= step
      }
      return
    }
    while count > 0, hasRoom() {
      let from = unsafe history(distance)
      var step = min(count, room)
      // Where the source is in another run, its end is where it must be looked up again.
      let isElsewhere = distance > historyInRun
      if isElsewhere { step = unsafe min(step, from.count) }
      if !Machine.copiesWide {
        unsafe copyForward(next, from.start, step)
      } else if isElsewhere {
        if unsafe step &+ 16 <= room && step &+ 16 <= from.count {
          unsafe wildCopy16(next, from.start, step)
        } else {
          unsafe copyApart(next, from.start, step)
        }
      } else if step &+ 16 <= room {
        unsafe wildRepeat(next, distance: distance, step)
      } else if distance >= 16 {
        unsafe copyApart(next, from.start, step)
      } else {
        unsafe repeatNearExactly(next, distance: distance, step)
      }
      unsafe next += step
      count &-= step
    }
  }

  /// As `appendMatch`, but touches no byte after the `count` that it appends.
  @inline(never)
  mutating func appendMatchExactly(distance: Int, count: Int) {
    var count = count
    while count > 0, hasRoom() {
      let from = unsafe history(distance)
      var step = min(count, room)
      if distance > historyInRun { step = unsafe min(step, from.count) }
      unsafe copyForward(next, from.start, step)
      unsafe next += step
      count &-= step
    }
  }

  /// Appends `count` bytes (at most `left`) from `input`; false where it holds fewer.
  @inline(never)
  mutating func appendLiterals(from input: inout InputCursor, count: Int) -> Bool {
    var count = count
    while count > 0 {
      if input.inRun == 0, !input.advance() { return false }
      guard hasRoom() else { return false }
      let step = min(count, min(room, input.inRun))
      if Machine.copiesWide, step &+ 16 <= room, step &+ 16 <= input.inRun {
        unsafe wildCopy16(next, input.next, step)
      } else if Machine.isSmall {
        unsafe copyRepeating(next, input.next, step)
      } else {
        unsafe copyExact(next, input.next, step)
      }
      unsafe next += step
      unsafe input.next += step
      count &-= step
    }
    return true
  }

  /// Appends `count` times the same byte; at most `left`.
  mutating func appendRun(of byte: UInt8, count: Int) {
    var count = count
    while count > 0, hasRoom() {
      let step = min(count, room)
      unsafe next.initializeMemory(as: UInt8.self, repeating: byte, count: step)
      unsafe next += step
      count &-= step
    }
  }
}
