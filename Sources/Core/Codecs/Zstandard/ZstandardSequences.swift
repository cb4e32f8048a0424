// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// The sequences of the current block, the state that is kept from block to block, and the sequence that is being executed.
@safe
struct ZstandardSequences {
  var bits = ReverseBits()
  /// Sequences that have not been decoded.
  var left = 0

  // The states, and the accuracies of the tables that they belong to.
  var literalState = 0
  var offsetState = 0
  var matchState = 0
  var literalLog = 0
  var offsetLog = 0
  var matchLog = 0
  /// Whether an earlier block has left tables that may be used again.
  var hasTables = false

  // The three distances that were used last.
  var recent0 = 1
  var recent1 = 4
  var recent2 = 8

  // The rest of the sequence that was decoded last: literals first, then the match.
  var literalCount = 0
  var matchCount = 0
  var distance = 0

  /// Whether every sequence has been executed.
  var isDone: Bool { left | literalCount | matchCount == 0 }
}

extension ZstandardDecoder {
  /// Reads the sequences section's header and tables (RFC 8878, 3.1.1.3.2). Stored offset `limit` is its end.
  mutating func beginSequences(limit: Int) throws(DecodeError) {
    var count = try sectionByte(limit)
    if count == 255 {
      count = try sectionByte(limit)
      count &+= try sectionByte(limit) &<< 8 &+ 0x7F00
    } else if count > 127 {
      count = try (count &- 128) &<< 8 &+ sectionByte(limit)
    }
    sequences.left = count
    if count == 0 {
      guard input.offset == limit else { throw error(.invalid) }
      return
    }
    let modes = try sectionByte(limit)
    guard modes & 3 == 0 else { throw error(.invalid) }
    sequences.literalLog = try readTable(.literalLength, modes &>> 6, sequences.literalLog, limit)
    sequences.offsetLog = try readTable(.offset, (modes &>> 4) & 3, sequences.offsetLog, limit)
    sequences.matchLog = try readTable(.matchLength, (modes &>> 2) & 3, sequences.matchLog, limit)
    sequences.hasTables = true
    let start = input.offset
    guard sequences.bits.begin(input.bytes, start: start, count: limit &- start) else { throw error(.invalid) }
    if Machine.isSmall {
      let states = sequences.bits.takeThree(sequences.literalLog, sequences.offsetLog, sequences.matchLog)
      sequences.literalState = states.0
      sequences.offsetState = states.1
      sequences.matchState = states.2
      return
    }
    let states = sequences.bits.take(sequences.literalLog &+ sequences.offsetLog)
    sequences.literalState = states &>> sequences.offsetLog
    sequences.offsetState = states & (1 &<< sequences.offsetLog &- 1)
    sequences.matchState = sequences.bits.take(sequences.matchLog)
  }

  /// The next byte of the block.
  @inline(never)
  private mutating func sectionByte(_ limit: Int) throws(DecodeError) -> Int {
    guard input.offset < limit else { throw error(.invalid) }
    return input.byte()
  }

  /// Makes the table of a kind by `mode` (predefined, one symbol, read, repeated); returns its accuracy. It is given that of
  /// the table before.
  @inline(never)
  private mutating func readTable(
    _ kind: FSEKind, _ mode: Int, _ previous: Int, _ limit: Int
  ) throws(DecodeError) -> Int {
    var log = 0
    switch mode {
    case 0: log = tables.buildPredefined(kind)
    case 1: if try !tables.buildSingle(kind, symbol: sectionByte(limit)) { log = -1 }
    case 2: log = tables.readTable(kind, &input, limit: limit)
    default: log = sequences.hasTables ? previous : -1
    }
    guard log >= 0 else { throw error(.invalid) }
    return log
  }

  /// Decodes one sequence (RFC 8878, 3.1.1.4), and leaves it to be executed.
  mutating func nextSequence() throws(DecodeError) {
    let literal = unsafe tables.states(.literalLength)[sequences.literalState]
    let offset = unsafe tables.states(.offset)[sequences.offsetState]
    let match = unsafe tables.states(.matchLength)[sequences.matchState]
    let value = Int(truncatingIfNeeded: offset.base) &+ sequences.bits.take(Int(offset.extra))
    // A code over 20 is a distance over the largest window; its bits may have been more than a container holds.
    guard offset.extra <= 20 else { throw error(.distance) }
    let matchCount = Int(match.base) &+ sequences.bits.take(Int(match.extra))
    let literalCount = Int(literal.base) &+ sequences.bits.take(Int(literal.extra))
    sequences.left &-= 1
    if sequences.left > 0 {
      let bits = sequences.bits.take(Int(literal.bits) &+ Int(match.bits))
      sequences.literalState = Int(literal.next) &+ bits &>> Int(match.bits)
      sequences.matchState = Int(match.next) &+ bits & (1 &<< Int(match.bits) &- 1)
      sequences.offsetState = Int(offset.next) &+ sequences.bits.take(Int(offset.bits))
    }
    try acceptOutlined(
      literals: literalCount, match: matchCount, distance: distance(value, literals: literalCount))
  }

