// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

// The copies that all decoders share. They are the only ones that may write past the end of the copy ("wild"): each
// says by how much, and its caller has made sure of the room.

@usableFromInline
typealias Bytes = UnsafeRawPointer
@usableFromInline
typealias MutableBytes = UnsafeMutableRawPointer

@inline(__always)
func copy8(_ to: MutableBytes, _ from: Bytes) {
  unsafe to.storeBytes(of: from.loadUnaligned(as: UInt64.self), as: UInt64.self)
}

@inline(__always)
func copy16(_ to: MutableBytes, _ from: Bytes) {
  let a = unsafe from.loadUnaligned(as: UInt64.self)
  let b = unsafe from.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
  unsafe to.storeBytes(of: a, as: UInt64.self)
  unsafe to.storeBytes(of: b, toByteOffset: 8, as: UInt64.self)
}

/// Copies 18 bytes: 8, 8 and 2, so that `to` may be as little as 8 past `from`.
@inline(__always)
func copy18(_ to: MutableBytes, _ from: Bytes) {
  unsafe copy8(to, from)
  unsafe copy8(to + 8, from + 8)
  unsafe (to + 16).storeBytes(of: (from + 16).loadUnaligned(as: UInt16.self), as: UInt16.self)
}

// By words of 4 bytes, lowest first, so that `to` may be as little as 4 past `from`.

@inline(__always)
private func copyWord(_ to: MutableBytes, _ from: Bytes, _ at: Int) {
  unsafe to.storeBytes(of: from.loadUnaligned(fromByteOffset: at, as: UInt32.self), toByteOffset: at, as: UInt32.self)
}

/// Copies `count` bytes: reads and writes up to 3 bytes past the end (4 where count is 0).
@inline(__always)
func wildCopyWords(_ to: MutableBytes, _ from: Bytes, _ count: Int) {
  var to = unsafe to
  var from = unsafe from
  let end = unsafe to + count
  repeat {
    unsafe copyWord(to, from, 0)
    unsafe to += 4
    unsafe from += 4
  } while unsafe to < end
}

@inline(__always)
func copyWords16(_ to: MutableBytes, _ from: Bytes) {
  unsafe copyWord(to, from, 0)
  unsafe copyWord(to, from, 4)
  unsafe copyWord(to, from, 8)
  unsafe copyWord(to, from, 12)
}

/// Copies `count` bytes by sixteen: reads and writes up to 15 bytes past the end (16 where count is 0).
@inline(__always)
func wildCopyWords16(_ to: MutableBytes, _ from: Bytes, _ count: Int) {
  var to = unsafe to
  var from = unsafe from
  let end = unsafe to + count
  repeat {
    unsafe copyWords16(to, from)
    unsafe to += 16
    unsafe from += 16
  } while unsafe to < end
}

/// Copies `count` bytes by sixteen: reads and writes up to 15 bytes past the end (16 where count is 0). Where the two
/// overlap, `to` must be at least 16 past `from`.
@inline(__always)
func wildCopy16(_ to: MutableBytes, _ from: Bytes, _ count: Int) {
  var to = unsafe to
  var from = unsafe from
  let end = unsafe to + count
  repeat {
    unsafe copy16(to, from)
    unsafe to += 16
    unsafe from += 16
  } while unsafe to < end
}

/// As `wildCopy16`, for counts that seldom are over 16: those go by 32, which mispredicts less. Reads and writes up to
/// 31 bytes past the end (16 where count is 0).
@inline(__always)
func wildCopyMostly16(_ to: MutableBytes, _ from: Bytes, _ count: Int) {
  unsafe copy16(to, from)
  if count <= 16 { return }
  var to = unsafe to + 16
  var from = unsafe from + 16
  let end = unsafe to + (count &- 16)
  repeat {
    unsafe copy16(to, from)
    unsafe copy16(to + 16, from + 16)
    unsafe to += 32
    unsafe from += 32
  } while unsafe to < end
}

/// As `wildCopy16`, for counts that seldom are over 32. Reads and writes up to 31 bytes past the end.
@inline(__always)
func wildCopyMostly32(_ to: MutableBytes, _ from: Bytes, _ count: Int) {
  unsafe copy16(to, from)
  unsafe copy16(to + 16, from + 16)
  if count > 32 { unsafe wildCopy16(to + 32, from + 32, count &- 32) }
}

/// Copies by eight, for counts that seldom are over 24, up to `end`: reads and writes up to 23 bytes past it. Where the two
/// overlap, `to` must be at least 8 past `from`.
@inline(__always)
func wildCopyMostly24(_ to: MutableBytes, _ from: Bytes, _ count: Int, end: MutableBytes) {
  unsafe copy8(to, from)
  unsafe copy8(to + 8, from + 8)
  unsafe copy8(to + 16, from + 16)
  if _slowPath(count > 24) {
    var to = unsafe to + 24
    var from = unsafe from
    repeat {
      unsafe copy8(to, from + 24)
      unsafe to += 8
      unsafe from += 8
    } while unsafe to < end
  }
}

