// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

// 32-bit machines have these instead of the loops for runs: a loop for sequences without length bytes, which are nearly all,
// with everything in registers; and a function that copies the others piece by piece.

extension LZ4Decoder {
  /// Bytes of input for a sequence without length bytes: a token, 14 literals, a distance.
  private static var shortInput: Int { 17 }
  /// Bytes of output for it, 14 literals and a match of 18; and 5 more, so that its match keeps the end rules whatever
  /// follows.
  private static var shortRoom: Int { 37 }

  /// Decodes sequences from a token on, as long as none has length bytes and both runs have some room. It leaves off before
  /// a token, or in a match that is in another run.
  @inline(never)
  static func decodeShort(_ decoder: inout LZ4Decoder, atMost limit: Int) {
    let historyStart = unsafe decoder.output.firstInReach(decoder.output.reachLimit)
    var from = unsafe decoder.input.next
    var to = unsafe decoder.output.next
    let inputEnd = unsafe decoder.input.end
    let outputEnd = unsafe to + min(limit, decoder.output.room)
    while unsafe inputEnd - from >= shortInput && outputEnd - to >= shortRoom {
      let token = unsafe Int(truncatingIfNeeded: from.load(as: UInt8.self))
      let literals = token &>> 4
      var match = token & 15
      if literals == 15 || match == 15 { break }
      match &+= minimumMatch
      unsafe from += 1
      if literals > 0 { unsafe copyRepeating(to, from, literals) }
      unsafe from += literals
      unsafe to += literals
      let distance = unsafe Int(truncatingIfNeeded: UInt16(littleEndian: from.loadUnaligned(as: UInt16.self)))
      unsafe from += 2
      decoder.matchToken = token
      decoder.distance = distance
      if unsafe distance > to - historyStart || distance == 0 {
        decoder.count = match
        decoder.stage = .match
        break
      }
      unsafe copyRepeating(to, Bytes(to) + (0 &- distance), match)
      unsafe to += match
    }
    unsafe decoder.input.next = from
    unsafe decoder.output.next = to
  }

  /// Copies literals or bytes of a match, `limit` at most (and that is there to be written), as far as the runs go.
  @inline(__always)
  mutating func copyPiece(atMost limit: Int) -> DecodeError.Reason? {
    if count > 0 {
      _ = output.hasRoom()
      var step = min(min(limit, count), output.room)
      var from: Bytes
      if stage == .match {
        if distance == 0 { return .invalid }
        if distance > output.reach { return .distance }
        unsafe from = output.source(distance, &step)
      } else {
        if input.inRun == 0, !input.advance() { return .inputEnded }
        unsafe from = input.next
        step = min(step, input.inRun)
        unsafe input.next += step
      }
      unsafe copyRepeating(output.next, from, step)
      unsafe output.next += step
      count &-= step
    }
    if count == 0 { stage = stage == .match ? .token : .distance }
    return nil
  }
}
