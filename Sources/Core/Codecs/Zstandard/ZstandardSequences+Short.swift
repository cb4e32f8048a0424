// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

// Sequences on 32-bit machines: those that are in the current runs are executed as they are decoded.

extension ZstandardDecoder {
  @inline(__always) var copiesWords: Bool { Machine.copiesWords(storedBytes: input.bytes.count) }

  /// Decodes and executes sequences up to position `end`, at least one, for as long as their literals, their match and its
  /// source are in the current runs: what ``executeWords(to:)`` leaves. The first one that does not, and the last, are left
  /// to be executed in pieces.
  @inline(never)
  mutating func executeShort(to end: Int) throws(DecodeError) {
    let historyStart = unsafe window.firstInReach(farthest)
    let limit = unsafe window.next + min(window.room, min(end, blockLimit) &- window.position)
    let literalsEnd = unsafe literals.cursor.next + min(literals.cursor.inRun, literals.left)
    repeat {
      let sequence = decodeSequence()
      let from = unsafe literals.cursor.next
      let to = unsafe window.next
      // Neither count is over 128 KiB, nor negative.
      let matchStart = unsafe to + sequence.literals
      if unsafe sequence.literals > literalsEnd - from || sequence.match > limit - matchStart
        || sequence.distance > matchStart - historyStart || sequence.distance <= 0
        || sequences.left == 0
      {
        return try accept(literals: sequence.literals, match: sequence.match, distance: sequence.distance)
      }
      if sequence.literals > 0 { unsafe copyRepeating(to, from, sequence.literals) }
      unsafe copyRepeating(matchStart, Bytes(matchStart) + (0 &- sequence.distance), sequence.match)
      unsafe literals.cursor.next = from + sequence.literals
      literals.left &-= sequence.literals
      unsafe window.next = matchStart + sequence.match
    } while unsafe window.next < limit && !copiesWords
    // It stays so, and what was executed meanwhile has its bounds.
    if sequences.bits.isOverrun { throw error(.invalid) }
  }

  /// Decodes one sequence (RFC 8878, 3.1.1.4).
  @inline(never)
  private mutating func decodeSequence() -> (literals: Int, match: Int, distance: Int) {
    let literal = unsafe tables.states(.literalLength) + sequences.literalState
    let offset = unsafe tables.states(.offset) + sequences.offsetState
    let match = unsafe tables.states(.matchLength) + sequences.matchState
    let extra = unsafe sequences.bits.takeThree(
      Int(offset.pointee.extra), Int(match.pointee.extra), Int(literal.pointee.extra))
    let value = unsafe Int(truncatingIfNeeded: offset.pointee.base) &+ extra.0
    let matchCount = unsafe Int(truncatingIfNeeded: match.pointee.base) &+ extra.1
    let literalCount = unsafe Int(truncatingIfNeeded: literal.pointee.base) &+ extra.2
    sequences.left &-= 1
    if sequences.left > 0 {
      let bits = unsafe sequences.bits.takeThree(
        Int(literal.pointee.bits), Int(match.pointee.bits), Int(offset.pointee.bits))
      sequences.literalState = unsafe Int(literal.pointee.next) &+ bits.0
      sequences.matchState = unsafe Int(match.pointee.next) &+ bits.1
      sequences.offsetState = unsafe Int(offset.pointee.next) &+ bits.2
    }
    // A code of 31 makes a distance that is negative here, and refused as every code over 20 is: for being too far.
    return (literalCount, matchCount, distance(value, literals: literalCount))
  }
}