/// Repeats the `distance` bytes before `to` until `count` bytes are written. Writes up to 15 bytes past the end (16 where
/// count is 0).
@inline(__always)
func wildRepeat(_ to: MutableBytes, distance: Int, _ count: Int) {
  if distance >= 16 {
    unsafe wildCopy16(to, Bytes(to) - distance, count)
  } else {
    unsafe wildRepeatNear(to, distance: distance, count)
  }
}

/// ``wildRepeat(_:distance:_:)`` for distances below 16.
@inline(__always)
func wildRepeatNear(_ to: MutableBytes, distance: Int, _ count: Int) {
  var to = unsafe to
  let end = unsafe to + count
  var from = unsafe Bytes(to) - distance
  if distance & (distance &- 1) == 0 {
    // A period of 1, 2, 4 or 8 fits a word: no load has to wait for a store.
    let word: UInt64
    switch distance {
    case 1: word = unsafe UInt64(from.load(as: UInt8.self)) &* 0x0101_0101_0101_0101
    case 2: word = unsafe UInt64(from.loadUnaligned(as: UInt16.self)) &* 0x0001_0001_0001_0001
    case 4: word = unsafe UInt64(from.loadUnaligned(as: UInt32.self)) &* 0x0000_0001_0000_0001
    default: word = unsafe from.loadUnaligned(as: UInt64.self)
    }
    repeat {
      unsafe to.storeBytes(of: word, as: UInt64.self)
      unsafe to.storeBytes(of: word, toByteOffset: 8, as: UInt64.self)
      unsafe to += 16
    } while unsafe to < end
    return
  }
  if distance < 8 {
    // Eight bytes one by one; after them the source may lag by any multiple of the distance, so by one that is >= 8.
    for i in 0..<8 {
      unsafe to.storeBytes(of: from.load(fromByteOffset: i, as: UInt8.self), toByteOffset: i, as: UInt8.self)
    }
    unsafe to += 8
    // distance * ceil(8 / distance), a nibble each for distances 1 ... 7
    let lag = Int(truncatingIfNeeded: (0xECA8_9880 as UInt32 &>> UInt32(truncatingIfNeeded: distance &* 4)) & 15)
    unsafe from = Bytes(to) - lag
    if unsafe to >= end { return }
  }
  repeat {
    unsafe copy8(to, from)
    unsafe to += 8
    unsafe from += 8
  } while unsafe to < end
}

/// ``wildRepeatNear(_:distance:_:)``, called: for loops with better things to do with their registers.
@inline(never)
func wildRepeatNearOutlined(_ to: MutableBytes, distance: Int, _ count: Int) {
  unsafe wildRepeatNear(to, distance: distance, count)
}

/// Repeats the `distance` (1 ... 7) bytes before `to` up to `end`, and up to 7 bytes past it.
///
/// It loads once: a load of bytes that were just stored one by one waits until they have left the store queue.
@inline(never)
func wildRepeatShort(_ to: MutableBytes, distance: Int, end: MutableBytes) {
  let width = UInt64(truncatingIfNeeded: distance &* 8)
  var pattern = unsafe (Bytes(to) + (0 &- distance)).loadUnaligned(as: UInt64.self).littleEndian
  pattern &= (1 &<< width) &- 1
  pattern |= pattern &<< width
  if distance < 4 {
    pattern |= pattern &<< (width &* 2)
    if distance == 1 { pattern |= pattern &<< 32 }
  }
  // The largest multiple of the distance that is at most 8, a nibble each for distances 1 ... 7.
  let step = Int((0x7658_6880 as UInt32 &>> UInt32(truncatingIfNeeded: distance &* 4)) & 15)
  var to = unsafe to
  repeat {
    unsafe to.storeBytes(of: pattern.littleEndian, as: UInt64.self)
    unsafe to += step
  } while unsafe to < end
}

/// Repeats the `distance` bytes before `to`, fewer than 16, until exactly `count` bytes are written.
@inline(never)
func repeatNearExactly(_ to: MutableBytes, distance: Int, _ count: Int) {
  if count < 48 { return unsafe copyForward(to, Bytes(to) - distance, count) }
  // The last 16 are copied from as many periods back as are no less: the rest is long enough to hold them.
  let rest = count &- 16
  unsafe wildRepeatNear(to, distance: distance, rest)
  var lag = distance
  while lag < 16 { lag &+= lag }
  unsafe copy16(to + rest, Bytes(to) + (rest &- lag))
}

/// Copies exactly `count` bytes, by pieces of one size, of which the last overlaps the one before: ever smaller ones would
/// mispredict once for each. Where the two overlap, `to` must be at least 16 past `from`.
@inline(__always)
func copyApart(_ to: MutableBytes, _ from: Bytes, _ count: Int) {
  if count >= 16 {
    let last = count &- 16
    var i = 0
    while i < last {
      unsafe copy16(to + i, from + i)
      i &+= 16
    }
    unsafe copy16(to + last, from + last)
  } else {
    unsafe copyBelow16(to, from, count)
  }
}

