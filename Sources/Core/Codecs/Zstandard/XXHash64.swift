// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// XXH64 with seed 0, over bytes that are in the frames of an output window: the checksum of a Zstandard frame.
@safe
struct XXHash64 {
  private static var prime1: UInt64 { 0x9E37_79B1_85EB_CA87 }
  private static var prime2: UInt64 { 0xC2B2_AE3D_27D4_EB4F }
  private static var prime3: UInt64 { 0x1656_67B1_9E37_79F9 }
  private static var prime4: UInt64 { 0x85EB_CA77_C2B2_AE63 }
  private static var prime5: UInt64 { 0x27D4_EB2F_1656_67C5 }

  /// Four numbers that take the input's words in turn.
  private let lanes: UnsafeMutablePointer<UInt64>
  /// Bytes that have gone into the lanes, a multiple of 32.
  private(set) var hashed = 0

  /// - Parameter lanes: memory for four numbers.
  init(unsafeLanes lanes: UnsafeMutablePointer<UInt64>) {
    unsafe self.lanes = lanes
    unsafe lanes[0] = Self.prime1 &+ Self.prime2
    unsafe lanes[1] = Self.prime2
    unsafe lanes[2] = 0
    unsafe lanes[3] = 0 &- Self.prime1
  }

  @inline(__always)
  private static func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 { value &<< bits | value &>> (64 &- bits) }

  @inline(__always)
  private static func round(_ lane: UInt64, _ word: UInt64) -> UInt64 {
    rotate(lane &+ word &* prime2, 31) &* prime1
  }

  @inline(__always)
  private static func load(_ from: Bytes) -> UInt64 {
    unsafe UInt64(littleEndian: from.loadUnaligned(as: UInt64.self))
  }

  /// `round` for where text counts more than time.
  @inline(never)
  private static func call(_ lane: UInt64, _ word: UInt64) -> UInt64 { round(lane, word) }

  /// `bytes` (1 ... 8) bytes from `frame` on, as a little-endian number; `frame` goes on by as many.
  @inline(never)
  private static func word(_ frames: PageVector, _ frame: inout Int, bytes: Int) -> UInt64 {
    var low: UInt32 = 0
    var high: UInt32 = 0
    for i in 0..<bytes {
      if frame == frames.count { frame = 0 }
      let byte = unsafe UInt32(frames.unsafeRun(at: frame).start.load(as: UInt8.self))
      let shifted = byte &<< UInt32(truncatingIfNeeded: i & 3 &* 8)
      if i < 4 { low |= shifted } else { high |= shifted }
      frame &+= 1
    }
    return UInt64(high) &<< 32 | UInt64(low)
  }

  /// Takes the bytes up to `position` in, but for the last ones that make no 32.
  ///
  /// - Parameters:
  ///   - frames: hold the bytes from `hashed` on; not empty.
  ///   - frame: where in `frames` the byte `hashed` is.
  @inline(never)
  mutating func update(_ frames: PageVector, frame: inout Int, to position: Int) {
    while position &- hashed >= 32 {
      if frame == frames.count { frame = 0 }
      let run = unsafe frames.unsafeRun(at: frame)
      var left = min(run.count, position &- hashed)
      if Machine.copiesWide, left >= 32 {
        var next = unsafe Bytes(run.start)
        var (lane0, lane1, lane2, lane3) = unsafe (lanes[0], lanes[1], lanes[2], lanes[3])
        let before = left
        while left >= 32 {
          unsafe lane0 = Self.round(lane0, Self.load(next))
          unsafe lane1 = Self.round(lane1, Self.load(next + 8))
          unsafe lane2 = Self.round(lane2, Self.load(next + 16))
          unsafe lane3 = Self.round(lane3, Self.load(next + 24))
          unsafe next += 32
          left &-= 32
        }
        unsafe (lanes[0], lanes[1], lanes[2], lanes[3]) = (lane0, lane1, lane2, lane3)
        hashed &+= before &- left
        frame &+= before &- left
      } else {
        for i in 0..<4 { unsafe lanes[i] = Self.call(lanes[i], Self.word(frames, &frame, bytes: 8)) }
        hashed &+= 32
      }
    }
  }

  /// The low 32 bits of the hash of `total` bytes; at most 31 of them are not in the hash yet, and start at `frame`.
  func finish(_ frames: PageVector, frame: Int, total: Int) -> UInt32 {
    var frame = frame
    var left = total &- hashed
    var hash = Self.prime5
    if hashed > 0 {
      hash = unsafe Self.rotate(lanes[0], 1) &+ Self.rotate(lanes[1], 7)
      hash &+= unsafe Self.rotate(lanes[2], 12) &+ Self.rotate(lanes[3], 18)
      var lane = unsafe lanes
      while unsafe lane < lanes + 4 {
        hash = unsafe (hash ^ Self.call(0, lane.pointee)) &* Self.prime1 &+ Self.prime4
        unsafe lane += 1
      }
    }
    hash &+= UInt64(truncatingIfNeeded: total)
    while left > 0 {
      // Eight bytes at a time, then four, then one.
      let bytes = left >= 8 ? 8 : left >= 4 ? 4 : 1
      let word = Self.word(frames, &frame, bytes: bytes)
      if bytes == 8 {
        hash = Self.rotate(hash ^ Self.call(0, word), 27) &* Self.prime1 &+ Self.prime4
      } else if bytes == 4 {
        hash = Self.rotate(hash ^ word &* Self.prime1, 23) &* Self.prime2 &+ Self.prime3
      } else {
        hash = Self.rotate(hash ^ word &* Self.prime5, 11) &* Self.prime1
      }
      left &-= bytes
    }
    hash = (hash ^ hash &>> 33) &* Self.prime2
    hash = (hash ^ hash &>> 29) &* Self.prime3
    return UInt32(truncatingIfNeeded: hash ^ hash &>> 32)
  }
}
