// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// A page frame of a ``NoMMUMachine``, by its number.
public struct PageFrame: Hashable, Sendable {
  public let number: Int
}

/// What a ``NoMMUMachine`` was asked for, since it was made or ``NoMMUMachine/resetStatistics()``.
public struct MachineStatistics: Equatable, Sendable {
  /// Frames in use now, those that hold records included, and the most at any time.
  public internal(set) var framesInUse = 0
  public internal(set) var peakFrames = 0
  /// Bytes in use now, records counted by the byte and not by their frames, and the most at any time.
  public internal(set) var bytesInUse = 0
  public internal(set) var peakBytes = 0
  /// Bytes of records in use now.
  public internal(set) var recordBytes = 0
  /// The most frames in a row that were asked for, and the most that were to be had.
  public internal(set) var largestRunWanted = 0
  public internal(set) var largestRunGiven = 0
  /// Allocations that were asked for, and how many of them failed.
  public internal(set) var allocations = 0
  public internal(set) var failures = 0
}

/// A machine without an MMU, in memory: page frames of one size, a budget of them, an allocator that fragments on
/// purpose, and no way to make scattered frames look contiguous but ``PageVectors/VirtualMap``.
///
/// It may be used from several threads. Small records, such as ``PageVectors/VirtualMap`` keeps, come out of the same
/// budget: as many frames are set aside for them as their bytes fill.
public final class NoMMUMachine: VirtualMapPlatform, @unchecked Sendable {
  public let pageShift: Int
  public let fragmentation: Fragmentation
  /// Frames that may be in use at a time.
  public let frameBudget: Int

  private let memory: UnsafeMutableRawPointer
  private let physicalCount: Int
  private let mapState: UnsafeMutablePointer<VirtualMapState>
  private let mapLock = MachineLock()
  private let allocatorLock = MachineLock()

  // Under the allocator's lock.
  private var frames: FrameAllocator
  private var counts = MachineStatistics()
  private var recordFrames: [Int] = []
  private var allocationsUntilFault = Int.max
  private var recordLimit = Int.max
  private var reported: [VirtualMapFinding] = []

  /// A machine with all of its memory free.
  ///
  /// - Parameters:
  ///   - ram: bytes that may be in use at a time; what does not fill a page is not used.
  ///   - pageSize: bytes, a power of two from 32 to 2^24; machines have 4, 16 or 64 KiB.
  ///   - seed: picks where frames lie and in what order they are handed out; 0 counts as 1.
  /// - Returns: nil for a page size that is none, and for less memory than one page.
  public init?(ram: Int, pageSize: Int = 4096, fragmentation: Fragmentation = .none, seed: UInt64 = 1) {
    guard pageSize >= 32, pageSize <= 1 << 24, pageSize.nonzeroBitCount == 1, ram >= pageSize, ram <= Int.max / 4 else {
      return nil
    }
    pageShift = pageSize.trailingZeroBitCount
    self.fragmentation = fragmentation
    frameBudget = ram / pageSize
    frames = FrameAllocator(budget: frameBudget, fragmentation: fragmentation, seed: max(1, seed))
    physicalCount = frames.physicalCount
    memory = .allocate(byteCount: physicalCount * pageSize, alignment: max(pageSize, 16))
    mapState = .allocate(capacity: 1)
    mapState.initialize(to: VirtualMapState())
  }

  deinit {
    mapState.deinitialize(count: 1)
    mapState.deallocate()
    memory.deallocate()
  }

  public var pageSize: Int { 1 << pageShift }

  // MARK: Virtual mappings

  /// The machine's vmap; all those of a machine are one. End it (``PageVectors/VirtualMap/end()``) to get back what its
  /// tables take.
  public func virtualMap(checked: Bool = false) -> VirtualMap<NoMMUMachine> {
    VirtualMap(self, unsafeState: mapState, checked: checked)
  }

  /// What ``virtualMap(checked:)`` found wrong so far, oldest first.
  public var findings: [VirtualMapFinding] { allocatorLock.withLock { reported } }

  public func report(_ finding: VirtualMapFinding) { allocatorLock.withLock { reported.append(finding) } }

  public func lock() { mapLock.lock() }
  public func unlock() { mapLock.unlock() }

  // MARK: Frames

  public func address(of page: PageFrame) -> UnsafeMutableRawPointer {
    precondition(page.number >= 0 && page.number < physicalCount, "no such page frame")
    return memory + page.number << pageShift
  }

  /// The frame at an address of this machine's memory, nil for another.
  public func frame(at address: UnsafeRawPointer) -> PageFrame? {
    let distance = UInt(bitPattern: address) &- UInt(bitPattern: memory)
    guard distance < UInt(physicalCount << pageShift) else { return nil }
    return PageFrame(number: Int(distance) >> pageShift)
  }

