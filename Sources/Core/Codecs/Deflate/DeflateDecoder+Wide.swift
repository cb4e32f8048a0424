// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

// The loop for 64-bit machines, inside one run of stored bytes and one of frames. A load of eight bytes fills the bit
// buffer to at least 56 bits, and each entry is looked up before the buffer is filled again and before a match is
// copied, so that these do not wait for each other.

extension DeflateDecoder {
  /// Bytes that must be left of the run of stored bytes for `decodeWide` to do anything: one load to begin with, and
  /// two in a turn, the second up to 7 bytes on.
  static var wideInput: Int { 24 }
  /// Likewise for the room, in bytes. A turn writes up to three literals and then a match, which may copy up to 32
  /// bytes past its end, and which has a check of its own.
  static var wideOutput: Int { 32 }

  private enum Stop {
    case margin, endOfBlock, match, invalid, distance
  }

  /// Decodes as long as there is a margin in both runs and before `end`. Any other form can go on from its state.
  mutating func decodeWide(to end: Int) throws(DecodeError) {
    let stop =
      unsafe output.end - output.runStart == output.length ? decodeContiguous(to: end) : decodeScattered(to: end)
    switch stop {
    case .margin, .match: break
    case .endOfBlock: endBlock()
    case .invalid: throw error(.invalid)
    case .distance: throw error(.distance)
    }
  }

  /// If the extent is one run, all history is in it.
  @inline(never)
  private mutating func decodeContiguous(to end: Int) -> Stop {
    decodeRun(to: end, unsafe RunHistory(start: output.runStart))
  }

  /// Elsewhere a match is likely to come from another run, and the branch on it would be mispredicted half the time: each is
  /// looked up.
  @inline(never)
  private mutating func decodeScattered(to end: Int) -> Stop {
    unsafe decodeRun(
      to: end,
      FrameHistory(
        frames: output.frames, frame: output.frameOfRun, start: output.runStart, reach: output.reachLimit))
  }

  @inline(__always)
  private mutating func decodeRun(to end: Int, _ history: some MatchHistory) -> Stop {
    let tables = self.tables
    let limit = unsafe output.next + (min(output.room, end &- output.position) &- Self.wideOutput)
    let inputLimit = unsafe input.end - 16
    var next = unsafe output.next
    var from = unsafe input.next
    var bits = self.bits
    // Only its low six bits count, which are all that a shift uses: subtracting whole entries leaves garbage in the others.
    var bitCount = self.bitCount
    var stop = Stop.margin

    @inline(__always) func refill() {
      bits |= UInt(truncatingIfNeeded: unsafe from.loadUnaligned(as: UInt64.self).littleEndian) &<< bitCount
      unsafe from += 7
      unsafe from -= Int(bitPattern: (bitCount &>> 3) & 7)
      bitCount |= 56
    }
    @inline(__always) func literalEntry() -> UInt { tables.entry(DeflateTables.literals, bits & 1023) }
    @inline(__always) func appendLiteral(_ entry: UInt, at offset: Int) {
      unsafe next.storeBytes(of: UInt8(truncatingIfNeeded: entry &>> 8), toByteOffset: offset, as: UInt8.self)
    }
    @inline(__always) func drop(_ entry: UInt) {
      bits = bits &>> entry
      bitCount = bitCount &- entry
    }
    @inline(__always) func value(_ base: UInt, _ entry: UInt, _ before: UInt) -> Int {
      // The extra bits are the last of those that the entry counts: to the top with them, and down to the bottom. The
      // last shift is by 63 at most, where there are none.
      Int(bitPattern: (base &>> 8) &+ (((before &<< (0 &- entry)) &>> 1) &>> base))
    }

    refill()
    var entry = literalEntry()
    repeat {
      var before = bits
      drop(entry)
      if entry & DeflateTables.isSymbol == 0 {
        appendLiteral(entry, at: 0)
        entry = literalEntry()
        before = bits
        drop(entry)
        if entry & DeflateTables.isSymbol == 0 {
          appendLiteral(entry, at: 1)
          entry = literalEntry()
          before = bits
          drop(entry)
          if entry & DeflateTables.isSymbol == 0 {
            appendLiteral(entry, at: 2)
            unsafe next += 3
            entry = literalEntry()
            refill()
            if unsafe next > limit { break }
            continue
          }
          unsafe next += 1
        }
        unsafe next += 1
      }
      if entry & DeflateTables.isException != 0 {
        bits = before
        bitCount = bitCount &+ entry
        if entry & DeflateTables.isFinal == 0 {
          drop(UInt(DeflateTables.literalRoot))
          entry = tables.entry(
            DeflateTables.literals, root: DeflateTables.literalRoot, subtable: entry, bits: bits)
        }
        if entry & DeflateTables.isException != 0 {
          drop(entry & 15)
          stop = entry & DeflateTables.isRefused == 0 ? .endOfBlock : .invalid
          break
        }
        before = bits
        drop(entry)
        if entry & DeflateTables.isSymbol == 0 {
          appendLiteral(entry, at: 0)
          unsafe next += 1
          entry = literalEntry()
          refill()
          if unsafe next > limit { break }
          continue
        }
      }
      let length = value(tables.symbolBase(DeflateTables.lengthBases, entry), entry, before)

      // Up to 40 of 56 bits are gone, which leaves enough for this look-up. A distance from the root table takes up to
      // 21, and the look-up after it 10; for a longer one the buffer is filled at once.
      entry = tables.entry(DeflateTables.distances, bits & 255)
      if entry & DeflateTables.isException != 0 {
        refill()
        if entry & DeflateTables.isFinal == 0 {
          drop(UInt(DeflateTables.distanceRoot))
          entry = tables.entry(
            DeflateTables.distances, root: DeflateTables.distanceRoot, subtable: entry, bits: bits)
        }
        if entry & DeflateTables.isException != 0 {
          stop = .invalid
          break
        }
      } else if bitCount & 32 == 0 {
        refill()
      }
      before = bits
      drop(entry)
      let distance = value(tables.symbolBase(DeflateTables.distanceBases, entry), entry, before)
      entry = literalEntry()
      refill()

      let matchEnd = unsafe next + length
      if let source = unsafe history.find(distance, before: next, count: length &+ Self.wideOutput),
        unsafe _fastPath(matchEnd <= limit)
      {
        if _fastPath(distance >= 8) {
          unsafe wildCopyMostly24(next, source, length, end: matchEnd)
        } else {
          unsafe wildRepeatShort(next, distance: distance, end: matchEnd)
        }
        unsafe next = matchEnd
        continue
      }
      pendingLength = length
      pendingDistance = distance
      stop = .match
      break
    } while unsafe from <= inputLimit

    unsafe output.next = next
    unsafe input.next = from
    self.bits = bits
    self.bitCount = bitCount & 63
    if stop == .match, pendingDistance > output.reach { stop = .distance }
    return stop
  }
}
