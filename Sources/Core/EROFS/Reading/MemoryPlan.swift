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
  public var metaboxBlock = 0
  public var directory = 0
  public var file = Decoding()
  public var packed = Decoding()
  public var metabox = Decoding()

  @inlinable
  public init() {}

  /// Bytes that may be scattered over page frames.
  public var frameBytes: Int {
    metadata + metaboxBlock + directory + file.frames + packed.frames + metabox.frames
  }

  /// Bytes of codec tables, each codec's in one piece.
  public var stateBytes: Int {
    Self.aligned(file.state) + Self.aligned(packed.state) + Self.aligned(metabox.state)
  }

  public var totalBytes: Int { frameBytes + stateBytes }

  static func aligned(_ count: Int) -> Int { (count + 7) & ~7 }

  /// How much of an extent is to stay at hand while it is read.
  @frozen
  public enum Depth: Sendable {
    /// The fewest bytes with which everything can be read, each extent decoded once by a reader that goes forward.
    case least
    /// All of an extent, so that going back inside it decodes nothing twice.
    case wholeExtents
  }

  /// How well the tables of a decoder are to be known.
  @frozen
  public enum Tables: Sendable {
    /// From the index alone: what the codec needs at most.
    case worstCase
    /// MicroLZMA says in the first byte of each stream how many probabilities it uses: look at it.
    case exact
  }

  public mutating func formUnion(_ other: MemoryPlan) {
    metadata = max(metadata, other.metadata)
    metaboxBlock = max(metaboxBlock, other.metaboxBlock)
    directory = max(directory, other.directory)
    file.formUnion(other.file)
    packed.formUnion(other.packed)
    metabox.formUnion(other.metabox)
  }
}

extension MemoryPlan {
  /// What no image can exceed, for those who have address space to spare and touch only what they use.
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
    if superblock.metaboxNID != nil {
      plan.metaboxBlock = superblock.blockSize
      let inode = try openMetabox()
      (plan.metabox, plan.packed) = try decoding(of: inode, in: 0..<inode.size, depth, tables)
    }
    if superblock.xattrPrefixCount > 0, superblock.packedNID != 0, superblock.metaboxNID == nil,
      !superblock.compatible.contains(.plainXattrPrefixes)
    {
      // A record of the table takes 2 bytes, up to 256, and up to 3 of padding.
      let start = superblock.xattrPrefixOffset
      let end = start + UInt64(superblock.xattrPrefixCount) * 261
      plan.packed.formUnion(try packedDecoding(start, end - start, depth, tables))
    }
    return plan
  }

  /// What it takes to plan: a block of metadata where the storage does not map it, and a block of a directory.
  public var blocks: MemoryPlan {
    var plan = MemoryPlan()
    plan.metadata = isMapped ? 0 : superblock.blockSize
    plan.directory = superblock.blockSize
    return plan
  }

  /// Whether the storage shows its bytes without being read.
  private var isMapped: Bool { storage.mapped(device: 0, at: 0, count: 1) != nil }

  /// What it takes to read `inode`, from its index: of its data at most the first byte of each stream is looked at.
  ///
  /// Making it needs the memory of ``basicPlan(_:_:)``.
  @specialized(where Source == MappedStorage)
  public mutating func plan(
    for inode: Inode, _ depth: MemoryPlan.Depth = .least, _ tables: MemoryPlan.Tables = .exact
  ) throws(EROFSError) -> MemoryPlan {
    var plan = try basicPlan(depth, tables)
    let file = try decoding(of: inode, in: 0..<inode.size, depth, tables)
    plan.file = file.own
    plan.packed.formUnion(file.packed)
    return plan
  }

  /// What it takes to decode the extents of `inode` that touch a range of its bytes, and what its fragments take in the
  /// packed inode.
  private mutating func decoding(
    of inode: Inode, in range: Range<UInt64>, _ depth: MemoryPlan.Depth, _ tables: MemoryPlan.Tables
  ) throws(EROFSError) -> (own: MemoryPlan.Decoding, packed: MemoryPlan.Decoding) {
    var plan = MemoryPlan.Decoding()
    var packed = MemoryPlan.Decoding()
    switch inode.data {
    case .indexed, .encoded, .fragment: break
    default: return (plan, packed)
    }
    var offset = range.lowerBound
    while offset < range.upperBound, let extent = try extent(of: inode, at: offset) {
      offset = extent.end
      if case .packed(let start) = extent.place {
        packed.formUnion(try packedDecoding(start, extent.length, depth, tables))
      } else if case .compressed(let algorithm) = extent.encoding {
        plan.formUnion(try decoding(of: extent, algorithm, depth, tables))
      }
    }
    return (plan, packed)
  }

  /// What it takes to decode a part of the packed inode, which has no fragments of its own.
  private mutating func packedDecoding(
    _ start: UInt64, _ length: UInt64, _ depth: MemoryPlan.Depth, _ tables: MemoryPlan.Tables
  ) throws(EROFSError) -> MemoryPlan.Decoding {
    var plan = MemoryPlan.Decoding()
    let inode = try openPacked()
    var offset = start
    while offset < start + length, let extent = try extent(of: inode, at: offset) {
      offset = extent.end
      guard case .compressed(let algorithm) = extent.encoding else { continue }
      plan.formUnion(try decoding(of: extent, algorithm, depth, tables))
    }
    return plan
  }

  private mutating func decoding(
    of extent: Extent, _ algorithm: Algorithm, _ depth: MemoryPlan.Depth, _ tables: MemoryPlan.Tables
  ) throws(EROFSError) -> MemoryPlan.Decoding {
    let length = Int(truncatingIfNeeded: extent.length)
    let stored = Int(truncatingIfNeeded: extent.storedLength)
    var mapped = false
    switch extent.place {
    case .device, .metadata(.device, _): mapped = isMapped
    default: break
    }
    let inPlace = canDecodeInPlace(extent, algorithm)
    let whole = ExtentArrangement.whole(
      length: length, storedLength: stored, isMapped: mapped, canDecodeInPlace: inPlace)
    var plan = MemoryPlan.Decoding()
    plan.frames =
      depth == .wholeExtents
      ? whole
      : ExtentArrangement.least(
        length: length, storedLength: stored, isMapped: mapped, canDecodeInPlace: inPlace,
        window: superblock.compression.window(of: algorithm))
    plan.stored = mapped ? 0 : max(0, plan.frames - length)
    plan.state = algorithm.workingBytes
    if algorithm == .microLZMA, tables == .exact, let first = try firstByte(of: extent) {
      // A byte that no stream starts with needs no tables: reading it is an error before it needs any.
      plan.state = MicroLZMADecoder.workingBytes(firstByte: first) ?? 0
    }
    return plan
  }

  /// The first byte of an extent's stream, behind the zeros in front; nil where it lies on an extra device.
  private mutating func firstByte(of extent: Extent) throws(EROFSError) -> UInt8? {
    switch extent.place {
    case .metadata(let stream, let offset):
      return try load(stream, offset)
    case .device(let device, let address):
      let place = try locate(device, address, length: extent.storedLength)
      guard place.device == 0 else { return nil }
      let limit = min(extent.storedLength, UInt64(superblock.blockSize))
      for skip in 0..<limit {
        let byte: UInt8 = try load(.device, place.offset + skip)
        if byte != 0 { return byte }
      }
      return 0
    default:
      return nil
    }
  }
}
