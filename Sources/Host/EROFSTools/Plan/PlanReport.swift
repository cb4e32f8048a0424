// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import PageVectors

/// The memory that reading an image, or some of its files, takes: the plans of the reader, added up, and the files that
/// need most.
public struct PlanReport: Sendable {
  public struct File: Sendable {
    public let path: [UInt8]
    public let nid: UInt64
    public let plan: MemoryPlan
  }

  public let depth: MemoryPlan.Depth
  /// Whether the stored bytes are in memory already, as in flash that is mapped; if not, there has to be room for them.
  public let isMapped: Bool
  /// What serves all files, one after another.
  public private(set) var plan: MemoryPlan
  /// Files, directories and links that were planned, each inode once.
  public private(set) var inodes = 0
  /// The files that need the most memory, largest first; at most five.
  public private(set) var largest: [File] = []
  /// For each part of the plan, the first file that needs as much as the plan contains, stored and decoded bytes taken
  /// together; nil if every file does.
  public private(set) var asking: [PlanPart: File] = [:]
  /// What serves the directories: firmware reads them while it looks through the image.
  private(set) var directories = MemoryPlan()
  /// Levels of directories, the root among them.
  private(set) var deepest = 1
  /// The memory that Linux's decoders need for these files.
  public private(set) var linux: [LinuxNeed] = []

  /// - Parameters:
  ///   - reader: a reader of the image.
  ///   - files: the files to plan for; nil means all files of the image.
  ///   - depth: how much of a decoded extent is kept.
  ///   - isMapped: whether stored bytes are in memory already.
  ///   - pageSize: page size of Linux, in bytes.
  public init(
    of reader: ImageReader, files: [TreeFile]? = nil, depth: MemoryPlan.Depth = .least, isMapped: Bool = false,
    pageSize: Int = 4096
  ) throws(TreeError) {
    self.depth = depth
    self.isMapped = isMapped
    let listed: [TreeFile]
    if let files { listed = files } else { listed = try reader.files() }
    plan = MemoryPlan()
    var longest = LongestMappings(pageSize: pageSize)
    var seen: Set<UInt64> = []
    var files = listed.filter { seen.insert($0.inode.nid).inserted }
    let packedName = Array("[packed]".utf8)
    let packed = try TreeError.naming(packedName) { () throws(EROFSError) in try reader.volume.packedInode() }
    if let packed, files.contains(where: \.inode.usesFragments) {
      files.append(TreeFile(path: packedName, inode: packed))
    }
    for file in files {
      try TreeError.naming(file.path) { () throws(EROFSError) in
        var offset: UInt64 = 0
        while let extent = try reader.extent(of: file.inode, at: offset) {
          longest.add(extent)
          offset = extent.end
        }
      }
    }
    if isMapped {
      try add(listed, reader.image, reader)
    } else {
      try add(listed, UnmappedStorage(reader.image), reader)
    }
    linux = LinuxDecoders.needs(reader.superblock, longest: longest)
  }

  private mutating func add<Source: Storage>(
    _ files: [TreeFile], _ storage: Source, _ reader: ImageReader
  ) throws(TreeError) {
    // Planning needs memory too, though less than reading: here it may have as much as anything could take.
    let memory = PlanningMemory(.maximum(for: reader.superblock))
    var volume = Volume(storage, superblock: reader.superblock, memory: memory.memory)
    plan = try TreeError.naming([]) { () throws(EROFSError) in try volume.basicPlan(depth) }
    directories = plan
    var seen: Set<UInt64> = []
    for file in files where seen.insert(file.inode.nid).inserted {
      inodes += 1
      let own = try TreeError.naming(file.path) { () throws(EROFSError) in try volume.plan(for: file.inode, depth) }
      plan.formUnion(own)
      if file.inode.kind == .directory {
        directories.formUnion(own)
        deepest = max(deepest, 1 + file.path.split(separator: 0x2F).count)
      }
      let entry = File(path: file.path, nid: file.inode.nid, plan: own)
      for part in PlanPart.allCases where part.deciding(own) > (asking[part].map { part.deciding($0.plan) } ?? 0) {
        asking[part] = entry
      }
      guard largest.count < 5 || own.totalBytes > largest[largest.count - 1].plan.totalBytes else { continue }
      let place = largest.firstIndex { $0.plan.totalBytes < own.totalBytes } ?? largest.count
      largest.insert(entry, at: place)
      if largest.count > 5 { largest.removeLast() }
    }
    let basic = try TreeError.naming([]) { () throws(EROFSError) in try volume.basicPlan(depth) }
    for part in PlanPart.allCases where part.deciding(basic) == part.deciding(plan) { asking[part] = nil }
  }
}

