// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import NoMMUMachine
@testable import PageVectors
import Synchronization
import TestSupport
import Testing

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Mappings against really shared pages: at random on several threads, and in every order of small scripts.
@Suite struct VirtualMapSharingTests {
  struct Setting: Sendable, CustomTestStringConvertible {
    var threads: Int
    var pageSize: Int
    var fragmentation: Fragmentation
    var checked = false
    var testDescription: String {
      "\(threads) threads, \(pageSize) bytes, \(fragmentation)\(checked ? ", checked" : "")"
    }
  }

  static let settings: [Setting] = [
    Setting(threads: 1, pageSize: 64, fragmentation: .random),
    Setting(threads: 1, pageSize: 32, fragmentation: .random),
    Setting(threads: 2, pageSize: 64, fragmentation: .none),
    Setting(threads: 3, pageSize: 64, fragmentation: .random),
    Setting(threads: 3, pageSize: 64, fragmentation: .none, checked: true),
    Setting(threads: 4, pageSize: 256, fragmentation: .none),
    Setting(threads: 4, pageSize: 4096, fragmentation: .random),
  ]

  static let pageCount = 6

  /// One thread's random maps, writes, reads and unmaps, on pages that the others use too.
  static func work(_ model: SharedPagesModel, modes: [VirtualMapMode], steps: Int, seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    var mappings: [SharedPagesModel.Mapping] = []
    let size = model.machine.pageSize
    for _ in 0..<steps {
      switch Int.random(in: 0..<12, using: &generator) {
      case 0, 1:
        guard mappings.count < 4 else { continue }
        // Half of the lists are in order, so that neighbours are mapped directly where there are any.
        var list = Array((0..<pageCount).shuffled(using: &generator).prefix(.random(in: 2...4, using: &generator)))
        if Bool.random(using: &generator) {
          let first = Int.random(in: 0..<pageCount - 1, using: &generator)
          list = Array(first..<min(pageCount, first + .random(in: 1...3, using: &generator)))
        }
        if let mapping = model.makeMapping(list, modes.randomElement(using: &generator)!) { mappings.append(mapping) }
      case 2:
        guard !mappings.isEmpty else { continue }
        let index = Int.random(in: 0..<mappings.count, using: &generator)
        #expect(model.undo(mappings.remove(at: index)))
      case 3:
        if let mapping = mappings.randomElement(using: &generator) { #expect(model.synchronize(mapping)) }
      case 4:
        // Somebody who knows nothing of mappings.
        let page = Int.random(in: 0..<pageCount, using: &generator)
        let values = [UInt8.random(in: 0...3, using: &generator)]
        model.write(values, at: .random(in: 0..<size, using: &generator), ofPage: page, through: nil)
      case 5, 6:
        let mapping = mappings.randomElement(using: &generator)
        let page = mapping?.pages.randomElement(using: &generator) ?? 0
        let start = Int.random(in: 0..<size, using: &generator)
        model.read(start..<start + 24, ofPage: page, through: mapping)
      default:
        guard let mapping = mappings.randomElement(using: &generator),
          mapping.mode != .readOnly || mapping.place == .page
        else { continue }
        let count = Int.random(in: 1...40, using: &generator)
        let values = (0..<count).map { _ in UInt8.random(in: 0...3, using: &generator) }
        model.write(
          values, at: .random(in: 0..<size, using: &generator), ofPage: mapping.pages.randomElement(using: &generator)!,
          through: mapping)
      }
    }
    for mapping in mappings.shuffled(using: &generator) { #expect(model.undo(mapping)) }
  }

  /// Runs the work on `threads` threads; the model is then without mappings.
  static func run(_ setting: Setting, modes: [VirtualMapMode], steps: Int, seed: UInt64) -> SharedPagesModel {
    let model = SharedPagesModel(
      pages: pageCount, pageSize: setting.pageSize, fragmentation: setting.fragmentation, seed: seed,
      watchesReads: !modes.contains(.copyBack), checked: setting.checked)
    runThreads(setting.threads) { thread in
      work(model, modes: modes, steps: steps, seed: seed &* 31 &+ UInt64(thread))
    }
    #expect(model.map.end() == 0)
    let statistics = model.machine.statistics
    #expect(statistics.framesInUse == pageCount)
    #expect(statistics.recordBytes == 0)
    // Only the writer without a mapping is anything to find.
    let wrong = model.machine.findings.filter {
      if case .changedBehind = $0 { return !setting.checked }
      return true
    }
    #expect(wrong.isEmpty)
    return model
  }

  @Test(arguments: settings)
  func mergingMappingsAreSharedPages(setting: Setting) {
    var reads = 0
    var handOvers = 0
    for seed in 1...(setting.threads == 1 ? 40 : 12) as ClosedRange<UInt64> {
      let model = Self.run(setting, modes: [.mergeBack, .mergeBack, .readOnly], steps: 250, seed: seed)
      #expect(model.wrongBytes == 0, "seed \(seed)")
      let (wrong, all, changes) = model.withState { ($0.wrongReads, $0.reads, $0.handOvers) }
      #expect(wrong == 0, "seed \(seed)")
      reads += all
      handOvers += changes
    }
    // The work must have been such that there was something to get wrong.
    #expect(reads > 1000)
    #expect(handOvers > 100)
  }

  /// The same work shows the corruption of whole-page copies, so it would show one of merging.
  @Test(arguments: settings)
  func copyingBackWholePagesIsCorruption(setting: Setting) {
    var wrong = 0
    for seed in 1...6 as ClosedRange<UInt64> {
      wrong += Self.run(setting, modes: [.copyBack], steps: 250, seed: seed).wrongBytes
    }
    #expect(wrong > 0)
  }

  /// Where threads wait for each other: everybody's `n`th arrival returns once all have arrived `n` times.
  private final class Barrier: Sendable {
    private let arrivals = Atomic<Int>(0)
    private let threads: Int
    init(threads: Int) { self.threads = threads }

    func arrive(_ time: Int) {
      arrivals.add(1, ordering: .acquiringAndReleasing)
      while arrivals.load(ordering: .acquiring) < time * threads { sched_yield() }
    }
  }

  /// What goes wrong in a kernel: threads that decode into disjoint parts of a page at the same time. All have mapped it
  /// before the first gives it back. Returns how many of a thread's bytes somebody else changed.
  private static func hammer(_ mode: VirtualMapMode, rounds: Int) -> Int {
    let machine = NoMMUMachine(ram: 256 << 12, fragmentation: .random, seed: 4)!
    let pages = machine.allocatePages(5)!
    let map = machine.virtualMap()
    let lock = MachineLock()
    let barrier = Barrier(threads: 4)
    nonisolated(unsafe) var wrong = 0
    runThreads(4) { thread in
      let part = thread << 10..<(thread + 1) << 10
      let list = [pages.frames[thread + 1], pages.frames[0]]
      let shared = machine.address(of: pages.frames[0])
      for round in 1...rounds {
        let address = map.map(list.span, mode: mode)
        #expect(address != nil)
        if let address {
          for i in part { storeSharedByte(UInt8(truncatingIfNeeded: round &+ i), address, at: 4096 + i) }
        }
        barrier.arrive(2 * round - 1)
        if let address { #expect(map.unmap(address)) }
        barrier.arrive(2 * round)
        let bad = part.count { loadSharedByte(shared, at: $0) != UInt8(truncatingIfNeeded: round &+ $0) }
        if bad > 0 { lock.withLock { wrong += bad } }
      }
    }
    #expect(map.end() == 0)
    #expect(machine.statistics.framesInUse == 5)
    return wrong
  }

  @Test func neighboursInOnePageDoNotDisturbEachOther() {
    #expect(Self.hammer(.mergeBack, rounds: 60) == 0)
    // Each round the last of the four to give its copy back takes the bytes of the others with it: three parts in four,
    // but where two give back at once, either may be the last for some bytes.
    #expect(Self.hammer(.copyBack, rounds: 60) > 60 * 1024)
  }
}
