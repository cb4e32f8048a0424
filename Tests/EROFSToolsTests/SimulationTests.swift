// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import NoMMUMachine
import TestSupport
import Testing

@testable import EROFSTools

@Suite struct SimulationTests {
  /// Plenty of memory, no two page frames of a list next to each other but by chance.
  private static func plenty(workers: Int = 2, seed: UInt64 = 1) -> SimulatedMachine {
    SimulatedMachine(ram: 32 << 20, fragmentation: .shuffled, workers: workers, seed: seed)
  }

  /// An image of many small pclusters, each of which shares a page with the next.
  private static let many = ReferenceImages.among("lz4hc", "lz4hc-16k-full-index")[0]

  @Test(arguments: 1...3 as ClosedRange<UInt64>)
  func copyingPagesBackCorruptsWhatTwoWorkersDecode(seed: UInt64) throws {
    let simulation = try Simulation(try ReferenceImages.reader(Self.many))
    let copyBack = try #require(simulation.run(.copyBack, on: Self.plenty(seed: seed)))
    #expect(copyBack.wrong > 0 && copyBack.wrongBytes > 0)
    #expect(copyBack.failed == 0)
    #expect(copyBack.right + copyBack.wrong == copyBack.files)
    for way in [ReadingWay.mergeBack, .pageVectors] {
      let result = try #require(simulation.run(way, on: Self.plenty(workers: 3, seed: seed)))
      #expect(result.right == result.files && result.wrongBytes == 0 && result.failed == 0)
      #expect(result.bytesRead == copyBack.bytesRead)
      #expect((result.maps > 0) == (way == .mergeBack))
      #expect((result.bytesCopied > 0) == (way == .mergeBack))
      #expect(way == .mergeBack || result.largestRunPages == 1)
      #expect(result.framesLeft == 0)
    }
    #expect(copyBack.framesLeft == 0)
  }

  @Test func oneWorkerAloneIsRightInEveryWay() throws {
    let simulation = try Simulation(try ReferenceImages.reader(Self.many))
    for way in ReadingWay.allCases {
      let result = try #require(simulation.run(way, on: Self.plenty(workers: 1)))
      #expect(result.right == result.files && result.failed == 0)
    }
  }

  @Test func whereNoTwoFramesAreNeighboursOnlyPageVectorsRead() throws {
    let reader = try ReferenceImages.reader(Self.many)
    let simulation = try Simulation(reader)
    for way in [ReadingWay.copyBack, .mergeBack] {
      let result = try #require(simulation.run(way, on: SimulatedMachine()))
      #expect(result.failed > 0 && result.wrong == 0)
      #expect(result.failures.allSatisfy { $0.reason == .outputRun || $0.reason == .inputRun })
      #expect(result.failures.allSatisfy { $0.bytes > 4096 })
      #expect(result.largestRunPages > 1)
    }
    let result = try #require(simulation.run(.pageVectors, on: SimulatedMachine()))
    #expect(result.right == result.files && result.failed == 0 && result.largestRunPages == 1)
  }

  /// Page vectors read every reference image right, with small pages and with large ones in turn, in the memory that the
  /// plan says.
  @Test(arguments: ReferenceImages.oneOfEachKind.enumerated().map { ($0.element, [4096, 65536][$0.offset % 2]) })
  func pageVectorsReadEverythingInTheMemoryOfThePlan(name: String, pageSize: Int) throws {
    let reader = try ReferenceImages.reader(name)
    let plan = try PlanReport(of: reader)
    let readahead = 64 << 10
    func pages(_ bytes: Int) -> Int { (bytes + pageSize - 1) / pageSize * pageSize }
    // Two readers, what the mount keeps, and the data; states come in pages of records.
    let bound = pages(readahead) + 2 * pages(plan.plan.frameBytes) + pages(2 * plan.plan.stateBytes + 64)
    let basic = pages(plan.basicFrameBytes) + pages(plan.basicStateBytes + 64)
    let machine = SimulatedMachine(
      ram: bound + basic, pageSize: pageSize, fragmentation: .worst, readahead: readahead)
    let result = try #require(try Simulation(reader).run(.pageVectors, on: machine))
    #expect(result.right == result.files && result.files > 100)
    #expect(result.failures == [])
    #expect(result.largestRunPages <= 1)
    #expect(result.peakFrames * pageSize <= bound + basic)
    #expect(result.framesLeft == 0)
  }

