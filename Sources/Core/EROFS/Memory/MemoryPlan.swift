// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs

/// The bytes of memory that reading needs, known before anything is read.
///
/// Plans add up: one for opening the image, one for each file that will be read; ``formUnion(_:)`` makes the one that
/// serves all of them, one after another. The reader never uses more.
@frozen
public struct MemoryPlan: Equatable, Sendable {
  @frozen
  public struct Decoding: Equatable, Sendable {
    /// Bytes for decoded data, and for stored data where the storage does not map it.
    public var frames = 0
    /// Bytes for the codec's tables.
    public var state = 0
    /// The part of `frames` that stored bytes take, in the extent that needs most.
    public var stored = 0

    @inlinable
    public init() {}
  }

  public var metadata = 0
  public var directory = 0
  public var file = Decoding()
  #if EROFS_BASIC_IMAGES
    // Nothing, in images without fragments and without a metabox.
    public var metaboxBlock: Int {
      get { 0 }
      set {}
    }
    public var packed: Decoding {
      get { Decoding() }
      set {}
    }
    public var metabox: Decoding {
      get { Decoding() }
      set {}
    }
  #else
    public var metaboxBlock = 0
    public var packed = Decoding()
    public var metabox = Decoding()
  #endif

  @inlinable
  public init() {}

  /// Bytes that may be scattered over page frames.
  public var frameBytes: Int {
    metadata &+ metaboxBlock &+ directory &+ file.frames &+ packed.frames &+ metabox.frames
  }

  /// Bytes of codec tables, each codec's in one piece.
  public var stateBytes: Int {
    Self.aligned(file.state) &+ Self.aligned(packed.state) &+ Self.aligned(metabox.state)
  }

  public var totalBytes: Int { frameBytes &+ stateBytes }

  /// Whether this reader knows images whose inodes depend on others: on the packed one or on the metabox.
  package static var inodesLean: Bool {
    @inline(__always) get { Role.count > 1 }
  }

  static func aligned(_ count: Int) -> Int { (count &+ 7) & ~7 }

  /// How much of an extent is kept while it is read.
  @frozen
  public enum Depth: Sendable {
    /// The fewest bytes with which everything can be read, each extent decoded once by a reader that goes forward.
    case least
    /// All of an extent, so that going back inside it decodes nothing twice.
    case wholeExtents
    /// Nothing: for a reader that takes whole extents, or the whole file at once; they are decoded into its own memory.
    /// Directories, and extents of the packed inode and the metabox, take as much as with `least`.
    case direct

    /// What it means for directories, the packed inode and the metabox.
    var behindFiles: Depth { self == .direct ? .least : self }
  }

  /// How well the tables of a decoder are to be known.
  @frozen
  public enum Tables: Sendable {
    /// From the index alone: what the codec needs at most.
    case worstCase
    /// MicroLZMA says in the first byte of each stream how many probabilities it uses: look at it.
    case exact
  }

  @inline(never)
  public mutating func formUnion(_ other: MemoryPlan) {
    metadata = max(metadata, other.metadata)
    directory = max(directory, other.directory)
    file.formUnion(other.file)
    if Role.count == 1 { return }
    metaboxBlock = max(metaboxBlock, other.metaboxBlock)
    packed.formUnion(other.packed)
    metabox.formUnion(other.metabox)
  }
}

extension MemoryPlan {
  /// The most that an image with this superblock can need: for callers with address space to spare, where memory that is not
  /// touched costs nothing.
  public static func maximum(for superblock: Superblock) -> MemoryPlan {
    var plan = MemoryPlan()
    plan.metadata = superblock.blockSize
    plan.metaboxBlock = superblock.metaboxNID == nil ? 0 : superblock.blockSize
    plan.directory = superblock.blockSize
    var decoding = Decoding()
    decoding.stored = Superblock.maximumStoredBytes
    decoding.frames = Superblock.maximumDecodedBytes + decoding.stored
    for id: UInt8 in 0..<4 {
      guard let algorithm = Algorithm(rawValue: id), superblock.compression.announces(algorithm) else { continue }
      decoding.state = max(decoding.state, algorithm.workingBytes)
    }
    plan.file = decoding
    if superblock.packedNID != 0 { plan.packed = decoding }
    if superblock.metaboxNID != nil { plan.metabox = decoding }
    return plan
  }
}

extension MemoryPlan.Decoding {
  @inline(never)
  mutating func formUnion(_ other: Self) {
    if other.frames > frames { stored = other.stored }
    frames = max(frames, other.frames)
    state = max(state, other.state)
  }
}

extension Volume {
  /// What it takes to reach inodes, their attributes and directories that are not compressed: blocks, and the decoding
  /// of the metabox where there is one. A compressed directory is a file like others, and has a plan of its own.
  ///
  /// Making it needs the memory of ``blocks`` only.
  @specialized(where Source == MappedStorage)
  public mutating func basicPlan(
    _ depth: MemoryPlan.Depth = .least, _ tables: MemoryPlan.Tables = .exact
  ) throws(EROFSError) -> MemoryPlan {
    var plan = blocks
    do throws(Fault) { try addBasics(to: &plan, depth.behindFiles, tables) } catch { throw failure.error }
    return plan
  }

  /// What it takes to plan: a block of metadata and one of a directory, where the storage does not map them.
  public var blocks: MemoryPlan {
    @inline(__always) get {
      var plan = MemoryPlan()
      if !isMapped {
        plan.metadata = superblock.blockSize
        plan.directory = superblock.blockSize
      }
      return plan
    }
  }

