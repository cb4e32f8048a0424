// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import NoMMUMachine
import PageVectors
import TestSupport
import Testing

/// What one caller sees of the map: addresses, contents, memory, findings.
@Suite struct VirtualMapTests {
  static let size = 64
  static let modes: [VirtualMapMode] = [.copyBack, .mergeBack, .readOnly]

  /// A machine with pages 0, 1 and 2 in a row, and a few more further on. Page n holds the byte n.
  struct Bench {
    let machine: NoMMUMachine
    let pages: MachinePages
    let map: VirtualMap<NoMMUMachine>
    private let baseline: MachineStatistics

    init(checked: Bool = false, pages count: Int = 6, frames: Int = 4096) {
      machine = NoMMUMachine(ram: frames * size, pageSize: size)!
      map = machine.virtualMap(checked: checked)
      pages = machine.allocateContiguousPages(count)!
      for page in 0..<count { pages.vector(at: page * size, count: size).fill(UInt8(truncatingIfNeeded: page)) }
      baseline = machine.statistics
    }

    func mapped(_ list: [Int], _ mode: VirtualMapMode = .mergeBack) -> UnsafeMutableRawPointer? {
      let handles = list.map { pages.frames[$0] }
      return map.map(handles.span, mode: mode)
    }

    func address(_ page: Int) -> UnsafeMutableRawPointer { machine.address(of: pages.frames[page]) }
    func key(_ page: Int) -> UInt { UInt(bitPattern: address(page)) }
    func byte(_ page: Int, _ offset: Int) -> UInt8 { address(page).load(fromByteOffset: offset, as: UInt8.self) }

    /// Whether all that the map took is given back.
    var isClean: Bool {
      let now = machine.statistics
      return now.framesInUse == baseline.framesInUse && now.bytesInUse == baseline.bytesInUse && now.recordBytes == 0
    }
  }

