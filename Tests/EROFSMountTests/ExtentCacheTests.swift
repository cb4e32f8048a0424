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