  /// Codecs that Linux decodes through private streams: right in every way, but only where the streams fit.
  @Test(
    arguments:
      ReferenceImages.among(
        "zstd-48bit-64k", "lzma-1k-64k-tail", "libdeflate-32k-tail", "lzma-1m-all-fragments", "lz4hc-64k-tail",
        "lz4hc-64k-dedupe-fragments"))
  func otherImagesAreRightWithPlentyOfMemory(name: String) throws {
    let reader = try ReferenceImages.reader(name)
    let simulation = try Simulation(reader, files: try reader.files(below: Array("/contents".utf8)))
    let limits = reader.superblock.compression
    let streams = Algorithm.allCases.reduce(0) {
      $0 + (limits.announces($1) ? LinuxDecoders.streamBytes($1, limits) : 0)
    }
    let result = try #require(simulation.run(.mergeBack, on: Self.plenty()))
    #expect(result.right == result.files, "\(result.failures)")
    #expect(result.stateBytes >= 2 * streams)
    #expect((result.maps == 0) == (streams > 0))
    guard streams > 0 else { return }
    var small = Self.plenty()
    small.ram = 2 * streams
    let refused = try #require(simulation.run(.mergeBack, on: small))
    #expect(refused.failed == refused.files)
    #expect(refused.failures.count == 1 && refused.failures[0].bytes > streams)
  }

  @Test func theSameSeedGivesTheSameResult() throws {
    let simulation = try Simulation(try ReferenceImages.reader(Self.many))
    let first = simulation.run(.copyBack, on: Self.plenty(seed: 7))
    #expect(first == simulation.run(.copyBack, on: Self.plenty(seed: 7)))
    #expect(first != simulation.run(.copyBack, on: Self.plenty(seed: 8)))
  }

  @Test func blocksLargerThanAPageAreNotMountedByLinux() throws {
    let simulation = try Simulation(try ReferenceImages.reader(Self.many))
    var machine = Self.plenty()
    machine.pageSize = 1024
    let linux = try #require(simulation.run(.mergeBack, on: machine))
    #expect(linux.failures.map(\.reason) == [.pageTooSmall] && linux.failed == linux.files)
    let vectors = try #require(simulation.run(.pageVectors, on: machine))
    #expect(vectors.right == vectors.files)
  }

  @Test func whatIsNoMachineIsRefused() throws {
    let simulation = try Simulation(try ReferenceImages.reader(Self.many))
    var machines = [SimulatedMachine](repeating: SimulatedMachine(), count: 5)
    machines[0].workers = 0
    machines[1].readahead = 0
    machines[2].pageSize = 5000
    machines[3].ram = 100
    machines[4].readahead = Simulation.longestReadahead + 1
    for machine in machines { #expect(simulation.run(.pageVectors, on: machine) == nil) }
    var least = SimulatedMachine()
    least.ram = 4096
    for way in ReadingWay.allCases {
      let result = try #require(simulation.run(way, on: least))
      #expect(result.failed == result.files && result.framesLeft == 0)
    }
  }
}

extension PlanReport {
  /// What a mount keeps besides what reading a file takes: blocks, and the decoding of the metabox.
  fileprivate var basicFrameBytes: Int {
    plan.metadata + plan.metaboxBlock + plan.directory + plan.metabox.frames + plan.packed.frames
  }
  fileprivate var basicStateBytes: Int { plan.metabox.state + plan.packed.state + 16 }
}

@Suite struct SchedulerTests {
  /// Takes `wanted` units of a pool, one at each step, and gives them back when it is through.
  private final class Job: SimulatedJob {
    final class Pool {
      var free: Int
      var log: [Int] = []
      init(_ free: Int) { self.free = free }
    }

    let number: Int
    let wanted: Int
    let pool: Pool
    var taken = 0
    init(_ number: Int, _ wanted: Int, _ pool: Pool) {
      self.number = number
      self.wanted = wanted
      self.pool = pool
    }

    func step() throws(SimulationFault) -> StepOutcome {
      pool.log.append(number)
      if taken == wanted {
        abandon()
        return .done
      }
      guard pool.free > 0 else { return .blocked(.frames, bytes: 1) }
      pool.free -= 1
      taken += 1
      return .more
    }

    func abandon() {
      pool.free += taken
      taken = 0
    }
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func workersTakeTurns(seed: UInt64) throws {
    let pool = Job.Pool(100)
    var scheduler = Scheduler(workers: 2, seed: seed)
    try scheduler.run((0..<4).map { Job($0, 10, pool) })
    #expect(pool.free == 100 && pool.log.count == 44)
    // Never more than two are begun and not through.
    for (index, number) in pool.log.enumerated() {
      let others = Set(pool.log[index...]).intersection(pool.log[...index])
      #expect(others.count <= 2 && others.contains(number))
    }
    #expect(Set(pool.log[..<20]).count > 1)
  }

  /// Two that each hold what the other waits for: one gives way, and both get through.
  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func whoWaitsGivesWay(seed: UInt64) throws {
    let pool = Job.Pool(6)
    var scheduler = Scheduler(workers: 3, seed: seed)
    try scheduler.run((0..<5).map { Job($0, 5, pool) })
    #expect(pool.free == 6)
  }

  @Test func whatOneAloneCannotHaveFails() {
    let pool = Job.Pool(6)
    var scheduler = Scheduler(workers: 2, seed: 1)
    #expect(throws: SimulationFault.self) { try scheduler.run([Job(0, 5, pool), Job(1, 7, pool)]) }
    #expect(pool.free == 6)
  }
}
