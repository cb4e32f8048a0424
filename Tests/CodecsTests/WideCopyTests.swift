// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Testing

@testable import Codecs

/// The copies that must not write a byte too much, for every count and overlap that they are made for, against a copy byte
/// by byte.
@Suite struct WideCopyTests {
  static let counts = 0...200

  /// Runs `copy` on memory whose bytes all differ from their neighbours, and a model of it; compares all of the memory.
  private func compare(to: Int, from: Int, count: Int, _ copy: (MutableBytes, Bytes, Int) -> Void) {
    let size = 600
    let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 37 ^ ($0 >> 5)) }
    var model = bytes
    // What overlaps a source above it, or repeats one below it: lowest first is right for both.
    for i in 0..<count { model[to + i] = model[from + i] }
    var memory = bytes
    memory.withUnsafeMutableBytes {
      let start = $0.baseAddress!
      copy(start + to, Bytes(start) + from, count)
    }
    #expect(memory == model, "to \(to), from \(from), \(count) bytes")
  }

  @Test func copiesApart() {
    for count in Self.counts {
      for lag in [16, 17, 20, 31, 32, 33, 250] { compare(to: 300, from: 300 - lag, count: count, copyApart) }
      compare(to: 50, from: 300, count: count, copyApart)
    }
  }

  @Test func copiesDownByAnyNumberOfBytes() {
    for count in Self.counts {
      for lead in Array(1...40) + [250] { compare(to: 50, from: 50 + lead, count: count, copyDown) }
    }
  }

  @Test func repeatsNearHistory() {
    for count in Self.counts {
      for distance in 1..<16 {
        compare(to: 300, from: 300 - distance, count: count) { to, from, count in
          repeatNearExactly(to, distance: Bytes(to) - from, count)
        }
      }
    }
  }

  @Test func repeatsAnyHistory() {
    for count in Self.counts {
      for distance in Array(1...40) + [250] {
        compare(to: 300, from: 300 - distance, count: count, copyRepeating)
        compare(to: 300, from: 300 - distance, count: count, copyRepeatingInlined)
      }
      compare(to: 50, from: 300, count: count, copyRepeating)
      compare(to: 50, from: 300, count: count, copyRepeatingInlined)
    }
  }
}
