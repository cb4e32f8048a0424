// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import HostSupport
import Testing

@Suite struct LargeMemoryTests {
  @Test func roomIsGivenBack() throws {
    let room = MemoryRoom(1 << 20)
    do {
      let memory = try #require(LargeMemory(700_000, in: room))
      #expect(memory.bytes.count == 700_000 && memory.bytes.allSatisfy { $0 == 0 })
      memory.bytes[699_999] = 7
      memory.bytes[4999] = 3
      #expect(LargeMemory(400_000, in: room) == nil)
      memory.shorten(to: 5000)
      #expect(memory.bytes.count == 5000 && memory.bytes[4999] == 3)
      #expect(LargeMemory(400_000, in: room) != nil)
    }
    #expect(room.take(1 << 20) && !room.take(1))
    room.give(1 << 20)
    #expect(LargeMemory(0, in: room) == nil && LargeMemory(.max, in: room) == nil)
    #expect(room.take(1 << 20))
  }
}
