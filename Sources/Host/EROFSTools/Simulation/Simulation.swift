// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import NoMMUMachine
import PageVectors

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// How a simulated machine without an MMU reads an image.
public enum ReadingWay: String, CaseIterable, Sendable {
  /// As Linux's fs/erofs does it, over a vmap that copies whole pages back at unmap.
  case copyBack = "copy-back"
  /// The same over a vmap that writes only what the mapping changed.
  case mergeBack = "merge-back"
  /// Page vectors: no mapping at all.
  case pageVectors = "page-vectors"

  public var label: String {
    switch self {
    case .copyBack: "vmap, copy back"
    case .mergeBack: "vmap, merge back"
    case .pageVectors: "page vectors"
    }
  }
}

/// The machine, and how it is used.
public struct SimulatedMachine: Sendable, Equatable {
  /// Bytes that reading the image may take, page cache included.
  public var ram: Int
  public var pageSize: Int
  public var fragmentation: Fragmentation
  /// Pclusters that are being decoded at a time.
  public var workers: Int
  /// Bytes of a file that are asked for at a time; Linux's default is 128 KiB.
  public var readahead: Int
  /// Picks where page frames are, and which worker goes on next.
  public var seed: UInt64

  public init(
    ram: Int = 512 << 10, pageSize: Int = 4096, fragmentation: Fragmentation = .worst, workers: Int = 2,
    readahead: Int = 128 << 10, seed: UInt64 = 1
  ) {
    self.ram = ram
    self.pageSize = pageSize
    self.fragmentation = fragmentation
    self.workers = workers
    self.readahead = readahead
    self.seed = seed
  }

  /// In words.
  public var summary: String {
    let memory: String =
      switch fragmentation {
      case .none: "all of it free, page frames allocated in order, as after boot"
      case .shuffled: "all of it free, page frames allocated in random order"
      case .random: "fragmented: a third of the page frames, at random, are in use"
      case .worst: "fully fragmented: no two free page frames are neighbours"
      }
    return "\(ram.inUnits) of memory in pages of \(pageSize.inUnits), \(memory); "
      + "\(workers) worker\(workers == 1 ? "" : "s"), readahead \(readahead.inUnits)"
  }
}

/// What came of reading an image in one way.
public struct SimulationResult: Sendable, Equatable {
  /// Files that could not be read, by reason.
  public struct Failure: Sendable, Equatable {
    public let reason: Shortage
    /// The most bytes that were asked for and not to be had; 0 where it was not memory.
    public internal(set) var bytes: Int
    public internal(set) var files: Int
    public let firstPath: [UInt8]
  }

  public let way: ReadingWay
  /// Files, directories and symbolic links, each inode once: all of them, and those whose every byte was right.
  public internal(set) var files = 0
  public internal(set) var right = 0
  /// Files that were read to the end, with bytes that were wrong.
  public internal(set) var wrong = 0
  public internal(set) var failures: [Failure] = []
  public internal(set) var bytesRead: UInt64 = 0
  public internal(set) var wrongBytes: UInt64 = 0
  /// The most page frames and bytes in use at a time.
  public internal(set) var peakFrames = 0
  public internal(set) var peakBytes = 0
  /// The longest run of contiguous pages that was requested while files were read.
  public internal(set) var largestRunPages = 0
  /// The most bytes in codec tables and scratch buffers, and of the largest of them; each is contiguous. They can be
  /// allocated at mount, before memory is fragmented, so they count as memory but not as runs that are requested later.
  public internal(set) var stateBytes = 0
  public internal(set) var largestState = 0
  /// Mappings made, and those of them that had to copy.
  public internal(set) var maps = 0
  public internal(set) var bouncedMaps = 0
  /// Bytes copied into mappings and back.
  public internal(set) var bytesCopied: UInt64 = 0
  /// Page frames that were not freed: none, unless the simulation itself has a bug.
  public internal(set) var framesLeft = 0

