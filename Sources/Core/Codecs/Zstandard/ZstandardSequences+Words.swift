// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

// The loop of 32-bit machines on which time is dearer than text, and which load words at any address.

extension ZstandardDecoder {
  /// Decodes and executes sequences up to position `end`, at least one, with everything in locals, for as long as their bits
  /// fit a container, and their literals and their match the current runs. The first one that does not is left to
  /// ``executeShort(to:)``, or to be executed in pieces; the last one too.
  @inline(never)
  mutating func executeWords(to end: Int) throws(DecodeError) {
    let literalStates = unsafe UnsafePointer(tables.states(.literalLength))
    let offsetStates = unsafe UnsafePointer(tables.states(.offset))
    let matchStates = unsafe UnsafePointer(tables.states(.matchLength))
    var literalState = sequences.literalState
    var offsetState = sequences.offsetState
    var matchState = sequences.matchState
    let historyStart = unsafe window.firstInReach(farthest)
    var to = unsafe window.next
    let limit = unsafe to + min(window.room, min(end, blockLimit) &- window.position)
    var from = unsafe literals.cursor.next
    let firstLiteral = unsafe from
    let literalsEnd = unsafe from + min(literals.cursor.inRun, literals.left)
    var left = sequences.left
    var container = sequences.bits.container
    var used = sequences.bits.used
    var next = unsafe sequences.bits.next
    var low = unsafe sequences.bits.low

    /// Makes sure of `count` bits, as far as the stream has them.
    @inline(__always)
    func need(_ count: Int, _ bits: inout ReverseBits) {
      if used &+ count <= Machine.wordBits { return }
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

    var literalCount = 0
    var matchCount = 0
    var distance = 0
    // Where the loop ends: before a sequence, or before one is executed, or neither.
    var isStuck = false
    var isExecuted = true
    while true {
      let literal = unsafe literalStates + literalState
      let offset = unsafe offsetStates + offsetState
      let match = unsafe matchStates + matchState
      let offsetBits = unsafe Int(offset.pointee.extra)
      let matchBits = unsafe Int(match.pointee.extra)
      let literalBits = unsafe Int(literal.pointee.extra)
      let literalNext = unsafe Int(literal.pointee.bits)
      let matchNext = unsafe Int(match.pointee.bits)
      let offsetNext = unsafe Int(offset.pointee.bits)
      let extra = offsetBits &+ matchBits &+ literalBits
      let more = literalNext &+ matchNext &+ offsetNext
      if _slowPath(max(extra, more) > Machine.wordBits &- 7) {
        isStuck = true
        break
      }
      need(extra, &sequences.bits)
      var top = container &<< UInt(truncatingIfNeeded: used)
      used &+= extra
      @inline(__always) func field(_ count: Int) -> Int {
        let bits = (top &>> 1) &>> UInt(truncatingIfNeeded: ~count)
        top = top &<< UInt(truncatingIfNeeded: count)
        return Int(bitPattern: bits)
      }
      let value = unsafe Int(truncatingIfNeeded: offset.pointee.base) &+ field(offsetBits)
      matchCount = unsafe Int(truncatingIfNeeded: match.pointee.base)
      if matchBits != 0 { matchCount &+= field(matchBits) }
      literalCount = unsafe Int(truncatingIfNeeded: literal.pointee.base)
      if literalBits != 0 { literalCount &+= field(literalBits) }
      left &-= 1
      if left > 0 {
        need(more, &sequences.bits)
        top = container &<< UInt(truncatingIfNeeded: used)
        used &+= more
        literalState = unsafe Int(literal.pointee.next) &+ field(literalNext)
        matchState = unsafe Int(match.pointee.next) &+ field(matchNext)
        offsetState = unsafe Int(offset.pointee.next) &+ field(offsetNext)
      }
      distance = self.distance(value, literals: literalCount)
      isExecuted = false
      // Neither count is over 128 KiB, nor negative.
      let matchStart = unsafe to + literalCount
      if unsafe literalCount > literalsEnd - from || matchCount > limit - matchStart || distance <= 0 || left == 0 {
        break
      }
      var source = unsafe Bytes(matchStart) + (0 &- distance)
      if unsafe distance > matchStart - historyStart {
        guard distance <= farthest,
          let earlier = unsafe earlierRun(of: &window, distance, before: matchStart, count: matchCount &+ 3)
        else { break }
        unsafe source = earlier
      }
      // Copies by words read and write up to 3 bytes more.
      if literalCount > 0 {
        if unsafe literalCount &+ 3 <= literalsEnd - from {
          unsafe wildCopyWords(to, from, literalCount)
        } else {
          unsafe copyRepeating(to, from, literalCount)
        }
      }
      if unsafe distance >= 4 && matchCount &+ 3 <= limit - matchStart {
        unsafe wildCopyWords(matchStart, source, matchCount)
      } else {
        unsafe copyRepeating(matchStart, source, matchCount)
      }
      unsafe from += literalCount
      unsafe to = matchStart + matchCount
      isExecuted = true
      if unsafe to >= limit { break }
    }

    sequences.bits.container = container
    sequences.bits.used = used
    unsafe sequences.bits.next = next
    sequences.literalState = literalState
    sequences.offsetState = offsetState
    sequences.matchState = matchState
    sequences.left = left
    unsafe literals.left &-= from - firstLiteral
    unsafe literals.cursor.next = from
    unsafe window.next = to
    if isStuck { return try executeShort(to: end) }
    if !isExecuted { return try acceptOutlined(literals: literalCount, match: matchCount, distance: distance) }
    // It stays so, and what was executed meanwhile has its bounds.
    if sequences.bits.isOverrun { throw error(.invalid) }
  }
}
