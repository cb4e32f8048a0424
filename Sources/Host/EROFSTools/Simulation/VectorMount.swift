// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import NoMMUMachine
import PageVectors

/// The reader of this package: page vectors everywhere, memory as its plan says, and the caller's page frames as the
/// place that data is decoded to.
final class VectorMount: SimulatedMount {
  /// What one worker reads with.
  final class Reader {
    var volume: Volume<UnmappedStorage<ImageFile>>
    let memory: MachineMemory
    /// The extent that it is in the middle of, or was last.
    var extentStart: UInt64 = .max

    init(_ image: ImageFile, _ superblock: Superblock, _ memory: MachineMemory) {
      volume = Volume(UnmappedStorage(image), superblock: superblock, memory: memory.memory)
      self.memory = memory
    }
  }

  private let image: ImageFile
  private let superblock: Superblock
  private let machine: NoMMUMachine
  private let setup: SimulatedMachine
  private var planner: Reader
  private var idle: [Reader] = []
  private(set) var stateBytes = 0
  private(set) var largestState = 0
  private var scheduler: Scheduler

  init(
    _ image: ImageFile, _ superblock: Superblock, _ machine: NoMMUMachine, _ setup: SimulatedMachine
  ) throws(SimulationFault) {
    self.image = image
    self.superblock = superblock
    self.machine = machine
    self.setup = setup
    scheduler = Scheduler(workers: setup.workers, seed: setup.seed)
    planner = try Self.metadataReader(image, superblock, machine)
  }

  /// A reader with what it takes to look at inodes and extents, and no more.
  static func metadataReader(
    _ image: ImageFile, _ superblock: Superblock, _ machine: NoMMUMachine
  ) throws(SimulationFault) -> Reader {
    let plan: MemoryPlan
    do throws(EROFSError) {
      // The blocks' memory is given back before the plan's is taken: a mount has one or the other.
      var volume = Volume(UnmappedStorage(image), superblock: superblock, memory: ReaderMemory())
      guard let blocks = MachineMemory(machine, volume.blocks) else { throw EROFSError.memory(.metadata, bytes: 0) }
      volume.supply(blocks.memory)
      plan = try volume.basicPlan(.least)
    } catch {
      if case .memory = error { throw .memory(.plan, bytes: superblock.blockSize) }
      throw .image(error)
    }
    guard let memory = MachineMemory(machine, plan) else { throw .memory(.plan, bytes: plan.totalBytes) }
    return Reader(image, superblock, memory)
  }

  func inode(_ nid: UInt64) throws(SimulationFault) -> Inode {
    do throws(EROFSError) { return try planner.volume.inode(nid) } catch { throw .image(error) }
  }

  func open(_ inode: Inode) throws(SimulationFault) {
    let plan: MemoryPlan
    do throws(EROFSError) { plan = try planner.volume.plan(for: inode, .least) } catch { throw .image(error) }
    guard let first = MachineMemory(machine, plan) else { throw .memory(.plan, bytes: plan.totalBytes) }
    idle = [Reader(image, superblock, first)]
    // More workers read along where that leaves room for the data.
    let wanted = min(inode.size, UInt64(setup.readahead))
    let room = PageRequest(machine, from: 0, to: wanted)
    while idle.count < setup.workers, room != nil, let more = MachineMemory(machine, plan) {
      idle.append(Reader(image, superblock, more))
    }
    stateBytes = planner.memory.stateBytes + idle.reduce(0) { $0 + $1.memory.stateBytes }
    largestState = plan.largestState
  }

  func close() { idle = [] }

  func fill(_ request: PageRequest, _ inode: Inode) throws(SimulationFault) {
    var jobs: [any SimulatedJob] = []
    var offset = request.start
    while offset < request.end {
      let extent: Extent?
      do throws(EROFSError) { extent = try planner.volume.extent(of: inode, at: offset) } catch { throw .image(error) }
      guard let extent else { break }
      let end = min(extent.end, request.end)
      jobs.append(PieceJob(self, request, inode, extent, from: offset, to: end))
      offset = end
    }
    try scheduler.run(jobs)
  }

  /// An unused reader, if possible the one that knows the extent already.
  fileprivate func takeReader(for extent: Extent) -> Reader? {
    let index = idle.firstIndex { $0.extentStart == extent.start } ?? idle.indices.last
    return index.map { idle.remove(at: $0) }
  }

  fileprivate func giveBack(_ reader: Reader) { idle.append(reader) }
}

/// Reads a part of one extent into the request's pages, one page at each step.
private final class PieceJob: SimulatedJob {
  private let mount: VectorMount
  private let request: PageRequest
  private let inode: Inode
  private let extent: Extent
  private let first: UInt64
  private let end: UInt64
  private var position: UInt64
  private var reader: VectorMount.Reader?

  init(
    _ mount: VectorMount, _ request: PageRequest, _ inode: Inode, _ extent: Extent, from first: UInt64, to end: UInt64
  ) {
    self.mount = mount
    self.request = request
    self.inode = inode
    self.extent = extent
    self.first = first
    self.end = end
    position = first
  }

  func step() throws(SimulationFault) -> StepOutcome {
    guard let reader = reader ?? mount.takeReader(for: extent) else { return .blocked(.plan, bytes: 0) }
    self.reader = reader
    reader.extentStart = extent.start
    let page = UInt64(request.pages.machine.pageSize)
    let stop = min(end, (position / page + 1) * page)
    do throws(EROFSError) {
      _ = try reader.volume.read(
        inode, extent, from: position - extent.start, into: request.bytes(from: position, to: stop))
    } catch { throw .image(error) }
    position = stop
    if position < end { return .more }
    abandon()
    return .done
  }

  func abandon() {
    if let reader { mount.giveBack(reader) }
    reader = nil
    position = first
  }
}
