// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

@inline(__always)
private func load8(_ from: Bytes) -> Int { unsafe Int(truncatingIfNeeded: from.load(as: UInt8.self)) }

@inline(__always)
private func load16(_ from: Bytes) -> Int {
  unsafe Int(truncatingIfNeeded: UInt16(littleEndian: from.loadUnaligned(as: UInt16.self)))
}

extension LZ4Decoder {
  /// Bytes of output for a sequence of the short form: 14 literals and a match of 18.
  private static var shortRoom: Int { 32 }
  /// Bytes of input for it: a token, 14 literals, a distance, and one more that must follow.
  private static var shortInput: Int { 18 }

  /// Decodes sequences inside the current runs of input and output, from the token or from the distance of the first:
  /// fast while both have some room, carefully up to their ends, and the one that goes on in the output's next run.
  /// False, and nothing done, where not even the first sequence can be decoded here.
  ///
  /// It leaves off before a token or, with the literals written, before a distance.
  mutating func decodeInRun(atMost limit: Int) -> Bool {
    if output.isRing && output.reachLimit < 65535 { return false }
    guard output.hasRoom(), input.inRun > 0 || input.advance() else { return false }
    if output.positionOfRun > 0, let table = unsafe output.frames.readOnly.unsafeTable {
      let shift = output.frames.pageShift
      let first = unsafe output.frames.readOnly.unsafeOffset
      let position = first &+ output.frameOfRun
      let frame = unsafe table + (position &>> shift)
      let start = unsafe frame.pointee
      let before = first &- (position & ~((1 &<< shift) &- 1))
      if Machine.copiesWide && shift == 12 {
        return unsafe decodeInRun(
          limit: limit, PageHistory(size: Shift12(), frame: frame, start: start, first: before))
      }
      return unsafe decodeInRun(
        limit: limit, PageHistory(size: AnyShift(shift: shift), frame: frame, start: start, first: before))
    }
    return unsafe decodeInRun(limit: limit, RunHistory(start: output.runStart))
  }

  @inline(__always)
  private mutating func decodeInRun(limit: Int, _ history: some MatchHistory) -> Bool {
    let start = unsafe output.next
    let room = min(limit, output.room)
    if Machine.copiesWide && stage == .token && room >= Self.shortRoom && input.inRun >= Self.shortInput {
      decodeWide(room: room, history)
    }
    return unsafe decodeExact(end: start + room, wanted: start + limit, history) || output.next != start
  }

  @inline(__always)
  private mutating func decodeWide(room: Int, _ history: some MatchHistory) {
    // Positions count from after a token: it is loaded one round early, which shortens the chain from one to the next.
    let inputLimit = unsafe input.end - (Self.shortInput &- 1)
    let outputLimit = unsafe output.next + (room &- Self.shortRoom)
    var token = unsafe load16(input.next) & 255
    var from = unsafe input.next + 1
    var to = unsafe output.next
    while unsafe from <= inputLimit && to <= outputLimit {
      var literals = token &>> 4
      var next = unsafe from
      if _slowPath(literals == 15) {
        var byte: Int
        repeat {
          if unsafe next > inputLimit { return unsafe giveBack(from - 1, to) }
          byte = unsafe load8(next)
          unsafe next += 1
          literals &+= byte
        } while byte == 255
        if unsafe literals > outputLimit - to || literals > inputLimit - next {
          return unsafe giveBack(from - 1, to)
        }
        unsafe wildCopyMostly32(to, next, literals)
      } else {
        unsafe copy16(to, next)
      }
      unsafe next += literals
      unsafe to += literals
      let distance = unsafe load16(next)
      let nibble = token & 15
      if _slowPath(nibble == 15) {
        let beforeDistance = unsafe next
        unsafe next += 2
        if unsafe next > inputLimit { return unsafe leave(token, literals, beforeDistance, to) }
        var byte = unsafe load8(next)
        unsafe next += 1
        var match = byte &+ (15 &+ Self.minimumMatch)
        while _slowPath(byte == 255) {
          if unsafe next > inputLimit { return unsafe leave(token, literals, beforeDistance, to) }
          byte = unsafe load8(next)
          unsafe next += 1
          match &+= byte
        }
        if unsafe match > outputLimit - to || distance == 0 {
          return unsafe leave(token, literals, beforeDistance, to)
        }
        if let source = unsafe history.find(distance, before: to, count: match &+ 32) {
          if distance >= 16 {
            unsafe wildCopyMostly32(to, source, match)
          } else {
            unsafe wildRepeatNearOutlined(to, distance: distance, match)
          }
        } else if unsafe !history.copy(distance, to: to, count: match) {
          return unsafe leave(token, literals, beforeDistance, to)
        }
        unsafe to += match
        token = unsafe load16(next) & 255
        unsafe from = next + 1
        continue
      }
      if let source = unsafe history.find(distance, before: to, count: 18) {
        if _fastPath(distance >= 8) {
          unsafe copy18(to, source)
        } else {
          if unsafe distance == 0 || to > outputLimit { return unsafe leave(token, literals, next, to) }
          unsafe wildRepeatNearOutlined(to, distance: distance, 18)
        }
      } else if unsafe !history.copy(distance, to: to, count: nibble &+ Self.minimumMatch) {
        return unsafe leave(token, literals, next, to)
      }
      token = unsafe load8(next + 2)
      unsafe from = next + 3
      unsafe to += nibble &+ Self.minimumMatch
    }
    return unsafe giveBack(from - 1, to)
  }

