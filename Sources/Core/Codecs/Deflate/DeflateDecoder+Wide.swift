// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// The loop for 64-bit machines, inside one run of stored bytes and one of frames. A load of eight bytes fills the bit
// buffer to at least 56 bits, and each entry is looked up before the buffer is filled again and before a match is
// copied, so that these do not wait for each other.

extension DeflateDecoder {
  /// Bytes that must be left of the run of stored bytes for `decodeWide` to do anything: one load to begin with, and two
  /// in a turn, the second up to 7 bytes on.
  static var wideInput: Int { 24 }
  /// Likewise for the room, in bytes: three literals in a turn. A match has its own check.
  static var wideOutput: Int { 8 }

  private enum Stop {
    case margin, endOfBlock, match, invalid, distance
  }

  /// Decodes as long as there is a margin in both runs and before `end`. What it leaves is a state like any other.
  @inline(never)
  mutating func decodeWide(to end: Int) throws(DecodeError) {
    let tables = self.tables
    let limit = unsafe output.next + min(output.room, end &- output.position)
    let outputLimit = unsafe limit - Self.wideOutput
    let inputLimit = unsafe input.end - 16
    let runStart = unsafe output.runStart
    var next = unsafe output.next
    var from = unsafe input.next
    var bits = UInt64(truncatingIfNeeded: self.bits)
    // Only its low six bits count, which is all that a shift takes; the others hold whatever subtracting entries left.
    var bitCount = UInt64(truncatingIfNeeded: self.bitCount)
    var stop = Stop.margin

    @inline(__always) func refill() {
      bits |= unsafe from.loadUnaligned(as: UInt64.self).littleEndian &<< bitCount
      unsafe from += 7 &- Int(truncatingIfNeeded: (bitCount &>> 3) & 7)
      bitCount |= 56
    }
    @inline(__always) func literalEntry() -> UInt64 {
      UInt64(truncatingIfNeeded: tables.entry(DeflateTables.literals, UInt(truncatingIfNeeded: bits) & 1023))
    }
    @inline(__always) func appendLiteral(_ entry: UInt64) {
      unsafe next.storeBytes(of: UInt8(truncatingIfNeeded: entry &>> 8), as: UInt8.self)
      unsafe next += 1
    }
    @inline(__always) func drop(_ entry: UInt64) {
      bits = bits &>> entry
      bitCount = bitCount &- entry
    }
    @inline(__always) func value(_ base: UInt64, _ entry: UInt64, _ before: UInt64) -> Int {
      Int(truncatingIfNeeded: (base &>> 17) &+ ((before &>> (entry &- (base & 15))) & ((base &>> 4) & 0x1FFF)))
    }

    refill()
    var entry = literalEntry()
    repeat {
      var before = bits
      drop(entry)
      if entry & 0x80 == 0 {
        appendLiteral(entry)
        entry = literalEntry()
        before = bits
        drop(entry)
        if entry & 0x80 == 0 {
          appendLiteral(entry)
          entry = literalEntry()
          before = bits
          drop(entry)
          if entry & 0x80 == 0 {
            appendLiteral(entry)
            entry = literalEntry()
            refill()
            continue
          }
        }
      }
      if entry & 0x40 != 0 {
        bits = before
        bitCount = bitCount &+ entry
        if entry & 0x20 == 0 {
          drop(10)
          entry = UInt64(
            truncatingIfNeeded: tables.entry(
              DeflateTables.literals, root: DeflateTables.literalRoot, subtable: UInt(truncatingIfNeeded: entry),
              bits: UInt(truncatingIfNeeded: bits)))
        }
        if entry & 0x40 != 0 {
          drop(entry & 15)
          stop = entry & 0x100 == 0 ? .endOfBlock : .invalid
          break
        }
        before = bits
        drop(entry)
        if entry & 0x80 == 0 {
          appendLiteral(entry)
          entry = literalEntry()
          refill()
          continue
        }
      }
      let length = value(
        UInt64(
          truncatingIfNeeded: tables.symbolBase(DeflateTables.lengthBases, UInt(truncatingIfNeeded: entry))), entry,
        before)

      // Up to 40 of 56 bits are gone, so there are enough for this look-up; the rest comes after it.
      entry = UInt64(truncatingIfNeeded: tables.entry(DeflateTables.distances, UInt(truncatingIfNeeded: bits) & 255))
      refill()
      if entry & 0x40 != 0 {
        if entry & 0x20 == 0 {
          drop(8)
          entry = UInt64(
            truncatingIfNeeded: tables.entry(
              DeflateTables.distances, root: DeflateTables.distanceRoot, subtable: UInt(truncatingIfNeeded: entry),
              bits: UInt(truncatingIfNeeded: bits)))
        }
        if entry & 0x40 != 0 {
          stop = .invalid
          break
        }
      }
      before = bits
      drop(entry)
      let distance = value(
        UInt64(
          truncatingIfNeeded: tables.symbolBase(DeflateTables.distanceBases, UInt(truncatingIfNeeded: entry))), entry,
        before)
      entry = literalEntry()
      refill()

      // Wide copies write up to 32 bytes past the match.
      let fits = unsafe length &+ 32 <= limit - next
      if unsafe distance <= next - runStart, fits {
        unsafe wildRepeat(next, distance: distance, length)
        unsafe next += length
        continue
      }
      unsafe output.next = next
      guard distance <= output.reach else {
        stop = .distance
        break
      }
      let history = unsafe output.history(distance)
      if fits, unsafe length &+ 16 <= history.count, distance > output.historyInRun {
        unsafe wildCopy16(next, history.start, length)
        unsafe next += length
        continue
      }
      pendingLength = length
      pendingDistance = distance
      stop = .match
      break
    } while unsafe from <= inputLimit && next <= outputLimit

    unsafe output.next = next
    unsafe input.next = from
    self.bits = UInt(truncatingIfNeeded: bits)
    self.bitCount = UInt(truncatingIfNeeded: bitCount & 63)
    switch stop {
    case .margin, .match: break
    case .endOfBlock: endBlock()
    case .invalid: throw error(.invalid)
    case .distance: throw error(.distance)
    }
  }
}
