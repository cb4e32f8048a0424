// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

// The loop of 32-bit machines on which time is dearer than text, and which load words at any address: it copies by words that
// may run over the end of a copy, and knows sequences with length bytes too.

@inline(__always)
private func load8(_ from: Bytes) -> Int { unsafe Int(truncatingIfNeeded: from.load(as: UInt8.self)) }

/// Adds the length bytes at `next` to `length`; false where they, or what must follow them, may be after `limit`.
@inline(__always)
private func addLengthBytes(_ length: inout Int, _ next: inout Bytes, upTo limit: Bytes) -> Bool {
  var byte: Int
  repeat {
    if unsafe next > limit { return false }
    byte = unsafe load8(next)
    unsafe next += 1
    length &+= byte
  } while byte == 255
  return true
}

extension LZ4Decoder {
  /// Bytes of input for a token and 14 literals, which are read as 16, and what must follow them.
  private static var wordsInput: Int { 18 }
  /// Bytes of output for a sequence without length bytes: 14 literals, and a match of 18 that is written as 32. After a match
  /// that is shorter there is what the end rules want.
  private static var wordsRoom: Int { 46 }

  /// Decodes sequences from a token on, as long as both runs have some room. It leaves off before a token or, with the
  /// literals written, before a distance: stored bytes that are in the way of the output may be gone then, so it cannot go
  /// back.
  @inline(never)
  static func decodeWords(_ decoder: inout LZ4Decoder, atMost limit: Int) {
    let room = min(limit, decoder.output.room)
    if room < wordsRoom || decoder.input.inRun < wordsInput { return }
    // Where the byte 4 back is the first that a match may begin with. One sequence decodes as many.
    let firstMatch = unsafe decoder.output.firstInReach(decoder.output.reachLimit) + 4
    if unsafe decoder.output.next < firstMatch { return }
    var from = unsafe decoder.input.next
    var to = unsafe decoder.output.next
    let inputLimit = unsafe decoder.input.end - wordsInput
    let outputLimit = unsafe to + (room &- wordsRoom)
    // There is room for what the end rules want after each of the sequences.
    decoder.matchToken = freeToken
    decoder.distance = freeDistance
    while unsafe from <= inputLimit && to <= outputLimit {
      let token = unsafe load8(from)
      unsafe from += 1
      var literals = token &>> 4
      if _slowPath(literals == 15) {
        var next = unsafe from
        if unsafe !addLengthBytes(&literals, &next, upTo: inputLimit)
          || literals > outputLimit - to || literals > inputLimit - next
        {
          unsafe from -= 1
          break
        }
        unsafe from = next
        unsafe wildCopyWords16(to, from, literals)
      } else {
        unsafe copyWords16(to, from)
      }
      unsafe from += literals
      unsafe to += literals
      let distance = unsafe Int(truncatingIfNeeded: UInt16(littleEndian: from.loadUnaligned(as: UInt16.self)))
      unsafe from += 2
      var match = token & 15
      var source = unsafe Bytes(to) + (0 &- distance)
      // One comparison for a distance that is too short to copy by words, and for one that leads out of this run.
      if _fastPath(match <= 12), unsafe _fastPath(UInt(bitPattern: distance &- 4) <= UInt(bitPattern: to - firstMatch))
      {
        unsafe copyWords16(to, source)
        unsafe to += match &+ minimumMatch
        continue
      }
      var next = unsafe from
      if match == 15 {
        if unsafe !addLengthBytes(&match, &next, upTo: inputLimit) || match > outputLimit - to &- minimumMatch {
          return unsafe leave(&decoder, token, from - 2, to)
        }
      }
      match &+= minimumMatch
      if unsafe distance &- 4 > to - firstMatch {
        // What the copies read of it, at most.
        guard let earlier = unsafe earlierRun(of: &decoder.output, distance, before: to, count: match &+ 16) else {
          return unsafe leave(&decoder, token, from - 2, to)
        }
        unsafe source = earlier
      }
      if distance < 4 {
        if distance == 0 { return unsafe leave(&decoder, token, from - 2, to) }
        unsafe copyRepeating(to, source, match)
      } else {
        unsafe wildCopyWords16(to, source, match)
      }
      unsafe to += match
      unsafe from = next
    }
    unsafe decoder.input.next = from
    unsafe decoder.output.next = to
  }

  /// Leaves off before a distance.
  @inline(__always)
  private static func leave(_ decoder: inout LZ4Decoder, _ token: Int, _ from: Bytes, _ to: MutableBytes) {
    decoder.token = token
    decoder.count = 0
    decoder.stage = .distance
    unsafe decoder.input.next = from
    unsafe decoder.output.next = to
  }
}