/// As ``copyApart(_:_:_:)``, where `to` may also be before `from` by any number of bytes.
@inline(__always)
func copyDown(_ to: MutableBytes, _ from: Bytes, _ count: Int) {
  if count >= 16 {
    let last = count &- 16
    let a = unsafe from.loadUnaligned(fromByteOffset: last, as: UInt64.self)
    let b = unsafe from.loadUnaligned(fromByteOffset: last &+ 8, as: UInt64.self)
    var i = 0
    while i < last {
      unsafe copy16(to + i, from + i)
      i &+= 16
    }
    unsafe to.storeBytes(of: a, toByteOffset: last, as: UInt64.self)
    unsafe to.storeBytes(of: b, toByteOffset: last &+ 8, as: UInt64.self)
  } else {
    unsafe copyBelow16(to, from, count)
  }
}

/// Copies exactly `count` bytes, fewer than 16, all of which are read before any is written.
@inline(__always)
private func copyBelow16(_ to: MutableBytes, _ from: Bytes, _ count: Int) {
  if count >= 8 {
    let a = unsafe from.loadUnaligned(as: UInt64.self)
    let b = unsafe from.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
    unsafe to.storeBytes(of: a, as: UInt64.self)
    unsafe to.storeBytes(of: b, toByteOffset: count &- 8, as: UInt64.self)
  } else if count >= 4 {
    let a = unsafe from.loadUnaligned(as: UInt32.self)
    let b = unsafe from.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self)
    unsafe to.storeBytes(of: a, as: UInt32.self)
    unsafe to.storeBytes(of: b, toByteOffset: count &- 4, as: UInt32.self)
  } else if count > 0 {
    let a = unsafe from.load(as: UInt8.self)
    let b = unsafe from.load(fromByteOffset: count &>> 1, as: UInt8.self)
    let c = unsafe from.load(fromByteOffset: count &- 1, as: UInt8.self)
    unsafe to.storeBytes(of: a, as: UInt8.self)
    unsafe to.storeBytes(of: b, toByteOffset: count &>> 1, as: UInt8.self)
    unsafe to.storeBytes(of: c, toByteOffset: count &- 1, as: UInt8.self)
  }
}

/// Copies exactly `count` bytes, lowest first, so that an overlapping source repeats.
@inline(__always)
func copyForward(_ to: MutableBytes, _ from: Bytes, _ count: Int) {
  var i = 0
  while i < count {
    unsafe to.storeBytes(of: from.load(fromByteOffset: i, as: UInt8.self), toByteOffset: i, as: UInt8.self)
    i &+= 1
  }
}

/// ``copyForward(_:_:_:)`` for small machines, once for all who call it. `count` is not negative.
@inline(never)
func copyRepeating(_ to: MutableBytes, _ from: Bytes, _ count: Int) { unsafe copyRepeatingInlined(to, from, count) }

/// ``copyRepeating(_:_:_:)`` for short matches, for which a call would double what they take. It takes more text.
@inline(__always)
func copyRepeatingInlined(_ to: MutableBytes, _ from: Bytes, _ count: Int) {
  var to = unsafe to
  var from = unsafe from
  var left = count
  if Machine.loadsAnyWord {
    // The difference has no sign: of a source above `to` it is large, and such a source may be copied by words too.
    if UInt(bitPattern: unsafe Bytes(to) - from) >= 4 {
      var words = left &>> 2
      while words != 0 {
        unsafe to.storeBytes(of: from.loadUnaligned(as: UInt32.self), as: UInt32.self)
        unsafe to += 4
        unsafe from += 4
        words &-= 1
      }
      left &= 3
    }
    while left != 0 {
      unsafe to.storeBytes(of: from.load(as: UInt8.self), as: UInt8.self)
      unsafe to += 1
      unsafe from += 1
      left &-= 1
    }
    return
  }
  // By four, since counting and stepping take more than a byte does; the odd ones first, so that only the end is left to
  // compare with. Such a loop is not unrolled either.
  let end = unsafe to + count
  @inline(__always) func copyBytes(_ count: Int) {
    unsafe copyForward(to, from, count)
    unsafe to += count
    unsafe from += count
  }
  if count & 1 != 0 { copyBytes(1) }
  if count & 2 != 0 { copyBytes(2) }
  while unsafe to != end { copyBytes(4) }
}

/// Copies exactly `count` bytes that do not overlap; or `to` is before `from`.
@inline(__always)
func copyExact(_ to: MutableBytes, _ from: Bytes, _ count: Int) {
  if Machine.copiesWide {
    unsafe copyDown(to, from, count)
  } else {
    unsafe copyForward(to, from, count)
  }
}

/// The run of `vector` at `position`, which is in it. One copy of the look-up where copies are not wide.
@inline(__always)
func lookUp(_ vector: PageVector, _ position: Int) -> FrameRun {
  unsafe Machine.copiesWide ? vector.unsafeRun(at: position) : lookUpOutlined(vector, position)
}

@inline(never)
private func lookUpOutlined(_ vector: PageVector, _ position: Int) -> FrameRun { unsafe vector.unsafeRun(at: position) }