  public var failed: Int { failures.reduce(0) { $0 + $1.files } }

  init(_ way: ReadingWay) { self.way = way }

  mutating func note(_ fault: SimulationFault, _ path: [UInt8]) {
    let reason: Shortage
    var bytes = 0
    switch fault {
    case .memory(let shortage, let count): (reason, bytes) = (shortage, count)
    case .image(let error): reason = .image("\(error)")
    }
    if let index = failures.firstIndex(where: { $0.reason == reason }) {
      failures[index].files += 1
      failures[index].bytes = max(failures[index].bytes, bytes)
    } else {
      failures.append(Failure(reason: reason, bytes: bytes, files: 1, firstPath: path))
    }
  }
}

/// What was missing.
public enum Shortage: Hashable, Sendable {
  /// At mount.
  case stream(String), scratch, pageTooSmall
  /// While reading.
  case outputRun, inputRun, frames, plan
  /// Not memory.
  case image(String)

  public var description: String {
    switch self {
    case .stream(let codec): "no mount: no room for the private \(codec) streams"
    case .scratch: "no mount: no room for the scratch buffers"
    case .pageTooSmall: "no mount: the image's blocks are larger than a page"
    case .outputRun: "no contiguous run to map the decoded pages"
    case .inputRun: "no contiguous run to map the stored pages"
    case .frames: "no page frames left for the data"
    case .plan: "no page frames left for what the memory plan says"
    case .image(let text): text
    }
  }
}

enum SimulationFault: Error {
  case memory(Shortage, bytes: Int)
  case image(EROFSError)
}

/// Reads images on simulated machines.
public final class Simulation {
  private let reader: ImageReader
  private let files: [TreeFile]
  private let expected: UnsafeMutableRawBufferPointer

  /// - Parameters:
  ///   - reader: a reader of the image.
  ///   - files: the files to read; nil means all files of the image.
  public init(_ reader: ImageReader, files: [TreeFile]? = nil) throws(TreeError) {
    self.reader = reader
    var seen: Set<UInt64> = []
    let listed: [TreeFile] = if let files { files } else { try reader.files() }
    self.files = listed.filter { $0.inode.size > 0 && seen.insert($0.inode.nid).inserted }
    if let limit = reader.limit {
      for file in self.files {
        try TreeError.naming(file.path) { () throws(EROFSError) in
          // Not as a list: a file of holes may have any number of extents.
          var offset: UInt64 = 0
          while let extent = try reader.extent(of: file.inode, at: offset) {
            try limit.spend(simulating: extent)
            offset = extent.end
          }
        }
      }
    }
    expected = .allocate(byteCount: Self.longestReadahead, alignment: 4096)
  }

  deinit { expected.deallocate() }

  /// The most that may be asked for at a time, in bytes.
  public static let longestReadahead = 16 << 20

  /// Mounts the image and reads every file in one way, on a machine made for it; nil if no such machine is possible.
  public func run(
    _ way: ReadingWay, on setup: SimulatedMachine
  ) -> SimulationResult? {
    guard setup.workers >= 1, setup.workers <= 64, setup.readahead >= 1, setup.readahead <= Self.longestReadahead,
      let machine = NoMMUMachine(
        ram: setup.ram, pageSize: setup.pageSize, fragmentation: setup.fragmentation, seed: setup.seed)
    else { return nil }
    var result = SimulationResult(way)
    result.files = files.count
    let map = machine.virtualMap()
    read(way, setup, machine, map, &result)
    let mapped = map.statistics
    result.maps = Int(mapped.maps)
    result.bouncedMaps = Int(mapped.maps - mapped.direct)
    result.bytesCopied = mapped.bytesCopiedIn + mapped.bytesWrittenBack
    map.end()
    let statistics = machine.statistics
    result.peakFrames = statistics.peakFrames
    result.peakBytes = statistics.peakBytes
    result.largestRunPages = statistics.largestRunWanted
    result.framesLeft = statistics.framesInUse
    return result
  }

