// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Testing

@testable import EROFSBuilder

@Suite struct ContentSumTests {
  private func sum(_ bytes: [UInt8]) -> ContentSum.Value { bytes.withUnsafeBytes { ContentSum($0).value } }

  @Test func dependsOnTheBytesOnly() {
    var random = Random(31)
    let bytes = (0..<5000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    for _ in 0..<200 {
      var pieces = ContentSum()
      var at = 0
      while at < bytes.count {
        let length = min(bytes.count - at, random.below(70))
        bytes[at..<at + length].withUnsafeBytes { pieces.update($0) }
        at += length
      }
      #expect(pieces.value == sum(bytes))
    }
  }

  /// The definition, a byte at a time.
  private func plainSum(_ bytes: [UInt8]) -> ContentSum.Value {
    func product(_ a: UInt64, _ b: UInt64) -> UInt64 {
      let (high, low) = a.multipliedFullWidth(by: b)
      return (high ^ low) &+ (a ^ b)
    }
    var (first, second): (UInt64, UInt64) = (0x243F_6A88_85A3_08D3, 0x1319_8A2E_0370_7344)
    func step(_ words: [UInt64]) {
      first = product(words[0] ^ 0xA409_3822_299F_31D0, words[1] ^ first)
      second = product(words[2] ^ 0x082E_FA98_EC4E_6C89, words[3] ^ second)
    }
    var words: [UInt64] = [0, 0, 0, 0]
    for (number, byte) in bytes.enumerated() {
      let place = number % 32
      words[place / 8] |= UInt64(byte) << UInt64(place % 8 * 8)
      if place == 31 || number == bytes.count - 1 {
        step(words)
        words = [0, 0, 0, 0]
      }
    }
    step([UInt64(bytes.count), second, UInt64(bytes.count), first].map { UInt64(littleEndian: $0) })
    return ContentSum.Value(high: first, low: second)
  }

  /// Whatever the pieces that the bytes come in, and whether zeros come as bytes or as a number of them.
  @Test func isTheSumOfItsDefinition() {
    var random = Random(32)
    for _ in 0..<2000 {
      var pieces = ContentSum()
      var bytes: [UInt8] = []
      for _ in 0..<random.below(8) {
        let length = [random.below(4), random.below(40), random.below(400)][random.below(3)]
        if random.isTrue(oneIn: 3) {
          bytes += [UInt8](repeating: 0, count: length)
          pieces.update(zeros: UInt64(length))
        } else {
          let piece = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
          bytes += piece
          piece.withUnsafeBytes { pieces.update($0) }
        }
      }
      #expect(pieces.value == plainSum(bytes))
      #expect(sum(bytes) == plainSum(bytes))
    }
  }

  /// What is known of other numbers of zeros changes nothing, in whatever order they are asked for.
  @Test func zerosOfAnyLength() {
    var random = Random(33)
    for _ in 0..<200 {
      let count = UInt64([random.below(200), random.below(3 << 20), random.below(64 << 20)][random.below(3)])
      var zeros = ContentSum()
      zeros.update(zeros: count)
      #expect(ContentSum.ofZeros(count) == zeros.value)
    }
    // Above and below the step of the table for large numbers.
    let large: UInt64 = 1 << 32
    var zeros = ContentSum()
    zeros.update(zeros: large - 5)
    #expect(ContentSum.ofZeros(large - 5) == zeros.value)
    for _ in 0..<10 { zeros.update(zeros: 1) }
    #expect(ContentSum.ofZeros(large + 5) == zeros.value)
  }

  @Test(arguments: [0, 1, 31, 32, 33, 1000, 1 << 20, 4 << 20, 5 << 20, 32 << 20, 33 << 20])
  func zerosAreBytes(count: Int) {
    let zeros = [UInt8](repeating: 0, count: count)
    #expect(ContentSum.ofZeros(UInt64(count)) == sum(zeros))
    var both = ContentSum()
    [1, 2, 3].withUnsafeBytes { both.update($0) }
    both.update(zeros: UInt64(count))
    let bytes = [1, 2, 3].withUnsafeBytes { Array($0) } + zeros
    #expect(both.value == sum(bytes))
  }

  @Test func everyBitCounts() {
    for count in [1, 31, 64, 100] {
      let bytes = [UInt8](repeating: 0, count: count)
      var seen = [sum(bytes), sum(bytes + [0])]
      for bit in 0..<8 * count {
        var other = bytes
        other[bit / 8] ^= 1 << UInt8(bit % 8)
        let value = sum(other)
        #expect(!seen.contains(value))
        seen.append(value)
      }
    }
  }
}