  /// Decodes sequences up to the ends of the runs, writing not a byte too much, and at most one that crosses the end of
  /// the output's run. False if it stopped at the end of the input's run or at an error, or had nothing to do.
  @inline(__always)
  private mutating func decodeExact(end: MutableBytes, wanted: MutableBytes, _ history: some MatchHistory) -> Bool {
    let inputEnd = unsafe input.end
    var from = unsafe input.next
    var to = unsafe output.next
    // Where copies are not wide, text is dearer than time: the sequence that crosses is decoded in parts, as any can be.
    let wanted = unsafe Machine.copiesWide ? wanted : end
    var token = self.token
    var isAtToken = stage == .token
    while unsafe to < end {
      if isAtToken {
        if unsafe from == inputEnd { return false }
        token = unsafe load8(from)
        var next = unsafe from + 1
        var literals = token &>> 4
        if literals == 15 {
          var byte: Int
          repeat {
            if unsafe next == inputEnd { return false }
            byte = unsafe load8(next)
            unsafe next += 1
            literals &+= byte
          } while byte == 255
        }
        if unsafe literals > inputEnd - next || literals > wanted - to { return false }
        self.token = token
        self.literals = literals
        count = 0
        stage = .distance
        if unsafe literals > end - to {
          unsafe input.next = next
          return output.appendLiterals(from: &input, count: literals)
        }
        // One branch for the three: none of them can be foreseen.
        if unsafe Machine.copiesWide && (inputEnd - next &- 16) | (end - to &- 16) | (16 &- literals) >= 0 {
          unsafe copy16(to, next)
        } else {
          unsafe copyExact(to, next, literals)
        }
        unsafe from = next + literals
        unsafe to += literals
        unsafe input.next = from
        unsafe output.next = to
      }
      var next = unsafe from
      if unsafe inputEnd - next < 3 { return false }
      let distance = unsafe load16(next)
      unsafe next += 2
      var match = token & 15
      if match == 15 {
        var byte: Int
        repeat {
          if unsafe next == inputEnd { return false }
          byte = unsafe load8(next)
          unsafe next += 1
          match &+= byte
        } while byte == 255
      }
      match &+= Self.minimumMatch
      if unsafe match > wanted - to || distance == 0 || distance > output.reach { return false }
      unsafe from = next
      unsafe input.next = next
      self.distance = distance
      matchToken = token
      stage = .token
      isAtToken = true
      if unsafe match > end - to {
        output.appendMatch(distance: distance, count: match)
        return true
      }
      if let source = unsafe history.find(distance, before: to, count: max(match, Machine.copiesWide ? 16 : 0)) {
        if unsafe Machine.copiesWide && (distance &- 16) | (end - to &- 16) | (16 &- match) >= 0 {
          unsafe copy16(to, source)
        } else if !Machine.copiesWide {
          unsafe copyForward(to, source, match)
        } else if distance >= 16 {
          unsafe copyApart(to, source, match)
        } else if unsafe end - to >= match &+ 16 {
          unsafe wildRepeatNearOutlined(to, distance: distance, match)
        } else {
          unsafe repeatNearExactly(to, distance: distance, match)
        }
      } else if unsafe !Machine.copiesWide || !history.copy(distance, to: to, count: match) {
        // In a ring the source may be at higher positions, in later frames.
        output.appendMatch(distance: distance, count: match)
      }
      unsafe to += match
      unsafe output.next = to
      if unsafe Machine.copiesWide && end - to >= Self.shortRoom && inputEnd - from >= Self.shortInput { return true }
    }
    return false
  }

  /// Leaves off before a distance.
  @inline(__always)
  private mutating func leave(_ token: Int, _ literals: Int, _ from: Bytes, _ to: MutableBytes) {
    self.token = token
    self.literals = literals
    count = 0
    stage = .distance
    unsafe input.next = from
    unsafe output.next = to
  }

  /// Leaves off before a token.
  @inline(__always)
  private mutating func giveBack(_ from: Bytes, _ to: MutableBytes) {
    // Sequences that were written satisfy the end rules: a short form by liblz4's exception, all else by 12 bytes of room.
    if unsafe to != output.next {
      matchToken = Self.freeToken
      distance = Self.freeDistance
    }
    unsafe input.next = from
    unsafe output.next = to
  }
}