  /// Whether the storage shows its bytes without being read.
  private var isMapped: Bool {
    @inline(__always) get {
      Source.mapsEverything || storage.mapped(device: 0, at: 0, count: 1) != nil
    }
  }

  /// What it takes to read `inode`, from its index: of its data at most the first byte of each stream is looked at.
  ///
  /// Making it needs the memory of ``basicPlan(_:_:)``.
  @specialized(where Source == MappedStorage)
  public mutating func plan(
    for inode: Inode, _ depth: MemoryPlan.Depth = .least, _ tables: MemoryPlan.Tables = .exact
  ) throws(EROFSError) -> MemoryPlan {
    makeCurrent(inode)
    var plan = blocks
    do throws(Fault) { try addOpened(to: &plan, depth, tables) } catch { throw failure.error }
    return plan
  }

  /// Adds what it takes to read the inode that is open.
  package mutating func addOpened(
    to plan: inout MemoryPlan, _ depth: MemoryPlan.Depth, _ tables: MemoryPlan.Tables = .exact
  ) throws(Fault) {
    try addBasics(to: &plan, depth.behindFiles, tables)
    var depth = depth
    if self[.file].kind == .directory {
      depth = depth.behindFiles
      // A compressed directory has no block that could be shown in place.
      if self[.file].isCompressed { plan.directory = superblock.blockSize }
    }
    try add(.file, 0, self[.file].size, to: &plan, depth, tables)
  }

  /// Adds what it takes to reach inodes: see ``basicPlan(_:_:)``.
  @inline(never)
  package mutating func addBasics(
    to plan: inout MemoryPlan, _ depth: MemoryPlan.Depth, _ tables: MemoryPlan.Tables = .exact
  ) throws(Fault) {
    if superblock.hasMetabox {
      plan.metaboxBlock = superblock.blockSize
      // Directories end after their inodes, and those may be in the metabox.
      plan.directory = superblock.blockSize
      try requireMetaboxInode()
      try add(.metabox, 0, self[.metabox].size, to: &plan, depth, tables)
    } else if superblock.xattrPrefixCount > 0, superblock.packedNID != 0,
      !superblock.compatible.contains(.plainXattrPrefixes)
    {
      try requirePackedInode()
      // A record of the table takes 2 bytes, up to 256 of content, and up to 3 of padding.
      let start = FileOffset(truncatingIfNeeded: superblock.xattrPrefixOffset)
      let length = FileOffset(truncatingIfNeeded: superblock.xattrPrefixCount &* 261)
      try add(.packed, start, start &+ length, to: &plan, depth, tables)
    }
  }

  /// Adds what it takes to decode the extents of an open file from byte `start` to `end`, and what its fragments take in
  /// the packed inode, which has none of its own.
  @inline(never)
  private mutating func add(
    _ role: Role, _ start: FileOffset, _ end: FileOffset, to plan: inout MemoryPlan, _ depth: MemoryPlan.Depth,
    _ tables: MemoryPlan.Tables
  ) throws(Fault) {
    guard self[role].isCompressed else { return }
    var extent = Extent()
    var offset = start
    while offset < min(end, self[role].size) {
      try findExtent(role, offset, &extent)
      offset = extent.end
      if extent.isPacked {
        guard role != .packed else { throw fail(.nestedFragment, role) }
        try add(.packed, extent.address, extent.address &+ extent.length, to: &plan, depth.behindFiles, tables)
      } else if extent.form.isCompressed {
        switch role {
        case .packed where Role.count > 1: try add(&extent, to: &plan.packed, depth, tables)
        case .metabox where Role.count > 1: try add(&extent, to: &plan.metabox, depth, tables)
        default: try add(&extent, to: &plan.file, depth, tables)
        }
      }
    }
  }

  /// Adds what it takes to decode an extent.
  @inline(never)
  private mutating func add(
    _ extent: inout Extent, to plan: inout MemoryPlan.Decoding, _ depth: MemoryPlan.Depth, _ tables: MemoryPlan.Tables
  ) throws(Fault) {
    let need = arrangement(&extent, isMapped: Self.mapsExtents || extent.space != .metabox && isMapped)
    let frames = depth == .wholeExtents ? need.whole : depth == .least ? need.least : need.stored
    if frames > plan.frames {
      plan.frames = frames
      plan.stored = need.stored == 0 ? 0 : depth == .direct ? frames : max(0, frames &- need.length)
    }
    var state = extent.form.algorithm.workingBytes
    if extent.form.algorithm.tablesVary, tables == .exact, let first = try firstByte(of: &extent) {
      // A byte that no stream starts with needs no tables: reading it is an error before it needs any.
      state = extent.form.algorithm.workingBytes(firstByte: first) ?? 0
    }
    plan.state = max(plan.state, state)
  }

  /// The first byte of an extent's stream, after the zeros in front; nil where it is on an extra device.
  private mutating func firstByte(of extent: inout Extent) throws(Fault) -> UInt8? {
    if extent.space != .device {
      return UInt8(
        truncatingIfNeeded: try load(extent.stream, extent.address, 1))
    }
    let place = try locate(extent.device, extent.address, extent.storedLength)
    if place.device != 0 { return nil }
    var skip: FileOffset = 0
    while skip < extent.storedLength, skip <= superblock.blockMask {
      let byte = try load(.device, place.offset &+ skip, 1)
      if byte != 0 { return UInt8(truncatingIfNeeded: byte) }
      skip &+= 1
    }
    return 0
  }
}
