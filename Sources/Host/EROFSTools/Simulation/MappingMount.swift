// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import EROFS
import NoMMUMachine
import PageVectors

/// Reading as Linux 7.2's fs/erofs does it on a machine whose vmap bounces.
///
/// - At mount: for LZ4 a scratch buffer of the largest pcluster is mapped for each worker, its pages and the run that
///   they are copied to where they are several; each other codec has a private stream for each worker
///   (``LinuxDecoders``). All of that is there before memory fragments, so it only has to fit.
/// - An LZ4 extent: its stored pages and its decoded pages are mapped, where they are more than one, and decoded from
///   the one mapping to the other. The page in which one extent ends and the next begins is in both of their lists. Pages
///   in front of what is asked for are short-lived and used again as soon as no match reaches them.
/// - Extents of the other codecs are decoded page by page through the private stream, without any mapping.
/// - A fragment is copied out of pages of the packed inode, which are read in the same way.
///
/// The bytes are decoded by this package's decoders over contiguous memory. Stored bytes always have page frames of
/// their own: Linux sometimes reads them into pages that it is about to fill. Metadata is read by page vectors.
final class MappingMount: SimulatedMount {
  let machine: NoMMUMachine
  let map: VirtualMap<NoMMUMachine>
  let mode: VirtualMapMode
  let superblock: Superblock
  let metadata: VectorMount.Reader
  private let setup: SimulatedMachine
  private var scheduler: Scheduler
  private var records: [(start: UnsafeMutableRawPointer, bytes: Int)] = []
  private(set) var largestState = 0
  /// Memory of the host that stands for the private streams, which have been paid for.
  private let window: UnsafeMutableRawBufferPointer
  private let tables: UnsafeMutableRawBufferPointer

  init(
    _ image: ImageFile, _ superblock: Superblock, _ machine: NoMMUMachine, _ map: VirtualMap<NoMMUMachine>,
    _ mode: VirtualMapMode, _ setup: SimulatedMachine
  ) throws(SimulationFault) {
    self.machine = machine
    self.map = map
    self.mode = mode
    self.superblock = superblock
    self.setup = setup
    scheduler = Scheduler(workers: setup.workers, seed: setup.seed)
    guard superblock.blockSize <= machine.pageSize else { throw .memory(.pageTooSmall, bytes: superblock.blockSize) }
    metadata = try VectorMount.metadataReader(image, superblock, machine)
    window = .allocate(byteCount: Superblock.maximumDecodedBytes, alignment: 4096)
    tables = .allocate(byteCount: Algorithm.allCases.map(\.workingBytes).max() ?? 8, alignment: 16)
    for algorithm in Algorithm.allCases where superblock.compression.announces(algorithm) {
      for _ in 0..<setup.workers {
        if algorithm.onHosts.isMapped { try takeScratch() } else { try takeStream(algorithm) }
      }
    }
  }

  deinit {
    for (start, bytes) in records { machine.freeRecord(start, bytes: bytes) }
    window.deallocate()
    tables.deallocate()
  }

  private func takeScratch() throws(SimulationFault) {
    let count = LinuxDecoders.scratchPages(superblock, pageSize: machine.pageSize)
    try take((count > 1 ? 2 * count : 1) << machine.pageShift, .scratch)
  }

  private func takeStream(_ algorithm: Algorithm) throws(SimulationFault) {
    try take(LinuxDecoders.streamBytes(algorithm, superblock.compression), .stream("\(algorithm.name)"))
  }

  private func take(_ bytes: Int, _ shortage: Shortage) throws(SimulationFault) {
    guard let start = machine.allocateRecord(bytes: bytes) else {
      throw .memory(shortage, bytes: bytes * setup.workers)
    }
    records.append((start, bytes))
    largestState = max(largestState, bytes)
  }

  var stateBytes: Int { records.reduce(metadata.memory.stateBytes) { $0 + $1.bytes } }

  /// Where frames can be reached in one range: a single one at its own address, several through a mapping.
  func address(of frames: [PageFrame]) -> UnsafeMutableRawPointer? {
    frames.count == 1 ? machine.address(of: frames[0]) : map.map(frames.span, mode: mode)
  }

  func inode(_ nid: UInt64) throws(SimulationFault) -> Inode {
    do throws(EROFSError) { return try metadata.volume.inode(nid) } catch { throw .image(error) }
  }

  func open(_ inode: Inode) {}
  func close() {}

  func fill(_ request: PageRequest, _ inode: Inode) throws(SimulationFault) {
    try scheduler.run(try jobs(request, inode))
  }

  /// Pages of the packed inode, which the code that fills them waits for.
  func fillAlone(_ request: PageRequest, _ inode: Inode) throws(SimulationFault) {
    var alone = Scheduler(workers: 1, seed: 1)
    try alone.run(try jobs(request, inode))
  }

  private func jobs(_ request: PageRequest, _ inode: Inode) throws(SimulationFault) -> [any SimulatedJob] {
    var jobs: [any SimulatedJob] = []
    var offset = request.start
    while offset < request.end {
      let found: Extent?
      do throws(EROFSError) { found = try metadata.volume.extent(of: inode, at: offset) } catch { throw .image(error) }
      guard let extent = found else { break }
      let end = min(extent.end, request.end)
      let part = ExtentPart(request: request, inode: inode, extent: extent, start: offset, end: end)
      if case .compressed(let algorithm) = extent.encoding {
        jobs.append(algorithm.onHosts.isMapped ? MappedJob(self, part, algorithm) : StreamJob(self, part))
      } else if case .packed(let place) = extent.place {
        jobs.append(FragmentJob(self, part, at: place + (offset - extent.start)))
      } else {
        jobs.append(CopyJob(self, part))
      }
      offset = end
    }
    return jobs
  }

  // MARK: What jobs do

  /// Page frames with the stored bytes of an extent; nil where there are none left.
  func readStored(_ extent: Extent) throws(SimulationFault) -> MachinePages? {
    let count = Int(extent.storedLength)
    guard let pages = machine.allocatePages((count + machine.pageSize - 1) >> machine.pageShift) else { return nil }
    do throws(EROFSError) {
      _ = try metadata.volume.readStored(extent, into: pages.vector(at: 0, count: count))
    } catch { throw .image(error) }
    return pages
  }

  func decode(_ extent: Extent, _ stored: PageVector, into output: MutablePageVector) throws(SimulationFault) {
    do throws(EROFSError) {
      try metadata.volume.decode(
        extent, stored: stored, into: output,
        state: WorkingMemory(unsafeStart: tables.baseAddress!, count: tables.count))
    } catch { throw .image(error) }
  }

  /// The first `count` bytes of an extent, in memory that stands for a private stream.
  func decodePrivately(_ extent: Extent, _ stored: PageVector, _ count: Int) throws(SimulationFault) -> PageVector {
    let output = MutablePageVector(unsafeContiguous: window).prefix(count)
    try decode(extent, stored, into: output)
    return output.readOnly
  }
}
