// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Makes new inputs of old ones: one to eight small changes, or a splice of two.
public struct Mutator {
  static let interesting: [UInt64] = [
    0, 1, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 511, 512, 1023, 4095, 4096, 32767, 32768, 65535, 65536,
    0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x7FFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF,
  ]

  var random: FuzzRandom
  let longest: Int

  /// - Parameter longest: bytes that no input exceeds.
  public init(seed: UInt64, longest: Int) {
    random = FuzzRandom(seed)
    self.longest = longest
  }

  /// An input made from one of `pool`, which is not empty.
  public mutating func next(from pool: [[UInt8]]) -> [UInt8] {
    var bytes = pool[random.below(pool.count)]
    if random.below(16) == 0 {
      let other = pool[random.below(pool.count)]
      if !bytes.isEmpty, !other.isEmpty {
        bytes.removeSubrange(random.below(bytes.count)...)
        bytes += other[random.below(other.count)...]
      }
    }
    for _ in 0...random.below(8) { change(&bytes) }
    if bytes.count > longest { bytes.removeSubrange(longest...) }
    return bytes
  }

  private mutating func change(_ bytes: inout [UInt8]) {
    guard !bytes.isEmpty else {
      bytes.append(UInt8(truncatingIfNeeded: random.next()))
      return
    }
    let at = position(in: bytes)
    switch random.below(16) {
    case 0...4: bytes[at] ^= 1 << UInt8(random.below(8))
    case 5, 6: bytes[at] = UInt8(truncatingIfNeeded: random.next())
    case 7: bytes[at] &+= UInt8(truncatingIfNeeded: random.below(35)) &- 17
    case 8, 9:
      // A little-endian number of 1, 2, 4 or 8 bytes: a known one, its neighbour, or one byte of a length.
      let size = 1 << random.below(4)
      let value = Self.interesting[random.below(Self.interesting.count)] &+ UInt64(random.below(3)) &- 1
      for i in 0..<size where at + i < bytes.count { bytes[at + i] = UInt8(truncatingIfNeeded: value >> (8 * i)) }
    case 10: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: at)
    case 11: bytes.removeSubrange(at..<min(bytes.count, at + 1 + random.below(4)))
    case 12:
      let count = min(bytes.count - at, 1 + random.below(64))
      bytes.insert(contentsOf: Array(bytes[at..<at + count]), at: random.below(bytes.count + 1))
    case 13:
      let count = min(bytes.count - at, 1 + random.below(64))
      let to = random.below(bytes.count - count + 1)
      bytes.replaceSubrange(to..<to + count, with: Array(bytes[at..<at + count]))
    case 14:
      let value = UInt8(truncatingIfNeeded: random.next())
      for i in at..<min(bytes.count, at + 1 + random.below(32)) { bytes[i] = value }
    default:
      if random.below(4) == 0 {
        bytes.removeSubrange(at...)
      } else {
        for _ in 0...random.below(16) { bytes.append(UInt8(truncatingIfNeeded: random.next())) }
      }
    }
  }

  /// Anywhere; one time in four near the start, where headers are.
  private mutating func position(in bytes: [UInt8]) -> Int {
    random.below(4) == 0 ? random.below(min(bytes.count, 40)) : random.below(bytes.count)
  }
}