  @Test(arguments: VirtualMapTests.modes)
  func contiguousPagesAreHandedOutAsTheyAre(mode: VirtualMapMode) throws {
    let bench = Bench()
    let address = try #require(bench.mapped([1, 2, 3], mode))
    #expect(address == bench.address(1))
    #expect(bench.mapped([1], mode) == address)
    #expect(bench.mapped([1, 2, 3, 4], mode) == address)
    #expect(bench.map.statistics.direct == 3)
    #expect(bench.map.statistics.bytesCopiedIn == 0)
    address.storeBytes(of: 99, as: UInt8.self)
    for _ in 0..<3 { #expect(bench.map.unmap(address)) }
    #expect(!bench.map.unmap(address))
    #expect(bench.machine.findings == [.unknownAddress(bench.key(1))])
    #expect(bench.byte(1, 0) == 99)
    #expect(bench.map.end() == 0)
    #expect(bench.isClean)
  }

  @Test(arguments: VirtualMapTests.modes)
  func scatteredPagesAreGatheredAndBroughtBack(mode: VirtualMapMode) throws {
    let bench = Bench()
    let list = [3, 0, 5]
    let address = try #require(bench.mapped(list, mode))
    for (place, page) in list.enumerated() {
      for i in 0..<Self.size {
        #expect(address.load(fromByteOffset: place * Self.size + i, as: UInt8.self) == UInt8(page))
      }
      address.storeBytes(of: UInt8(200 + place), toByteOffset: place * Self.size + 7 * place, as: UInt8.self)
    }
    #expect(bench.map.unmapRAM(address, pages: 3))
    for (place, page) in list.enumerated() {
      #expect(bench.byte(page, 7 * place) == (mode == .readOnly ? UInt8(page) : UInt8(200 + place)))
      #expect(bench.byte(page, 1) == UInt8(page))
    }
    let written = bench.map.statistics.bytesWrittenBack
    #expect(written == (mode == .readOnly ? 0 : mode == .mergeBack ? 3 : UInt64(3 * Self.size)))
    #expect(bench.map.end() == 0)
    #expect(bench.isClean)
    #expect(bench.machine.findings.isEmpty)
  }

  @Test func memoryIsWhatTheDocumentationSays() throws {
    let bench = Bench()
    let before = bench.machine.statistics
    let record = 40 + 48 * 3
    func rounded(_ bytes: Int) -> Int { (bytes + 15) & ~15 }
    let first = try #require(bench.mapped([3, 0, 5]))
    var now = bench.machine.statistics
    let buckets = 16 * MemoryLayout<UInt>.size
    #expect(now.recordBytes == rounded(record) + 3 * rounded(40) + buckets)
    // A run of three pages and three bases.
    #expect(now.bytesInUse - now.recordBytes == before.bytesInUse + 6 * Self.size)
    let second = try #require(bench.mapped([5, 3, 0]))
    now = bench.machine.statistics
    // The bases are shared.
    #expect(now.bytesInUse - now.recordBytes == before.bytesInUse + 9 * Self.size)
    #expect(now.recordBytes == 2 * rounded(record) + 3 * rounded(40) + 2 * buckets)
    let third = try #require(bench.mapped([4, 2, 1], .readOnly))
    now = bench.machine.statistics
    #expect(now.bytesInUse - now.recordBytes == before.bytesInUse + 12 * Self.size)
    for address in [first, second, third] { #expect(bench.map.unmap(address)) }
    #expect(bench.map.end() == 0)
    #expect(bench.isClean)
  }

  /// The later place of a page wins, as for a decoder that writes forwards into pages that it uses again.
  @Test func repeatedPagesKeepWhatTheLaterPlaceWrote() throws {
    let bench = Bench()
    let address = try #require(bench.mapped([4, 0, 4]))
    address.storeBytes(of: 11, toByteOffset: 0, as: UInt8.self)
    address.storeBytes(of: 12, toByteOffset: 1, as: UInt8.self)
    address.storeBytes(of: 13, toByteOffset: 2 * Self.size, as: UInt8.self)
    #expect(bench.map.unmap(address))
    #expect(bench.byte(4, 0) == 13)
    #expect(bench.byte(4, 1) == 12)
    #expect(bench.byte(4, 2) == 4)
    #expect(bench.map.end() == 0)
    #expect(bench.isClean)
  }

  @Test func refusesWhatCannotBeMapped() {
    let bench = Bench(frames: 8)
    #expect(bench.mapped([]) == nil)
    // Six frames are the caller's, so there is no run of four.
    #expect(bench.mapped([3, 2, 1, 0]) == nil)
    #expect(bench.map.statistics.failures == 1)
    #expect(!bench.map.unmap(bench.address(0)))
    #expect(!bench.map.synchronize(bench.address(0)))
    #expect(bench.map.end() == 0)
    #expect(bench.isClean)
  }

  // MARK: Memory that runs out

  /// Maps, writes and unmaps, whatever fails; gives what the pages must hold then.
  private static func sequence(_ bench: Bench, _ mode: VirtualMapMode) -> [[UInt8]] {
    var want = (0..<6).map { page in [UInt8](repeating: UInt8(page), count: size) }
    var live: [(address: UnsafeMutableRawPointer, list: [Int], written: Int)] = []
    let lists: [[Int]] = [[0, 2], [1, 2, 3], [2, 0], [5, 3, 1], [1, 2], [4, 0, 2], [3, 1, 0]]
    for (i, list) in lists.enumerated() {
      guard let address = bench.mapped(list, mode) else { continue }
      if mode != .readOnly {
        for (place, page) in list.enumerated() {
          address.storeBytes(of: UInt8(100 + i), toByteOffset: place * size + i, as: UInt8.self)
          want[page][i] = UInt8(100 + i)
        }
      }
      live.append((address, list, i))
      // Copying back whole pages is only right for one mapping at a time.
      if mode == .copyBack || i % 3 == 2 { #expect(bench.map.unmap(live.removeFirst().address)) }
    }
    for mapping in live { #expect(bench.map.unmap(mapping.address)) }
    #expect(bench.map.end() == 0)
    return want
  }

  @Test(arguments: VirtualMapTests.modes, [false, true])
  func everyAllocationFailsOnceAndNothingIsLost(mode: VirtualMapMode, checked: Bool) {
    let undisturbed = Bench(checked: checked)
    let start = undisturbed.machine.statistics.allocations
    _ = Self.sequence(undisturbed, mode)
    let allocations = undisturbed.machine.statistics.allocations - start
    #expect(allocations > (mode == .copyBack ? 11 : 16))
    #expect(undisturbed.map.statistics.failures == 0)
    for number in 1...allocations {
      let bench = Bench(checked: checked)
      bench.machine.failAllocation(number)
      let want = Self.sequence(bench, mode)
      #expect(bench.map.statistics.failures <= 1)
      #expect(bench.isClean, "allocation \(number)")
      for page in 0..<6 {
        let bytes = (0..<Self.size).map { bench.byte(page, $0) }
        #expect(bytes == want[page], "allocation \(number), page \(page)")
      }
      #expect(bench.machine.findings.isEmpty)
    }
  }

  @Test func tablesThatCannotGrowFailNoMapping() throws {
    /// Maps 24 times two pages, 24 and 48 records being more than a table starts with; returns how many failed.
    func run(_ bench: Bench) -> Int {
      let live = (0..<24).compactMap { bench.mapped([2 * $0 + 1, 2 * $0]) }
      for address in live { address.storeBytes(of: 255, as: UInt8.self) }
      for address in live { #expect(bench.map.unmap(address)) }
      #expect(bench.map.end() == 0)
      #expect(bench.isClean)
      #expect((0..<48).count { bench.byte($0, 0) == 255 } == live.count)
      return 24 - live.count
    }
    let undisturbed = Bench(pages: 48)
    let start = undisturbed.machine.statistics.allocations
    #expect(run(undisturbed) == 0)
    let allocations = undisturbed.machine.statistics.allocations - start
    // A record and a run for each mapping, a record and a base for each page; and the mappings' table twice, to 16 and
    // 32 buckets, the pages' three times, to 64.
    #expect(allocations == 24 * 2 + 48 * 2 + 5)
    var withoutFailure = 0
    for number in 1...allocations {
      let bench = Bench(pages: 48)
      bench.machine.failAllocation(number)
      if run(bench) == 0 { withoutFailure += 1 }
    }
    #expect(withoutFailure == 5)
  }

  // MARK: Finding

  /// As many mappings as `count`, then all unmapped in another order; the records looked at for each search.
  private static func probes(_ count: Int, growthFails: Bool) throws -> (perLookup: Double, lookups: UInt64) {
    let bench = Bench(pages: 2 * count, frames: 32 * count + 64)
    var addresses: [UnsafeMutableRawPointer] = []
    // Larger than the record of a mapping of two pages, smaller than a table of 32 buckets.
    if growthFails { bench.machine.limitRecords(to: 200) }
    for i in 0..<count {
      addresses.append(try #require(bench.mapped(i % 2 == 0 ? [2 * i + 1, 2 * i] : [2 * i, 2 * i + 1])))
    }
    var generator = SplitMix64(seed: 3)
    for address in addresses.shuffled(using: &generator) { #expect(bench.map.unmap(address)) }
    let statistics = bench.map.statistics
    #expect(bench.map.end() == 0)
    #expect(bench.isClean)
    #expect(bench.machine.findings.isEmpty)
    return (Double(statistics.probes) / Double(statistics.lookups), statistics.lookups)
  }

  @Test(arguments: [10, 100, 1000, 10000])
  func searchesLookAtFewRecordsHoweverManyThereAre(count: Int) throws {
    let probes = try Self.probes(count, growthFails: false)
    #expect(probes.lookups > UInt64(2 * count))
    #expect(probes.perLookup < 2)
  }

  @Test func tablesThatCannotGrowStillFind() throws {
    let probes = try Self.probes(400, growthFails: true)
    // It stayed at 16 buckets for hundreds of records.
    #expect(probes.perLookup > 5)
  }

  // MARK: Checked mode

  @Test func findsUnknownAddressesAndDoubleUnmaps() throws {
    let bench = Bench(checked: true)
    let address = try #require(bench.mapped([2, 0]))
    let key = UInt(bitPattern: address)
    #expect(!bench.map.unmap(address + 1))
    #expect(bench.map.unmap(address))
    #expect(!bench.map.unmap(address))
    #expect(!bench.map.unmapRAM(bench.address(0), pages: 1))
    #expect(bench.machine.findings == [.unknownAddress(key + 1), .doubleUnmap(key), .unknownAddress(bench.key(0))])
    let again = try #require(bench.mapped([0, 1]))
    #expect(bench.map.unmapRAM(again, pages: 3))
    #expect(bench.machine.findings.last == .wrongPageCount(address: bench.key(0), mapped: 2, unmapped: 3))
    #expect(bench.map.end() == 0)
    #expect(bench.isClean)
  }

  @Test func findsPagesChangedBehindAMapping() throws {
    let bench = Bench(checked: true)
    let merging = try #require(bench.mapped([2, 0]))
    bench.address(0).storeBytes(of: 77, toByteOffset: 9, as: UInt8.self)
    bench.address(0).storeBytes(of: 77, toByteOffset: 30, as: UInt8.self)
    #expect(bench.map.unmap(merging))
    #expect(
      bench.machine.findings == [
        .changedBehind(mapping: UInt(bitPattern: merging), page: bench.key(0), offset: 9, count: 2)
      ])
    #expect(bench.byte(0, 9) == 77)

    let copying = try #require(bench.mapped([2, 0], .copyBack))
    bench.address(2).storeBytes(of: 78, toByteOffset: 9, as: UInt8.self)
    #expect(bench.map.unmap(copying))
    #expect(
      bench.machine.findings.last
        == .changedBehind(mapping: UInt(bitPattern: copying), page: bench.key(2), offset: 0, count: Self.size))
    #expect(bench.byte(2, 9) == 2)

    // Through a direct mapping it is nobody's fault.
    let count = bench.machine.findings.count
    let scattered = try #require(bench.mapped([2, 0]))
    let direct = try #require(bench.mapped([0, 1, 2]))
    (direct + 2 * Self.size).storeBytes(of: 79, as: UInt8.self)
    #expect(bench.map.unmap(direct))
    #expect(scattered.load(as: UInt8.self) == 79)
    #expect(bench.map.unmap(scattered))
    #expect(bench.machine.findings.count == count)
    #expect(bench.map.end() == 0)
    #expect(bench.isClean)
  }

  @Test func findsConflictsAndWritesThroughReaders() throws {
    let bench = Bench(checked: true)
    let first = try #require(bench.mapped([2, 0]))
    let second = try #require(bench.mapped([0, 2]))
    let reader = try #require(bench.mapped([5, 3], .readOnly))
    (first + Self.size).storeBytes(of: 50, toByteOffset: 5, as: UInt8.self)
    second.storeBytes(of: 51, toByteOffset: 5, as: UInt8.self)
    #expect(bench.map.unmap(first))
    #expect(bench.machine.findings == [.conflictingWrites(page: bench.key(0), offset: 5, count: 1)])
    #expect(bench.byte(0, 5) == 50)
    #expect(second.load(fromByteOffset: 5, as: UInt8.self) == 50)
    #expect(bench.map.unmap(second))
    reader.storeBytes(of: 52, toByteOffset: 6, as: UInt8.self)
    #expect(bench.map.unmap(reader))
    #expect(bench.machine.findings.dropFirst() == [.writtenReadOnly(page: bench.key(5), offset: 6, count: 1)])
    #expect(bench.byte(5, 6) == 5)
    #expect(bench.map.end() == 0)
    #expect(bench.isClean)
  }

  /// Whole words, which are settled by another way than single bytes.
  @Test(arguments: [false, true])
  func ofConflictingWordsThatOfTheEndingMappingWins(checked: Bool) throws {
    let bench = Bench(checked: checked)
    let first = try #require(bench.mapped([2, 0]))
    let second = try #require(bench.mapped([0, 2]))
    for i in 0..<16 { (first + Self.size + i).storeBytes(of: 50, as: UInt8.self) }
    for i in 8..<24 { (second + i).storeBytes(of: 51, as: UInt8.self) }
    for i in 32..<48 {
      (first + i).storeBytes(of: 52, as: UInt8.self)
      bench.address(2).storeBytes(of: 53, toByteOffset: i, as: UInt8.self)
    }
    #expect(bench.map.unmap(first))
    for i in 0..<24 {
      #expect(bench.byte(0, i) == (i < 16 ? 50 : 51))
      #expect(second.load(fromByteOffset: i, as: UInt8.self) == bench.byte(0, i))
    }
    for i in 32..<48 { #expect(bench.byte(2, i) == 52) }
    #expect(bench.map.unmap(second))
    if checked {
      #expect(
        bench.machine.findings == [
          .changedBehind(mapping: UInt(bitPattern: second), page: bench.key(2), offset: 32, count: 16),
          .conflictingWrites(page: bench.key(2), offset: 32, count: 16),
          .conflictingWrites(page: bench.key(0), offset: 8, count: 8),
        ])
    }
    #expect(bench.map.end() == 0)
    #expect(bench.isClean)
  }

  @Test func findsMappingsThatAreLeft() throws {
    let bench = Bench(checked: true)
    let bounced = try #require(bench.mapped([2, 0]))
    bounced.storeBytes(of: 60, as: UInt8.self)
    #expect(bench.mapped([3, 4]) != nil)
    #expect(bench.mapped([3, 4]) != nil)
    #expect(bench.map.end() == 3)
    let findings = bench.machine.findings
    #expect(findings.count == 2)
    #expect(findings.contains(.leftMapped(address: UInt(bitPattern: bounced), pages: 2, times: 1)))
    #expect(findings.contains(.leftMapped(address: bench.key(3), pages: 2, times: 2)))
    // They were undone, not dropped.
    #expect(bench.byte(2, 0) == 60)
    #expect(bench.isClean)
  }
}
