// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// CRC-32C (Castagnoli), reflected, without the final inversion, as in the superblock.
///
/// A bit at a time: it runs once per mount, so the text of a table would cost more than it saves.
public struct CRC32C: Sendable {
  public private(set) var value: UInt32

  public init(seed: UInt32 = 0xFFFF_FFFF) { value = seed }

  public mutating func update(_ byte: UInt8) { update(UInt32(byte), bits: 8) }

  /// Takes the lowest `bits` of `word`; of 32, those of four bytes in little-endian order.
  mutating func update(_ word: UInt32, bits: Int) {
    value ^= word
    for _ in 0..<bits { value = (value &>> 1) ^ (value & 1 != 0 ? 0x82F6_3B78 : 0) }
  }
}

/// The 32-bit xxHash of a name that comes in pieces; at most 512 bytes are hashed at once, as names are short.
///
/// It is fed byte by byte and keeps a stripe of 16.
package struct XXH32 {
  private static let prime1: UInt32 = 2_654_435_761
  private static let prime2: UInt32 = 2_246_822_519
  private static let prime3: UInt32 = 3_266_489_917
  private static let prime4: UInt32 = 668_265_263
  private static let prime5: UInt32 = 374_761_393

  private var lanes: (UInt32, UInt32, UInt32, UInt32)
  private let seed: UInt32
  /// The current stripe, of which the first `count % 16` bytes are known.
  private var words: (UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0)
  private var count: UInt32 = 0

  package init(seed: UInt32) {
    self.seed = seed
    lanes = (seed &+ Self.prime1 &+ Self.prime2, seed &+ Self.prime2, seed, seed &- Self.prime1)
  }

  @inline(__always)
  private static func rotate(_ value: UInt32, _ by: UInt32) -> UInt32 { (value &<< by) | (value &>> (32 &- by)) }

  private static func round(_ lane: UInt32, _ word: UInt32) -> UInt32 {
    rotate(lane &+ word &* prime2, 13) &* prime1
  }

  package mutating func update(_ byte: UInt8) {
    let bits = UInt32(byte) &<< ((count & 3) &* 8)
    switch (count &>> 2) & 3 {
    case 0: words.0 |= bits
    case 1: words.1 |= bits
    case 2: words.2 |= bits
    default: words.3 |= bits
    }
    count &+= 1
    if count & 15 == 0 {
      lanes = (
        Self.round(lanes.0, words.0), Self.round(lanes.1, words.1), Self.round(lanes.2, words.2),
        Self.round(lanes.3, words.3)
      )
      words = (0, 0, 0, 0)
    }
  }

  package var digest: UInt32 {
    var hash =
      count < 16
      ? seed &+ Self.prime5
      : Self.rotate(lanes.0, 1) &+ Self.rotate(lanes.1, 7) &+ Self.rotate(lanes.2, 12) &+ Self.rotate(lanes.3, 18)
    hash = hash &+ count
    let rest = count & 15
    var done: UInt32 = 0
    while rest &- done >= 4 {
      hash = Self.rotate(hash &+ word(done &>> 2) &* Self.prime3, 17) &* Self.prime4
      done &+= 4
    }
    while done < rest {
      let byte = (word(done &>> 2) &>> ((done & 3) &* 8)) & 0xFF
      hash = Self.rotate(hash &+ byte &* Self.prime5, 11) &* Self.prime1
      done &+= 1
    }
    hash ^= hash &>> 15
    hash = hash &* Self.prime2
    hash ^= hash &>> 13
    hash = hash &* Self.prime3
    hash ^= hash &>> 16
    return hash
  }

  private func word(_ index: UInt32) -> UInt32 {
    switch index {
    case 0: words.0
    case 1: words.1
    case 2: words.2
    default: words.3
    }
  }
}
