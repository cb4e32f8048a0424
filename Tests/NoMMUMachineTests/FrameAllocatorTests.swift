// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import TestSupport
import Testing

@testable import NoMMUMachine

@Suite struct FrameAllocatorTests {
  @Test(arguments: Fragmentation.allCases, [1, 2, 3, 64, 1000])
  func budgetIsWhatCanBeHad(fragmentation: Fragmentation, budget: Int) {
    var frames = FrameAllocator(budget: budget, fragmentation: fragmentation, seed: 7)
    #expect(frames.freeCount == budget)
    var taken: Set<Int> = []
    for _ in 0..<budget {
      guard let frame = frames.take(1) else {
        Issue.record("budget is not there")
        return
      }
      #expect(frame >= 0 && frame < frames.physicalCount)
      #expect(taken.insert(frame).inserted)
    }
    #expect(frames.take(1) == nil)
    #expect(frames.take(0) == nil)
    for frame in taken { frames.give(frame, 1) }
    #expect(frames.freeCount == budget)
    #expect(frames.take(budget + 1) == nil)
  }

  @Test func withoutFragmentationAllMemoryIsOneRun() {
    var frames = FrameAllocator(budget: 100, fragmentation: .none, seed: 1)
    #expect(frames.longestRun == 100)
    #expect(frames.take(100) == 0)
    frames.give(0, 100)
    #expect((0..<5).map { _ in frames.take(1) } == [0, 1, 2, 3, 4])
    frames.give(1, 2)
    // The lowest run that fits.
    #expect(frames.take(3) == 5)
    #expect(frames.take(2) == 1)
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func atWorstNoTwoFreeFramesAreNeighbours(seed: UInt64) {
    var frames = FrameAllocator(budget: 200, fragmentation: .worst, seed: seed)
    var generator = SplitMix64(seed: seed)
    var taken: [Int] = []
    for _ in 0..<500 {
      #expect(frames.freeNeighbours == 0)
      #expect(frames.take(2) == nil)
      if taken.isEmpty || Bool.random(using: &generator), let frame = frames.take(1) {
        taken.append(frame)
      } else {
        frames.give(taken.remove(at: .random(in: 0..<taken.count, using: &generator)), 1)
      }
    }
  }

  @Test func atRandomThereAreSomeRunsButNoLongOnes() {
    let frames = FrameAllocator(budget: 1000, fragmentation: .random, seed: 3)
    #expect(frames.longestRun >= 3)
    #expect(frames.longestRun < 100)
    #expect(frames.freeNeighbours > 300)
  }

  @Test(arguments: Fragmentation.allCases)
  func runsAreFreeAndInARow(fragmentation: Fragmentation) {
    var frames = FrameAllocator(budget: 300, fragmentation: fragmentation, seed: 5)
    var generator = SplitMix64(seed: 11)
    var owned: [(start: Int, count: Int)] = []
    var isTaken = Array(repeating: false, count: frames.physicalCount)
    for _ in 0..<2000 {
      if Bool.random(using: &generator) {
        let count = Int.random(in: 1...8, using: &generator)
        let free = frames.freeCount
        guard let start = frames.take(count) else {
          #expect(count > 1 || free == 0)
          continue
        }
        #expect(frames.freeCount == free - count)
        for frame in start..<start + count {
          #expect(!isTaken[frame])
          isTaken[frame] = true
        }
        owned.append((start, count))
      } else if !owned.isEmpty {
        let run = owned.remove(at: .random(in: 0..<owned.count, using: &generator))
        frames.give(run.start, run.count)
        for frame in run.start..<run.start + run.count { isTaken[frame] = false }
      }
    }
  }
}
