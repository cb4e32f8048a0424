// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import NoMMUMachine
import PageVectors
import TestSupport
import Testing

@Suite struct NoMMUMachineTests {
  static let pageSizes = [4096, 16384, 65536]

  @Test func refusesWhatIsNoMachine() {
    #expect(NoMMUMachine(ram: 4095) == nil)
    #expect(NoMMUMachine(ram: 1 << 20, pageSize: 5000) == nil)
    #expect(NoMMUMachine(ram: 1 << 20, pageSize: 8) == nil)
    #expect(NoMMUMachine(ram: Int.max) == nil)
    #expect(NoMMUMachine(ram: -1) == nil)
  }

  @Test(arguments: pageSizes, Fragmentation.allCases)
  func framesHoldBytesInTheOrderOfTheirList(pageSize: Int, fragmentation: Fragmentation) throws {
    let machine = try #require(NoMMUMachine(ram: 8 * pageSize, pageSize: pageSize, fragmentation: fragmentation))
    #expect(machine.frameBudget == 8)
    var pages = machine.allocatePages(5)
    try #require(pages != nil)
    #expect(machine.statistics.framesInUse == 5)
    #expect(machine.statistics.bytesInUse == 5 * pageSize)
    let bytes = (0..<3 * pageSize + 100).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    bytes.withUnsafeBytes { source in
      let copied = pages!.vector(at: 77, count: bytes.count).copy(from: PageVector(unsafeContiguous: source))
      #expect(copied == bytes.count)
    }
    #expect(pages!.vector.readOnly.slice(at: 77, count: bytes.count).gathered == bytes)
    for (i, frame) in pages!.frames.enumerated() {
      let address = machine.address(of: frame)
      #expect(UInt(bitPattern: address) % UInt(pageSize) == 0)
      #expect(machine.frame(at: address + pageSize - 1) == frame)
      if i == 2 { #expect(address.load(as: UInt8.self) == bytes[2 * pageSize - 77]) }
    }
    #expect(pages!.vector(at: -5, count: 9 * pageSize).count == 5 * pageSize)
    #expect(pages!.vector(at: 6 * pageSize, count: 1).isEmpty)
    pages = nil
    #expect(machine.statistics.framesInUse == 0)
    #expect(machine.statistics.peakFrames == 5)
  }

  @Test func recordsTakeOfTheSameBudget() throws {
    let machine = try #require(NoMMUMachine(ram: 4 * 4096))
    let small = try #require(machine.allocateRecord(bytes: 40))
    #expect(machine.statistics.recordBytes == 48)
    #expect(machine.statistics.framesInUse == 1)
    let large = try #require(machine.allocateRecord(bytes: 8192))
    #expect(machine.statistics.framesInUse == 3)
    #expect(machine.statistics.bytesInUse == 48 + 8192)
    #expect(machine.allocateRecord(bytes: 8192) == nil)
    #expect(machine.allocateRun(pages: 2) == nil)
    #expect(machine.statistics.framesInUse == 3)
    let last = try #require(machine.allocateRun(pages: 1))
    #expect(machine.allocateRecord(bytes: 4096) == nil)
    machine.freeRecord(large, bytes: 8192)
    #expect(machine.statistics.framesInUse == 2)
    machine.freeRecord(small, bytes: 40)
    machine.freeRun(last, pages: 1)
    #expect(machine.statistics.framesInUse == 0)
    #expect(machine.statistics.bytesInUse == 0)
    #expect(machine.statistics.peakFrames == 4)
    #expect(machine.statistics.peakBytes == 48 + 8192 + 4096)
    #expect(machine.statistics.largestRunWanted == 2)
    #expect(machine.statistics.largestRunGiven == 1)
    #expect(machine.statistics.allocations == 6)
    #expect(machine.statistics.failures == 3)
    machine.resetStatistics()
    #expect(machine.statistics.peakBytes == 0 && machine.statistics.peakFrames == 0)
    #expect(machine.statistics.allocations == 0 && machine.statistics.failures == 0)
    #expect(machine.statistics.largestRunWanted == 0 && machine.statistics.largestRunGiven == 0)
  }

  @Test func theAllocationThatWasAskedToFailsAndNoOther() throws {
    for number in 1...6 {
      let machine = try #require(NoMMUMachine(ram: 1 << 16))
      machine.failAllocation(number)
      var results: [Bool] = []
      for i in 0..<6 {
        results.append(
          (i % 2 == 0 ? machine.allocateRun(pages: 1) : machine.allocateRecord(bytes: 16)) != nil)
        if i % 2 == 1, results[i] { #expect(machine.statistics.recordBytes > 0) }
      }
      #expect(results.firstIndex(of: false) == number - 1)
      #expect(results.count { !$0 } == 1)
    }
    let machine = try #require(NoMMUMachine(ram: 1 << 16))
    machine.failAllocation(3)
    #expect(machine.allocatePages(5) == nil)
    #expect(machine.statistics.framesInUse == 0)
    #expect(machine.allocatePages(5) != nil)
  }

  @Test(arguments: Fragmentation.allCases)
  func aFragmentedMachineCannotMapWhatPageVectorsReach(fragmentation: Fragmentation) throws {
    let machine = try #require(NoMMUMachine(ram: 64 * 4096, fragmentation: fragmentation, seed: 5))
    let pages = try #require(machine.allocatePages(40))
    pages.vector.fill(0x5A)
    #expect(pages.vector.readOnly.byte(at: pages.byteCount - 1) == 0x5A)
    #expect(pages.vector.readOnly.isContiguous == (fragmentation == .none))
    let map = machine.virtualMap()
    let frames = pages.frames
    let address = map.map(frames.span)
    #expect((address != nil) == (fragmentation == .none))
    if let address { #expect(map.unmap(address)) }
    #expect(machine.statistics.largestRunWanted == (fragmentation == .none ? 1 : 40))
    #expect(map.end() == 0)
    #expect(machine.statistics.framesInUse == 40)
  }

  @Test func threadsShareOneMachine() throws {
    let machine = try #require(NoMMUMachine(ram: 256 * 4096, fragmentation: .random))
    runThreads(4) { thread in
      var generator = SplitMix64(seed: UInt64(thread))
      for _ in 0..<50 {
        guard let pages = machine.allocatePages(.random(in: 1...8, using: &generator)) else { continue }
        pages.vector.fill(UInt8(thread))
        #expect(pages.vector.readOnly.gathered.allSatisfy { $0 == UInt8(thread) })
      }
    }
    #expect(machine.statistics.framesInUse == 0)
    #expect(machine.statistics.bytesInUse == 0)
  }
}
