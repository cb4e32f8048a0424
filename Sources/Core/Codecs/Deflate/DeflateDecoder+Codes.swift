// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

extension DeflateDecoder {
  /// Decodes symbols until `end` bytes are produced or the block has ended.
  mutating func decodeCodes(to end: Int) throws(DecodeError) {
    while produced < end, state == .codes {
      if pendingLength > 0 {
        appendPending(to: end)
      } else if !Machine.isSmall, input.inRun >= Self.wideInput, min(output.room, end &- produced) >= Self.wideOutput {
        try decodeWide(to: end)
      } else if Machine.isSmall {
        var reason = decodeShort(to: end)
        if pendingLength > 0, pendingDistance > output.reach { reason = .distance }
        if let reason { throw error(reason) }
      } else {
        try decodeSymbol()
      }
    }
  }

  /// Appends the rest of a match, up to `end`.
  private mutating func appendPending(to end: Int) {
    let count = min(pendingLength, end &- produced)
    pendingLength &-= count
    if Machine.copiesWide, output.isRing {
      // A wide copy may run over its end, and in a ring there may be bytes that the caller has not taken yet.
      output.appendMatchExactly(distance: pendingDistance, count: count)
    } else {
      output.appendMatch(distance: pendingDistance, count: count)
    }
  }

  /// Decodes one symbol: a literal, a match (which becomes the pending one), or the end of the block. There is room for
  /// a byte.
  @inline(never)
  private mutating func decodeSymbol() throws(DecodeError) {
    let entry = try nextSymbol()
    if entry & DeflateTables.isSymbol == 0 {
      _ = output.append(UInt8(truncatingIfNeeded: DeflateTables.value(entry)))
      return
    }
    if entry == DeflateTables.endOfBlock {
      endBlock()
      return
    }
    pendingLength = try takeExtra(DeflateTables.lengthBases, entry)
    let distance = try takeExtra(
      DeflateTables.distanceBases,
      nextEntry(DeflateTables.distances, root: DeflateTables.distanceRoot, bases: DeflateTables.distanceBases))
    guard distance <= output.reach else { throw error(.distance) }
    pendingDistance = distance
  }

  /// The next literal/length symbol without its extra bits; ``DeflateTables/endOfBlock`` alone for the end.
  mutating func nextSymbol() throws(DecodeError) -> UInt {
    try nextEntry(DeflateTables.literals, root: DeflateTables.literalRoot, bases: DeflateTables.lengthBases)
  }

  /// The entry of the next symbol, whose code is dropped, but not its extra bits.
  @inline(never)
  private mutating func nextEntry(_ table: Int, root: Int, bases: Int) throws(DecodeError) -> UInt {
    need(15)
    var entry = tables.entry(table, bits & ((1 &<< UInt(root)) &- 1))
    var codeLength: UInt = 0
    if entry & (DeflateTables.isException | DeflateTables.isFinal) == DeflateTables.isException {
      codeLength = UInt(bitPattern: root)
      entry = tables.entry(table, root: root, subtable: entry, bits: bits &>> codeLength)
    }
    if entry & DeflateTables.isException != 0 {
      guard entry & DeflateTables.isRefused == 0 else { throw error(.invalid) }
      codeLength &+= DeflateTables.taken(entry)
      entry = DeflateTables.endOfBlock
    } else {
      codeLength &+= DeflateTables.taken(entry)
      if entry & DeflateTables.isSymbol != 0 { codeLength &-= DeflateTables.extraBits(tables.symbolBase(bases, entry)) }
    }
    try drop(codeLength)
    return entry
  }

  /// The length or distance that `entry` begins, with its extra bits from the stream.
  @inline(__always)
  private mutating func takeExtra(_ bases: Int, _ entry: UInt) throws(DecodeError) -> Int {
    let base = tables.symbolBase(bases, entry)
    return Int(bitPattern: (base &>> 8) &+ (try take(DeflateTables.extraBits(base))))
  }
}
