// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

extension ZstandardDecoder {
  /// Moves the last few literals to scratch memory, where wide copies may read on after them.
  private mutating func liftLiterals() {
    let scratch = unsafe tables.scratch
    for i in 0..<literals.left {
      unsafe scratch.storeBytes(
        of: UInt8(truncatingIfNeeded: literals.cursor.byte()), toByteOffset: i, as: UInt8.self)
    }
    literals.source = .stored
    unsafe literals.cursor = InputCursor(PageVector(unsafeContiguous: Bytes(scratch), count: literals.left &+ 32))
  }

  /// Decodes and executes sequences for as long as their literals, their match and its source are well inside the
  /// current runs, with everything in locals. The first one that does not is left to be executed by those who take care.
  ///
  /// Only for 64-bit machines: one container holds the bits of nearly every sequence.
  mutating func executeFast(to end: Int) throws(DecodeError) {
    guard window.hasRoom() else { return }
    let start = unsafe window.runStart
    if unsafe window.end - start == window.length {
      try unsafe executeInRun(to: end, RunHistory(start: start))
    } else {
      try unsafe executeInRun(
        to: end, FrameHistory(frames: window.frames, frame: window.frameOfRun, start: start, reach: farthest))
    }
  }

  @inline(never)
  private mutating func executeInRun(to end: Int, _ history: some MatchHistory) throws(DecodeError) {
    let literalStates = unsafe UnsafePointer(tables.states(.literalLength))
    let offsetStates = unsafe UnsafePointer(tables.states(.offset))
    let matchStates = unsafe UnsafePointer(tables.states(.matchLength))
    var literalState = sequences.literalState
    var offsetState = sequences.offsetState
    var matchState = sequences.matchState
    var recent0 = sequences.recent0
    var recent1 = sequences.recent1
    var recent2 = sequences.recent2
    var left = sequences.left

    if literals.cursor.inRun == 0, literals.left > 0 { try fetchLiterals() }
    if literals.left <= 32, literals.cursor.inRun < literals.left &+ 32, literals.source != .coded { liftLiterals() }
    let position = window.position
    let farthest = self.farthest
    var out = unsafe window.next
    // Matches end at or before `outLimit`, so that wide copies stay inside the run.
    let outLimit = unsafe out + min(window.room &- 32, min(end, blockLimit) &- position)
    var from = unsafe literals.cursor.next
    let firstLiteral = unsafe from
    let fromLimit = unsafe from + min(literals.cursor.inRun &- 32, literals.left)
    // Literals that wait in this very run must not be overwritten either.
    let literalsAreAhead = literals.source == .tail && window.left &- literals.left < window.room
    let lead = literalsAreAhead ? -32 : Int.max &>> 1

    var container = sequences.bits.container
    var used = sequences.bits.used
    var next = unsafe sequences.bits.next
    var low = unsafe sequences.bits.low

    @inline(__always)
    func refill(_ bits: inout ReverseBits) {
      if unsafe next - low >= Machine.wordBytes {
        unsafe next -= used &>> 3
        used &= 7
        unsafe container = UInt(littleEndian: next.loadUnaligned(as: UInt.self))
      } else {
        bits.container = container
        bits.used = used
        unsafe bits.next = next
        bits.refillSlowly()
        container = bits.container
        used = bits.used
        unsafe next = bits.next
        unsafe low = bits.low
      }
    }
    /// The next `count` bits, at least 1.
    @inline(__always)
    func read(_ count: Int) -> Int {
      let bits = (container &<< UInt(bitPattern: used)) &>> UInt(bitPattern: 0 &- count)
      used &+= count
      return Int(bitPattern: bits)
    }

    var literalCount = 0
    var matchCount = 0
    var distance = 0
    var isExecuted: Bool
    repeat {
      refill(&sequences.bits)
      // What leads to the next states is read later, when registers are free again.
      let literal = unsafe literalStates + literalState
      let match = unsafe matchStates + matchState
      let offset = unsafe offsetStates + offsetState
      let offsetBits = unsafe Int(offset.pointee.extra)
      let matchBits = unsafe Int(match.pointee.extra)
      let literalBits = unsafe Int(literal.pointee.extra)
      literalCount = unsafe Int(literal.pointee.base)
      matchCount = unsafe Int(match.pointee.base)
      if offsetBits > 1 {
        distance = unsafe Int(offset.pointee.base) &- 3 &+ read(offsetBits)
        recent2 = recent1
        recent1 = recent0
        recent0 = distance
      } else {
        // One of the recent distances; where no literals come first, the one after it.
        let noLiterals = literalCount == 0
        if offsetBits == 0 {
          if noLiterals {
            distance = recent1
            recent1 = recent0
            recent0 = distance
          } else {
            distance = recent0
          }
        } else {
          let index = 1 &+ read(1) &+ (noLiterals ? 1 : 0)
          distance = index == 1 ? recent1 : index == 2 ? recent2 : recent0 &- 1
          if index != 1 { recent2 = recent1 }
          recent1 = recent0
          recent0 = distance
        }
      }
      if matchBits > 0 { matchCount &+= read(matchBits) }
      // At least 57 bits at first; the three states need up to 26 more.
      if offsetBits &+ matchBits &+ literalBits > 31 { refill(&sequences.bits) }
      if literalBits > 0 { literalCount &+= read(literalBits) }
      left &-= 1
      if left > 0 {
        var top = container &<< UInt(bitPattern: used)
        let literalNext = unsafe Int(literal.pointee.bits)
        let matchNext = unsafe Int(match.pointee.bits)
        let offsetNext = unsafe Int(offset.pointee.bits)
        literalState =
          unsafe Int(literal.pointee.next) &+ Int(bitPattern: (top &>> 1) &>> UInt(bitPattern: ~literalNext))
        top = top &<< UInt(bitPattern: literalNext)
        matchState = unsafe Int(match.pointee.next) &+ Int(bitPattern: (top &>> 1) &>> UInt(bitPattern: ~matchNext))
        top = top &<< UInt(bitPattern: matchNext)
        offsetState = unsafe Int(offset.pointee.next) &+ Int(bitPattern: (top &>> 1) &>> UInt(bitPattern: ~offsetNext))
        used &+= literalNext &+ matchNext &+ offsetNext
      }

      let fromEnd = unsafe from + literalCount
      let matchStart = unsafe out + literalCount
      let matchEnd = unsafe matchStart + matchCount
      isExecuted =
        unsafe fromEnd <= fromLimit && matchEnd <= outLimit && matchEnd - MutableBytes(mutating: fromEnd) <= lead
        && UInt(bitPattern: distance &- 1) < UInt(bitPattern: farthest)
      if !isExecuted { break }
      guard let source = unsafe history.find(distance, before: matchStart, count: matchCount &+ 32) else {
        isExecuted = false
        break
      }
      unsafe wildCopyMostly16(out, from, literalCount)
      if distance >= 16 {
        unsafe wildCopyMostly16(matchStart, source, matchCount)
      } else {
        unsafe wildRepeat(matchStart, distance: distance, matchCount)
      }
      unsafe from = fromEnd
      unsafe out = matchEnd
    } while left > 0

    sequences.bits.container = container
    sequences.bits.used = used
    unsafe sequences.bits.next = next
    sequences.literalState = literalState
    sequences.offsetState = offsetState
    sequences.matchState = matchState
    sequences.recent0 = recent0
    sequences.recent1 = recent1
    sequences.recent2 = recent2
    sequences.left = left
    unsafe literals.left &-= from - firstLiteral
    unsafe literals.cursor.next = from
    unsafe window.next = out
    if !isExecuted {
      try acceptOutlined(literals: literalCount, match: matchCount, distance: distance)
    } else if !sequences.bits.isDone {
      throw error(.invalid)
    }
  }
}
