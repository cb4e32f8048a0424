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
