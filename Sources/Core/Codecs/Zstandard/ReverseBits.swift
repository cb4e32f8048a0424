// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// A bit stream that is read from its last byte towards its first, over pages (RFC 8878, 4.1): the highest set bit of
/// the last byte ends it and is not part of it.
///
/// `container` is the machine word that starts at stored offset `at`, and `used` counts its bits that have been taken,
/// from the highest down. Reading on after the last bit gives arbitrary bits and makes `used` more than a word, for
/// good: `isOverrun` tells it at any time later, so that hot loops need not look.
///
/// Invariants: `start <= at`; `next - low` bytes before the container are in the stream and in the container's frame.
@safe
struct ReverseBits {
  private var bytes = PageVector()
  var container: UInt = 0
  var used = 0
  var next: Bytes
  private(set) var low: Bytes
  private var offsetOfLow = 0
  private var start = 0

  /// An empty stream that has been read to its end.
  init() {
    unsafe low = Bytes(bitPattern: 8)!
    unsafe next = low
    used = Machine.wordBits
  }

  /// Stored offset of the container.
  @inline(__always) private var at: Int { unsafe offsetOfLow &+ (next - low) }

  /// Bytes that `next` may go down before `refill` has to look for another frame.
  @inline(__always) var slack: Int { unsafe next - low }

  /// Whether more bits were taken than there are.
  @inline(__always) var isOverrun: Bool { used > Machine.wordBits }

  /// Whether every bit has been taken, and no more.
  @inline(__always) var isDone: Bool { used == Machine.wordBits && at == start }

  /// Begins the stream of `count` bytes at stored offset `start`, which the caller knows to be inside `bytes`; false
  /// where it is empty, or its last byte is 0 and so marks no end.
  @inline(never)
  mutating func begin(_ bytes: PageVector, start: Int, count: Int) -> Bool {
    guard count > 0 else { return false }
    let last = unsafe Self.run(bytes, start &+ count &- 1).start.load(as: UInt8.self)
    guard last != 0 else { return false }
    self.bytes = bytes
    self.start = start
    let missing = max(0, Machine.wordBytes &- count)
    used = last.leadingZeroBitCount &+ 1 &+ missing &* 8
    place(at: start &+ count &- Machine.wordBytes &+ missing, count: Machine.wordBytes &- missing)
    return true
  }

  @inline(__always)
  private static func run(_ bytes: PageVector, _ position: Int) -> FrameRun {
    unsafe Machine.isSmall ? lookUp(bytes, position) : bytes.unsafeRun(at: position)
  }

  /// Loads `count` bytes from stored offset `at` on, all of which belong to the stream.
  private mutating func place(at: Int, count: Int) {
    let run = Self.run(bytes, at)
    unsafe next = Bytes(run.start)
    unsafe low = next
    offsetOfLow = at
    if count == Machine.wordBytes, run.count >= count {
      let lead = min(bytes.bytesBefore(at), at &- start)
      unsafe low -= lead
      offsetOfLow &-= lead
      unsafe container = UInt(littleEndian: next.loadUnaligned(as: UInt.self))
      return
    }
    // They cross frames, or are all there is: gather them, and leave no slack, so that the next refill comes here again.
    container = 0
    var i = count
    while i > 0 {
      i &-= 1
      unsafe container = container &<< 8 | UInt(Self.run(bytes, at &+ i).start.load(as: UInt8.self))
    }
  }

  /// Makes sure of `wordBits - 7` bits in the container, as far as the stream has them.
  @inline(__always)
  mutating func refill() {
    if slack >= Machine.wordBytes {
      refillInFrame()
    } else {
      refillSlowly()
    }
  }

  /// `refill` for a caller who knows that `slack` is at least a word.
  @inline(__always)
  mutating func refillInFrame() {
    unsafe next -= used &>> 3
    used &= 7
    unsafe container = UInt(littleEndian: next.loadUnaligned(as: UInt.self))
  }

  @inline(never)
  mutating func refillSlowly() {
    let at = self.at
    let back = min(used &>> 3, at &- start)
    guard back > 0 else { return }
    used &-= back &* 8
    place(at: at &- back, count: Machine.wordBytes)
  }

  /// The next `count` bits, 0 ... 31, without taking them.
  @inline(__always)
  func peek(_ count: Int) -> Int {
    let top = container &<< UInt(truncatingIfNeeded: used)
    return Int(truncatingIfNeeded: (top &>> 1) &>> UInt(truncatingIfNeeded: Machine.wordBits &- 1 &- count))
  }

  /// Takes the next `count` bits, 0 ... 31; the caller has refilled in time.
  @inline(__always)
  mutating func read(_ count: Int) -> Int {
    let bits = peek(count)
    used &+= count
    return bits
  }

  /// Refills (in builds for size only if it must), and takes the next `count` bits, at most `wordBits - 7`.
  @inline(never)
  mutating func take(_ count: Int) -> Int {
    if !Machine.isSmall || used &+ count > Machine.wordBits { refill() }
    return read(count)
  }

  /// Takes three numbers of up to 20, 16 and 16 bits, one after the other.
  @inline(never)
  mutating func takeThree(_ first: Int, _ second: Int, _ third: Int) -> (Int, Int, Int) {
    let count = first &+ second &+ third
    if count > Machine.wordBits &- 7 { return (take(first), take(second), take(third)) }
    if used &+ count > Machine.wordBits { refill() }
    var top = container &<< UInt(truncatingIfNeeded: used)
    used &+= count
    @inline(__always) func field(_ count: Int) -> Int {
      let bits = (top &>> 1) &>> UInt(truncatingIfNeeded: ~count)
      top = top &<< UInt(truncatingIfNeeded: count)
      return Int(bitPattern: bits)
    }
    return (field(first), field(second), field(third))
  }
}
