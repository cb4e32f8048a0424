// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

// The loop for 32-bit machines, with everything in registers: one place for every look-up, be it of a literal, a length or a
// distance, and in a subtable too.

extension DeflateDecoder {
  /// Decodes symbols until `end` bytes are decoded, the block has ended, or a match is pending (none may be at the
  /// beginning). If `end` bytes are decoded already, `end` is that of the extent, and the next symbol has to be the end of
  /// the block. Returns the reason if the stream is wrong.
  ///
  /// An entry is looked up with the bits that have been read. If it takes more, more are read, and it is looked up again.
  /// None takes more than 21.
  @inline(never)
  mutating func decodeShort(to end: Int) -> DecodeError.Reason? {
    let hasRoom = output.hasRoom()
    let base = unsafe Bytes(tables.base)
    let historyStart = unsafe output.firstInReach(output.reachLimit)
    var to = unsafe output.next
    var outputEnd = unsafe to + min(output.room, end &- output.position)
    if !hasRoom {
      // A literal goes where it does no harm, and ends the loop as any last one does. No match is as short as this room.
      unsafe to = tables.base + DeflateTables.codeLengths
      unsafe outputEnd = to + 1
    }
    var from = unsafe input.next
    var inputEnd = unsafe input.end
    var bits = self.bits
    var bitCount = self.bitCount
    var reason: DecodeError.Reason?
    // The table of the next look-up and its mask, and the length that waits for its distance, or 0.
    var table = unsafe base + DeflateTables.literals
    var mask: UInt = 1023
    var length = 0

    @inline(__always) func drop(_ count: UInt) {
      bits = bits &>> count
      bitCount &-= count
    }
    /// The value of a length or distance, with its extra bits, which are the last of those that the entry counts: to the top
    /// with them, and down to the bottom.
    @inline(__always) func value(_ entry: UInt, _ bases: Int) -> Int {
      let at = unsafe base + Int(bitPattern: DeflateTables.value(entry))
      let symbol = unsafe UInt(at.load(fromByteOffset: bases, as: UInt32.self))
      let used = DeflateTables.taken(entry)
      let extra = ((bits &<< (0 &- used)) &>> 1) &>> symbol
      drop(used)
      return Int(bitPattern: symbol &>> 8 &+ extra)
    }

    while true {
      let entry = unsafe UInt(table.load(fromByteOffset: Int(bitPattern: bits & mask) &* 2, as: UInt16.self))
      let used = DeflateTables.taken(entry)
      if used <= bitCount {
        if entry & DeflateTables.isSymbol == 0 {
          drop(used)
          unsafe to.storeBytes(of: UInt8(truncatingIfNeeded: DeflateTables.value(entry)), as: UInt8.self)
          unsafe to += 1
          unsafe table = base + DeflateTables.literals
          mask = 1023
          if unsafe to == outputEnd { break }
          continue
        }
        if entry & DeflateTables.isException == 0 {
          if length == 0 {
            length = value(entry, DeflateTables.lengthBases)
            unsafe table = base + DeflateTables.distances
            mask = 255
            continue
          }
          let distance = value(entry, DeflateTables.distanceBases)
          var source = unsafe Bytes(to) + (0 &- distance)
          var isHere = unsafe length <= outputEnd - to
          if isHere, unsafe distance > to - historyStart {
            let earlier = unsafe earlierRun(of: &output, distance, before: to, count: length)
            unsafe source = earlier ?? source
            isHere = unsafe earlier != nil
          }
          if !isHere {
            pendingLength = length
            pendingDistance = distance
            break
          }
          if Machine.copiesWords(storedBytes: input.bytes.count) {
            if unsafe distance >= 4 && length <= outputEnd - to &- 3 {
              unsafe wildCopyWords(to, source, length)
            } else {
              unsafe copyRepeating(to, source, length)
            }
          } else {
            unsafe copyRepeatingInlined(to, source, length)
          }
          unsafe to += length
          length = 0
          unsafe table = base + DeflateTables.literals
          mask = 1023
          if unsafe to == outputEnd { break }
          continue
        }
        if entry & DeflateTables.isFinal != 0 {
          drop(used)
          if entry & DeflateTables.isRefused == 0 { endBlock() } else { reason = .invalid }
          break
        }
        // 10 or 8 bits.
        let root = 8 &+ (mask &>> 8 & 2)
        if root <= bitCount {
          drop(root)
          unsafe table += Int(bitPattern: ((mask &+ 1) &>> 1 &+ DeflateTables.value(entry)) &* 4)
          mask = (1 &<< used) &- 1
          continue
        }
      }
      if unsafe inputEnd - from >= 4 {
        let word = unsafe UInt32(littleEndian: from.loadUnaligned(as: UInt32.self))
        bits |= UInt(truncatingIfNeeded: word) &<< bitCount
        if Machine.wordBits == 64 {
          unsafe from += 4
          bitCount &+= 32
        } else {
          unsafe from += Int(bitPattern: (31 &- bitCount) &>> 3)
          bitCount |= 24
        }
        continue
      }
      unsafe input.next = from
      self.bits = bits
      self.bitCount = bitCount
      refill()
      if self.bitCount == bitCount {
        reason = .inputEnded
        break
      }
      bits = self.bits
      bitCount = self.bitCount
      unsafe from = input.next
      unsafe inputEnd = input.end
    }
    if hasRoom { unsafe output.next = to }
    unsafe input.next = from
    self.bits = bits
    self.bitCount = bitCount
    return reason
  }
}
