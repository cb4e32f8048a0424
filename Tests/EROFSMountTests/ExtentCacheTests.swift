// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Synchronization
import TestSupport
import Testing

@testable import EROFSMount

@Suite struct ExtentCacheTests {
  struct Refused: Error {}

  private func key(_ number: UInt64, _ length: UInt32 = 1000) -> ExtentCache.Key {
    .init(device: 0, address: number << 12, length: length, algorithm: 0)
  }

  private func fetch(_ cache: ExtentCache, _ number: UInt64, _ decoded: inout [UInt64]) {
    let content = cache.content(key(number)) { bytes in
      decoded.append(number)
      for at in bytes.indices { bytes[at] = UInt8(truncatingIfNeeded: number) }
    }
    #expect(content.bytes.allSatisfy { $0 == UInt8(truncatingIfNeeded: number) })
  }

  @Test func whatWasNotUsedForTheLongestTimeGoesFirst() {
    let cache = ExtentCache(limit: 3000)
    var decoded: [UInt64] = []
    for number: UInt64 in [1, 2, 3, 1, 4, 1, 2, 3] { fetch(cache, number, &decoded) }
    // 4 took the place of 2, and 2 then that of 3.
    #expect(decoded == [1, 2, 3, 4, 2, 3])
    #expect(cache.statistics.hits == 2)
    #expect(cache.statistics.mostHeldBytes == 3000)
  }

  @Test func theBoundHolds() {
    let cache = ExtentCache(limit: 10_000)
    var state: UInt64 = 1
    for _ in 0..<5000 {
      state = state &* 6_364_136_223_846_793_005 &+ 1
      let number = state >> 40 % 50
      _ = cache.content(key(number, UInt32(number * 37 + 1))) { _ in }
      #expect(cache.statistics.heldBytes <= 10_000)
    }
    #expect(cache.statistics.evictions > 100 && cache.statistics.hits > 100)
  }

  /// What has been read to its end makes room for the next extent at once, and for the others it stays.
  @Test func whatHasBeenReadGoesFirst() {
    let cache = ExtentCache(limit: 1 << 30)
    func fetch(_ number: UInt64, _ range: Range<Int>?, of length: Int = 100_000) -> UnsafeRawPointer? {
      let content = cache.content(key(number, UInt32(length)), reading: range) { bytes in
        for at in bytes.indices { bytes[at] = UInt8(truncatingIfNeeded: number) }
      }
      #expect(content.bytes.count == length && content.bytes.allSatisfy { $0 == UInt8(truncatingIfNeeded: number) })
      return UnsafeRawPointer(content.bytes.baseAddress)
    }
    let first = fetch(1, 0..<60_000)
    _ = fetch(2, 0..<50_000)
    _ = fetch(3, nil)
    // Its beginning again, and a part in its middle: the end is missing.
    _ = fetch(1, 0..<60_000)
    _ = fetch(1, 70_000..<90_000)
    #expect(cache.statistics.evictions == 0)
    _ = fetch(1, 60_000..<70_000)
    _ = fetch(1, 90_000..<100_000)
    // Another one of about that length takes its memory.
    #expect(fetch(4, 0..<120_000, of: 120_000) == first)
    #expect(!cache.contains(key(1, 100_000)) && cache.contains(key(2, 100_000)) && cache.contains(key(3, 100_000)))
    _ = fetch(5, nil)
    #expect(!cache.contains(key(4, 120_000)) && cache.statistics.evictions == 2)
    // Whoever still has it keeps it: its memory is not taken.
    let held = cache.content(key(6), reading: 0..<1000) { for at in $0.indices { $0[at] = 6 } }
    _ = cache.content(key(7), reading: nil) { for at in $0.indices { $0[at] = 7 } }
    #expect(!cache.contains(key(6)) && held.bytes.allSatisfy { $0 == 6 })
    // A byte of its own for each part, in any order.
    for length in [1, 2, 63, 64, 65, 100, 127, 4096] as [UInt32] {
      for at in (0..<Int(length)).reversed() { _ = cache.content(key(100, length), reading: at..<at + 1) { _ in } }
      _ = cache.content(key(101, length)) { _ in }
      #expect(!cache.contains(key(100, length)), "\(length)")
      _ = cache.content(key(101, length), reading: 0..<Int(length)) { _ in }
    }
  }

  /// Several threads that decode for one reader each get memory of what it has read.
  @Test func memoryGoesToTheNextExtents() {
    func fetch(_ cache: ExtentCache, _ number: UInt64, _ range: Range<Int>?) -> UnsafeRawPointer? {
      UnsafeRawPointer(cache.content(key(number, 200_000), reading: range) { $0[0] = UInt8(number) }.bytes.baseAddress)
    }
    let cache = ExtentCache(limit: 1 << 30)
    let memory = (1...4).map { fetch(cache, $0, nil) }
    #expect(cache.statistics.ahead == 4 && cache.statistics.aheadUsed == 0 && Set(memory).count == 4)
    for number in 1...4 as ClosedRange<UInt64> { _ = fetch(cache, number, 0..<200_000) }
    #expect(cache.statistics.aheadUsed == 4 && cache.statistics.evictions == 0)
    #expect(Set((5...8).map { fetch(cache, $0, nil) }) == Set(memory))
    // In a small cache those that nobody has read go, too.
    let small = ExtentCache(limit: 600_000)
    for number in 1...4 as ClosedRange<UInt64> { _ = fetch(small, number, nil) }
    #expect(small.statistics.aheadWasted == 2 && small.statistics.mostHeldBytes <= 600_000)
  }

  @Test func withoutRoomNothingIsKeptButGiven() {
    let cache = ExtentCache(limit: 0)
    var decoded: [UInt64] = []
    for number: UInt64 in [1, 1, 2] { fetch(cache, number, &decoded) }
    #expect(decoded == [1, 1, 2])
    #expect(cache.statistics.heldBytes == 0)
  }

  @Test func aFailureIsForgotten() throws {
    let cache = ExtentCache(limit: 10_000)
    #expect(throws: Refused.self) { try cache.content(key(1)) { (_) throws(Refused) in throw Refused() } }
    #expect(!cache.contains(key(1)))
    var decoded: [UInt64] = []
    fetch(cache, 1, &decoded)
    #expect(decoded == [1] && cache.contains(key(1)))
  }

  @Test func threadsShareWhatOneDecodes() {
    let cache = ExtentCache(limit: 1 << 20)
    let decodings = Atomic<Int>(0)
    let wrong = Atomic<Int>(0)
    runThreads(8) { thread in
      for number in 0..<400 {
        // Each has them in an order of its own.
        let number = UInt64((number * 7 + thread * 131) % 400)
        let content = cache.content(key(number)) { bytes in
          decodings.wrappingAdd(1, ordering: .relaxed)
          for at in bytes.indices { bytes[at] = UInt8(truncatingIfNeeded: number) }
        }
        if content.bytes.contains(where: { $0 != UInt8(truncatingIfNeeded: number) }) {
          wrong.wrappingAdd(1, ordering: .relaxed)
        }
      }
    }
    #expect(decodings.load(ordering: .relaxed) == 400)
    #expect(wrong.load(ordering: .relaxed) == 0)
  }
}