  public func allocateRun(pages count: Int) -> UnsafeMutableRawPointer? {
    allocatorLock.withLock {
      counts.largestRunWanted = max(counts.largestRunWanted, count)
      guard beginAllocation(), let first = takeFrames(count) else {
        counts.failures += 1
        return nil
      }
      counts.bytesInUse += count << pageShift
      counts.largestRunGiven = max(counts.largestRunGiven, count)
      notePeaks()
      return memory + first << pageShift
    }
  }

  public func freeRun(_ start: UnsafeMutableRawPointer, pages count: Int) {
    allocatorLock.withLock {
      frames.give((start - memory) >> pageShift, count)
      counts.framesInUse -= count
      counts.bytesInUse -= count << pageShift
    }
  }

  /// `count` frames, each where the allocator has one, or nil where there are not as many.
  public func allocatePages(_ count: Int) -> MachinePages? {
    var list: [PageFrame] = []
    while list.count < count {
      guard let start = allocateRun(pages: 1), let frame = frame(at: start) else {
        for frame in list { freeRun(address(of: frame), pages: 1) }
        return nil
      }
      list.append(frame)
    }
    return MachinePages(self, list)
  }

  /// `count` frames in a row, or nil where there are none.
  public func allocateContiguousPages(_ count: Int) -> MachinePages? {
    guard let start = allocateRun(pages: count), let first = frame(at: start) else { return nil }
    return MachinePages(self, (0..<count).map { PageFrame(number: first.number + $0) })
  }

  private func takeFrames(_ count: Int) -> Int? {
    guard let first = frames.take(count) else { return nil }
    counts.framesInUse += count
    return first
  }

  private func notePeaks() {
    counts.peakFrames = max(counts.peakFrames, counts.framesInUse)
    counts.peakBytes = max(counts.peakBytes, counts.bytesInUse)
  }

  // MARK: Records

  public func allocateRecord(bytes: Int) -> UnsafeMutableRawPointer? {
    allocatorLock.withLock {
      guard beginAllocation(), bytes <= recordLimit, reserveRecords(counts.recordBytes + Self.rounded(bytes)) else {
        counts.failures += 1
        return nil
      }
      counts.recordBytes += Self.rounded(bytes)
      counts.bytesInUse += Self.rounded(bytes)
      notePeaks()
      return .allocate(byteCount: Self.rounded(bytes), alignment: 16)
    }
  }

  public func freeRecord(_ start: UnsafeMutableRawPointer, bytes: Int) {
    allocatorLock.withLock {
      counts.recordBytes -= Self.rounded(bytes)
      counts.bytesInUse -= Self.rounded(bytes)
      _ = reserveRecords(counts.recordBytes)
      start.deallocate()
    }
  }

  private static func rounded(_ bytes: Int) -> Int { (max(bytes, 1) + 15) & ~15 }

  /// Sets as many frames aside as `bytes` of records fill.
  private func reserveRecords(_ bytes: Int) -> Bool {
    let wanted = (bytes + pageSize - 1) >> pageShift
    let before = recordFrames.count
    while recordFrames.count < wanted {
      guard let frame = takeFrames(1) else {
        dropRecordFrames(to: before)
        return false
      }
      recordFrames.append(frame)
    }
    dropRecordFrames(to: wanted)
    return true
  }

  private func dropRecordFrames(to count: Int) {
    while recordFrames.count > count {
      frames.give(recordFrames.removeLast(), 1)
      counts.framesInUse -= 1
    }
  }

  // MARK: Statistics and faults

  public var statistics: MachineStatistics { allocatorLock.withLock { counts } }

  /// The most free frames in a row.
  public var longestFreeRun: Int { allocatorLock.withLock { frames.longestRun } }

  /// How many pairs of neighbouring frames are both free.
  public var freeNeighbours: Int { allocatorLock.withLock { frames.freeNeighbours } }

  /// Counts and peaks begin anew, with what is in use now.
  public func resetStatistics() {
    allocatorLock.withLock {
      var new = MachineStatistics()
      new.framesInUse = counts.framesInUse
      new.bytesInUse = counts.bytesInUse
      new.recordBytes = counts.recordBytes
      counts = new
      notePeaks()
    }
  }

  /// Makes one allocation fail, of frames or of a record: the `number`th from now on, 1 being the next. Nil for none.
  public func failAllocation(_ number: Int?) {
    allocatorLock.withLock { allocationsUntilFault = number ?? Int.max }
  }

  /// Makes every allocation of a record of more than `bytes` fail. Nil for none.
  public func limitRecords(to bytes: Int?) { allocatorLock.withLock { recordLimit = bytes ?? Int.max } }

  /// Counts an allocation; false where it is the one that is to fail.
  private func beginAllocation() -> Bool {
    counts.allocations += 1
    guard allocationsUntilFault != Int.max else { return true }
    allocationsUntilFault -= 1
    guard allocationsUntilFault == 0 else { return true }
    allocationsUntilFault = Int.max
    return false
  }
}