  /// The distance that an offset's value stands for (RFC 8878, 3.1.1.5); it becomes the latest.
  @inline(__always)
  mutating func distance(_ value: Int, literals literalCount: Int) -> Int {
    var distance = value &- 3
    var keepsOldest = false
    // Without a sign: on 32-bit machines a code of 31 makes a negative value.
    if UInt(bitPattern: value) <= 3 {
      // One of the recent distances; where no literals come first, the one after it, and the newest less 1 for the last.
      let index = value &- (literalCount == 0 ? 0 : 1)
      distance = index == 0 ? sequences.recent0 : index == 1 ? sequences.recent1 : sequences.recent2
      if index == 3 { distance = sequences.recent0 &- 1 }
      keepsOldest = index < 2
      if index == 0 { sequences.recent0 = sequences.recent1 }
    }
    if !keepsOldest { sequences.recent2 = sequences.recent1 }
    sequences.recent1 = sequences.recent0
    sequences.recent0 = distance
    return distance
  }

  /// Checks a sequence whose predecessors have all been executed, and leaves it to be executed.
  @inline(never)
  mutating func acceptOutlined(literals literalCount: Int, match: Int, distance: Int) throws(DecodeError) {
    try accept(literals: literalCount, match: match, distance: distance)
  }

  /// `acceptOutlined`, in the place of its call.
  @inline(__always)
  mutating func accept(literals literalCount: Int, match: Int, distance: Int) throws(DecodeError) {
    let bits = sequences.bits
    guard sequences.left > 0 ? !bits.isOverrun : bits.isDone else { throw error(.invalid) }
    guard literalCount <= literals.left, literalCount &+ match <= blockLimit &- window.position,
      Machine.isSmall ? distance != 0 : distance > 0
    else {
      throw error(.invalid)
    }
    let start = window.position &+ literalCount
    guard Machine.isSmall ? UInt(bitPattern: distance) <= UInt(bitPattern: farthest) : distance <= farthest,
      distance <= start
    else { throw error(.distance) }
    sequences.literalCount = literalCount
    sequences.matchCount = match
    sequences.distance = distance
  }

  // MARK: Execution

  /// Executes the block up to position `end`, or to its end, where that comes first.
  mutating func executeBlock(to end: Int) throws(DecodeError) {
    while true {
      if sequences.literalCount > 0 {
        let count = min(sequences.literalCount, end &- window.position)
        try copyLiterals(count)
        sequences.literalCount &-= count
        if sequences.literalCount > 0 { return }
      }
      if sequences.matchCount > 0 {
        let count = min(sequences.matchCount, end &- window.position)
        try copyMatch(count)
        sequences.matchCount &-= count
        if sequences.matchCount > 0 { return }
      }
      if sequences.left > 0 {
        if window.position == end { return }
        if Machine.copiesWide, favoursSpeed {
          try executeFast(to: end)
        } else if Machine.isSmall {
          if copiesWords { try executeWords(to: end) } else { try executeShort(to: end) }
        } else {
          try nextSequence()
        }
      } else if literals.left > 0 {
        if window.position == end { return }
        guard literals.left <= blockLimit &- window.position else { throw error(.invalid) }
        sequences.literalCount = literals.left
      } else {
        state = .betweenBlocks
        return
      }
    }
  }

  /// Bytes between the end of what has been decoded and the literals in the output's tail; no copy may go further.
  @inline(__always) private var gap: Int {
    Machine.copiesWide && literals.source == .tail ? window.left &- literals.left : Int.max
  }

  /// Appends `count` literals; the caller knows that there are as many left, and room for them.
  private mutating func copyLiterals(_ count: Int) throws(DecodeError) {
    var count = count
    while count > 0 {
      if literals.cursor.inRun == 0 { try fetchLiterals() }
      var step = min(count, literals.cursor.inRun)
      if !Machine.copiesWide || gap >= 64 {
        _ = window.appendLiterals(from: &literals.cursor, count: step)
      } else {
        guard window.hasRoom() else { return }
        step = min(step, window.room)
        unsafe copyForward(window.next, literals.cursor.next, step)
        unsafe window.next += step
        unsafe literals.cursor.next += step
      }
      literals.left &-= step
      count &-= step
    }
  }

  /// Appends `count` bytes of the current match; the caller knows that there is room for them.
  private mutating func copyMatch(_ count: Int) throws(DecodeError) {
    if Machine.copiesWide, gap < count { try leaveTail() }
    if !Machine.copiesWide || gap &- count >= 64 {
      window.appendMatch(distance: sequences.distance, count: count)
    } else {
      window.appendMatchExactly(distance: sequences.distance, count: count)
    }
  }
}