/// A part of a memory plan, by what it is for.
public enum PlanPart: String, CaseIterable, Sendable {
  case metadata, metaboxBlock, directory
  case fileStored, fileOutput, fileState
  case packedStored, packedOutput, packedState
  case metaboxStored, metaboxOutput, metaboxState

  /// In words.
  public var label: String {
    switch self {
    case .metadata: "metadata block"
    case .metaboxBlock: "metabox block"
    case .directory: "directory block"
    case .fileStored: "file: stored bytes"
    case .fileOutput: "file: output or window"
    case .fileState: "file: codec tables"
    case .packedStored: "packed inode: stored bytes"
    case .packedOutput: "packed inode: output or window"
    case .packedState: "packed inode: codec tables"
    case .metaboxStored: "metabox: stored bytes"
    case .metaboxOutput: "metabox: output or window"
    case .metaboxState: "metabox: codec tables"
    }
  }

  /// In JSON.
  public var key: String {
    switch self {
    case .metadata: "metadata_block"
    case .metaboxBlock: "metabox_block"
    case .directory: "directory_block"
    case .fileStored: "file_stored"
    case .fileOutput: "file_output"
    case .fileState: "file_state"
    case .packedStored: "packed_stored"
    case .packedOutput: "packed_output"
    case .packedState: "packed_state"
    case .metaboxStored: "metabox_stored"
    case .metaboxOutput: "metabox_output"
    case .metaboxState: "metabox_state"
    }
  }

  /// Its bytes in `plan`. All parts of a plan together are its total, but for what aligns the states.
  public func bytes(_ plan: MemoryPlan) -> Int {
    switch self {
    case .metadata: plan.metadata
    case .metaboxBlock: plan.metaboxBlock
    case .directory: plan.directory
    case .fileStored: plan.file.stored
    case .fileOutput: plan.file.frames - plan.file.stored
    case .fileState: plan.file.state
    case .packedStored: plan.packed.stored
    case .packedOutput: plan.packed.frames - plan.packed.stored
    case .packedState: plan.packed.state
    case .metaboxStored: plan.metabox.stored
    case .metaboxOutput: plan.metabox.frames - plan.metabox.stored
    case .metaboxState: plan.metabox.state
    }
  }
}

extension PlanPart {
  /// What decides which of two plans needs more: stored and decoded bytes are in the same frames, so their sum.
  fileprivate func deciding(_ plan: MemoryPlan) -> Int {
    switch self {
    case .fileStored, .fileOutput: plan.file.frames
    case .packedStored, .packedOutput: plan.packed.frames
    case .metaboxStored, .metaboxOutput: plan.metabox.frames
    default: bytes(plan)
    }
  }
}

/// Host memory for a plan.
final class PlanningMemory {
  let memory: ReaderMemory
  private let frames: UnsafeMutableRawBufferPointer
  private let state: UnsafeMutableRawBufferPointer

  init(_ plan: MemoryPlan) {
    frames = .allocate(byteCount: max(plan.frameBytes, 1), alignment: 4096)
    state = .allocate(byteCount: max(plan.stateBytes, 8), alignment: 16)
    memory =
      ReaderMemory(for: plan, frames: MutablePageVector(unsafeContiguous: frames), state: state) ?? ReaderMemory()
  }

  deinit {
    frames.deallocate()
    state.deallocate()
  }
}
