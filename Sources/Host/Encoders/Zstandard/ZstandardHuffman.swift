// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A Huffman code of literals (RFC 8878, 4.2), read from its description, to encode with.
struct ZstandardHuffman {
  static let longest = 11

  /// For each byte: code << 4 | length; 0 for a byte without a code.
  private(set) var codes = [UInt16](repeating: 0, count: 256)
  private var weights = [UInt8](repeating: 0, count: 256)
  private let states = ZstandardStateCode()

  /// Reads a description from `bytes`, which must be followed by eight readable ones; returns how many bytes it took, or nil
  /// when it is not one.
  mutating func read(_ bytes: UnsafeRawBufferPointer) -> Int? {
    guard let first = bytes.first else { return nil }
    var count: Int
    let taken: Int
    if first >= 128 {
      count = Int(first) - 127
      taken = 1 + (count + 1) / 2
      guard taken <= bytes.count else { return nil }
      for i in 0..<count { weights[i] = i & 1 == 0 ? bytes[1 + i / 2] >> 4 : bytes[1 + i / 2] & 15 }
    } else {
      taken = 1 + Int(first)
      guard taken <= bytes.count else { return nil }
      count = readWeights(UnsafeRawBufferPointer(rebasing: bytes[1..<taken]))
      guard count > 0 else { return nil }
    }
    // The last weight is what completes the sum to a power of two.
    var sum = 0
    for weight in weights[..<count] {
      guard weight <= Self.longest else { return nil }
      sum += (1 << Int(weight)) >> 1
    }
    guard sum > 0, count < 256 else { return nil }
    let log = Int.bitWidth - sum.leadingZeroBitCount
    let rest = 1 << log - sum
    guard log <= Self.longest, rest & (rest - 1) == 0 else { return nil }
    weights[count] = UInt8(rest.trailingZeroBitCount + 1)
    count += 1
    assign(count, log)
    return taken
  }

  /// Weights coded with states of their own, two of which take turns.
  private mutating func readWeights(_ bytes: UnsafeRawBufferPointer) -> Int {
    guard let taken = states.read(bytes, highestLog: 6),
      var bits = ZstandardBitReader(bytes.baseAddress! + taken, count: bytes.count - taken)
    else { return 0 }
    var state = bits.read(states.log)
    var other = bits.read(states.log)
    guard bits.left >= 0 else { return 0 }
    var count = 0
    while count < 254 {
      weights[count] = states.symbol(state)
      count += 1
      let next = states.base(state) + bits.read(states.width(state))
      if bits.left < 0 {
        weights[count] = states.symbol(other)
        return count + 1
      }
      state = other
      other = next
    }
    return 0
  }

  /// Codes in the order of weights, the longest first, and of symbols.
  private mutating func assign(_ count: Int, _ log: Int) {
    for i in 0..<256 { codes[i] = 0 }
    var at = 0
    for weight in 1...log {
      for symbol in 0..<count where Int(weights[symbol]) == weight {
        codes[symbol] = UInt16((at >> (weight - 1)) << 4 | (log + 1 - weight))
        at += 1 << (weight - 1)
      }
    }
  }
}