  private func read(
    _ way: ReadingWay, _ setup: SimulatedMachine, _ machine: NoMMUMachine, _ map: VirtualMap<NoMMUMachine>,
    _ result: inout SimulationResult
  ) {
    let mount: any SimulatedMount
    do throws(SimulationFault) {
      switch way {
      case .copyBack, .mergeBack:
        mount = try MappingMount(
          reader.image, reader.superblock, machine, map, way == .copyBack ? .copyBack : .mergeBack, setup)
      case .pageVectors: mount = try VectorMount(reader.image, reader.superblock, machine, setup)
      }
    } catch {
      for file in files { result.note(error, file.path) }
      return
    }
    for file in files {
      do throws(SimulationFault) {
        let (count, bad) = try read(file, mount, setup, machine)
        result.bytesRead += count
        result.wrongBytes += bad
        if bad == 0 { result.right += 1 } else { result.wrong += 1 }
      } catch { result.note(error, file.path) }
      result.stateBytes = max(result.stateBytes, mount.stateBytes)
      result.largestState = max(result.largestState, mount.largestState)
    }
  }

  /// Reads a file from its start to its end, in order; returns its bytes and how many of them are wrong.
  private func read(
    _ file: TreeFile, _ mount: any SimulatedMount, _ setup: SimulatedMachine, _ machine: NoMMUMachine
  ) throws(SimulationFault) -> (count: UInt64, wrong: UInt64) {
    let inode = try mount.inode(file.inode.nid)
    try mount.open(inode)
    defer { mount.close() }
    let pageMask = UInt64(setup.pageSize - 1)
    let step = (UInt64(setup.readahead) + pageMask) & ~pageMask
    var wrong: UInt64 = 0
    var position: UInt64 = 0
    while position < inode.size {
      let end = min(inode.size, position + min(step, UInt64(Self.longestReadahead) & ~pageMask))
      let isMissing: Bool
      do throws(SimulationFault) {
        wrong += try fill(file, inode, position, end, mount, machine)
        isMissing = false
      } catch {
        // As Linux: a page whose readahead came to nothing is asked for again by itself.
        guard case .memory = error, end - position > UInt64(setup.pageSize) else { throw error }
        isMissing = true
      }
      if isMissing {
        for page in stride(from: position, to: end, by: setup.pageSize) {
          wrong += try fill(file, inode, page, min(end, page + UInt64(setup.pageSize)), mount, machine)
        }
      }
      position = end
    }
    return (inode.size, wrong)
  }

  /// Brings bytes of a file into page frames and compares them with an ordinary read; returns how many are wrong.
  private func fill(
    _ file: TreeFile, _ inode: Inode, _ start: UInt64, _ end: UInt64, _ mount: any SimulatedMount,
    _ machine: NoMMUMachine
  ) throws(SimulationFault) -> UInt64 {
    guard let request = PageRequest(machine, from: start, to: end) else {
      throw .memory(.frames, bytes: Int(end - start))
    }
    try mount.fill(request, inode)
    let want = UnsafeMutableRawBufferPointer(rebasing: expected[0..<Int(end - start)])
    do throws(EROFSError) {
      _ = try reader.volume.read(file.inode, at: start, into: MutablePageVector(unsafeContiguous: want))
    } catch { throw .image(error) }
    return request.bytes(from: start, to: end).readOnly.countDifferences(from: UnsafeRawBufferPointer(want))
  }
}

extension PageVector {
  /// How many bytes differ from those of `other`, which has as many.
  func countDifferences(from other: UnsafeRawBufferPointer) -> UInt64 {
    var differences: UInt64 = 0
    var position = 0
    forEachRun { run in
      let part = UnsafeRawBufferPointer(rebasing: other[position..<position + run.count])
      position += run.count
      if memcmp(run.baseAddress!, part.baseAddress!, run.count) == 0 { return }
      for (a, b) in zip(run, part) where a != b { differences += 1 }
    }
    return differences
  }
}
