// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

extension LZ4Decoder {
  /// Decodes whole sequences while they lie well inside the current runs of input and output. Nothing is done
  /// (false) where not even the first does.
  ///
  /// It leaves off before a token or, with the literals written, before a distance.
  mutating func decodeWide(atMost limit: Int) -> Bool {
    let room = min(limit, output.room)
    if room < 32 || input.inRun < 18 || (output.isRing && output.reachLimit < 65535) { return false }
    let first = unsafe input.next
    let inputEnd = unsafe input.end
    let inputLimit = unsafe inputEnd - 18
    let base = unsafe output.runStart
    let outputEnd = unsafe output.next + room
    let outputLimit = unsafe outputEnd - 32
    var from = unsafe first
    var to = unsafe output.next
    while unsafe from <= inputLimit && to <= outputLimit {
      let start = unsafe from
      let token = unsafe Int(truncatingIfNeeded: from.load(as: UInt8.self))
      unsafe from += 1
      var literals = token &>> 4
      if literals != 15 {
        unsafe copy16(to, from)
      } else {
        var byte: Int
        repeat {
          if unsafe from >= inputLimit { return unsafe giveBack(start, to, since: first) }
          byte = unsafe Int(truncatingIfNeeded: from.load(as: UInt8.self))
          unsafe from += 1
          literals &+= byte
        } while byte == 255
        if unsafe literals &+ 32 > outputEnd - to || literals &+ 18 > inputEnd - from {
          return unsafe giveBack(start, to, since: first)
        }
        unsafe wildCopy16(to, from, literals)
      }
      unsafe from += literals
      unsafe to += literals
      let distance = unsafe Int(truncatingIfNeeded: UInt16(littleEndian: from.loadUnaligned(as: UInt16.self)))
      var match = token & 15
      if unsafe match != 15 && distance >= 8 && distance <= to - base {
        let source = unsafe Bytes(to) - distance
        unsafe copy8(to, source)
        unsafe copy8(to + 8, source + 8)
        unsafe (to + 16).storeBytes(of: (source + 16).loadUnaligned(as: UInt16.self), as: UInt16.self)
        unsafe from += 2
        unsafe to += match &+ Self.minimumMatch
        continue
      }
      let beforeDistance = unsafe from
      unsafe from += 2
      var isInside = unsafe distance != 0 && distance <= to - base
      if match == 15 {
        var byte: Int
        repeat {
          if unsafe from >= inputEnd { isInside = false; break }
          byte = unsafe Int(truncatingIfNeeded: from.load(as: UInt8.self))
          unsafe from += 1
          match &+= byte
        } while byte == 255
      }
      match &+= Self.minimumMatch
      if unsafe !isInside || match &+ 32 > outputEnd - to {
        self.token = token
        self.literals = literals
        stage = .distance
        return unsafe giveBack(beforeDistance, to, since: first)
      }
      unsafe wildRepeat(to, distance: distance, match)
      unsafe to += match
    }
    return unsafe giveBack(from, to, since: first)
  }

  /// Stores the positions; whether that is a step forward from `first`.
  @inline(__always)
  private mutating func giveBack(_ from: Bytes, _ to: MutableBytes, since first: Bytes) -> Bool {
    if unsafe from == first { return false }
    unsafe input.next = from
    unsafe output.next = to
    // What was decoded here satisfies the end rules: a short form by liblz4's exception, a long one by 32 bytes of room.
    tail = 0
    return true
  }
}
