// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// The entry of one lcluster, from either form of index (Format.md, section 10.2).
struct LclusterEntry {
  var kind = LclusterKind.plain
  // Heads of full indexes.
  #if EROFS_BASIC_IMAGES
    var isPartial: Bool {
      get { false }
      set {}
    }
  #else
    var isPartial = false
  #endif
  var isHole = false
  /// Heads: where in the lcluster the extent starts. Non-heads: lclusters back to the head (or to a non-head nearer to
  /// it), at least 1; the whole field while it is being read.
  var value: UInt32 = 0
  /// Non-heads: lclusters forward to the next head or a non-head nearer to it, at least 1.
  var ahead: UInt32 = 1
  /// Heads: the block address, or of full indexes the high bits of a fragment's offset. First non-heads of big
  /// pclusters: 1 more than the blocks of the pcluster; other non-heads: 0.
  var block: UInt32 = 0

  var isHead: Bool { kind != .nonhead }

  /// Turns a look-back distance that carries a count of blocks into the two; false where there may be none.
  mutating func takeCount(_ header: MapHeader) -> Bool {
    block = 0
    let back = LookBack(raw: value)
    if !back.isCount { return value > 0 }
    block = back.blocks &+ 1
    value = 1
    return header.hasBigPclusters
  }
}

extension Volume {
  /// Lclusters of an open file.
  @inline(never)
  mutating func lclusterCount(_ role: Role) -> FileOffset {
    (self[role].size &- 1) &>> FileOffset(self[role].shift) &+ 1
  }

  @inline(never)
  mutating func pack(of number: FileOffset, _ role: Role) -> LclusterPack {
    LclusterPack(
      of: number, self[role].table, lclusterCount(role),
      hasLargePacks: MapHeader(self[role].header).advise.contains(.compact2B))
  }

  private static var fullEntryBytes: FileOffset { FileOffset(truncatingIfNeeded: LclusterRecord.byteCount) }

  /// Where the index of an open file ends, and a tail-packed pcluster starts.
  mutating func indexEnd(_ role: Role) -> FileOffset {
    let count = lclusterCount(role)
    if self[role].layout == .compressedFull { return self[role].table &+ Self.fullEntryBytes &* count }
    let last = pack(of: count &- 1, role)
    return last.offset &+ last.byteCount
  }

  /// Reads entry `number`, which is below the index's count, of an open file's index.
  @inline(__always)
  mutating func loadEntry(_ role: Role, _ number: FileOffset, _ entry: inout LclusterEntry) throws(Fault) {
    if !loadEntryOrFalse(role, number, &entry) { throw Fault() }
  }

  /// The same; false for a fault.
  @inline(never)
  private mutating func loadEntryOrFalse(_ role: Role, _ number: FileOffset, _ entry: inout LclusterEntry) -> Bool {
    (try? loadEntryInlined(role, number, &entry)) != nil
  }

  @inline(__always)
  private mutating func loadEntryInlined(_ role: Role, _ number: FileOffset, _ entry: inout LclusterEntry) throws(Fault)
  {
    entry.ahead = 1
    entry.isPartial = false
    entry.isHole = false
    let isPossible =
      self[role].layout == .compressedFull
      ? try loadFull(role, number, &entry) : try loadCompact(role, number, &entry)
    guard isPossible else { throw fail(entry.isHead ? .clusterOffset : .lookBack, role) }
  }

  private mutating func loadFull(
    _ role: Role, _ number: FileOffset, _ entry: inout LclusterEntry
  ) throws(Fault) -> Bool {
    guard number < FileOffset.limit &>> 4 else { throw fail(.outsideDevice, role) }
    let at = self[role].table &+ Self.fullEntryBytes &* number
    let position = LclusterPosition(raw: try load(role, at, LclusterRecord.self, .position))
    let word = try load(role, at, LclusterRecord.self, .blockOrDistances)
    entry.kind = position.kind
    if entry.isHead {
      entry.value = position.offset
      entry.block = word
      // Only images with deduplicated data have partial references. Holes need no feature.
      if !IncompatibleFeatures.known.contains(.fragments), position.isPartial { return false }
      entry.isPartial = position.isPartial
      entry.isHole = position.isHole
      return entry.value &>> UInt32(self[role].shift) == 0
    }
    let distances = LclusterDistances(raw: word)
    entry.value = distances.back
    entry.ahead = max(1, distances.ahead)
    return entry.takeCount(MapHeader(self[role].header))
  }

  private mutating func loadCompact(
    _ role: Role, _ number: FileOffset, _ entry: inout LclusterEntry
  ) throws(Fault) -> Bool {
    let pack = pack(of: number, role)
    let header = MapHeader(self[role].header)
    let word = try unpack(role, pack, pack.index)
    entry.kind = word.kind
    entry.value = word.value
    if entry.isHead {
      guard entry.value &>> UInt32(self[role].shift) == 0 else { return false }
      entry.block = try block(role, pack)
      return true
    }
    let value = entry.value
    var isPossible = entry.takeCount(header)
    if pack.index == pack.last, entry.block == 0 {
      // The last entry of a pack says how far it is forward; how far back follows from the one before it.
      entry.ahead = max(1, value)
      isPossible = true
      let before = try unpack(role, pack, pack.last &- 1)
      entry.value = 1
      if !before.isHead {
        entry.value = LookBack(raw: before.value).isCount ? 2 : before.value &+ 1
      }
    }
    return isPossible
  }

  /// Entry `number` of a pack: its value, and its kind in the two highest bits.
  @inline(__always)
  private mutating func unpack(_ role: Role, _ pack: LclusterPack, _ number: Int) throws(Fault) -> CompactEntry {
    CompactEntry(raw: try unpackOrNil(role, pack, number).orFault())
  }

  /// The same; nil for a fault.
  @inline(never)
  private mutating func unpackOrNil(_ role: Role, _ pack: LclusterPack, _ number: Int) -> UInt32? {
    try? unpackInlined(role, pack, number)
  }

  @inline(__always)
  private mutating func unpackInlined(_ role: Role, _ pack: LclusterPack, _ number: Int) throws(Fault) -> UInt32 {
    let place = pack.place(of: number)
    let bits = try load(self[role].stream, place.offset, 3) &>> place.bit
    return CompactEntry(bits: bits, width: CompactEntry.valueWidth(blockShift: superblock.blockShift)).raw
  }

  /// Block address of the head at `pack.index`: the pack's base, and the blocks of the pclusters that begin before it in the
  /// pack (Format.md, section 10.4).
  private mutating func block(_ role: Role, _ pack: LclusterPack) throws(Fault) -> UInt32 {
    var block = try load32(role, pack.baseOffset)
    let isBig = MapHeader(self[role].header).hasBigPclusters
    if !isBig { block &+= 1 }
    var at = pack.index
    while at > 0 {
      at &-= 1
      let word = try unpack(role, pack, at)
      let value = Int(truncatingIfNeeded: word.value)
      if word.isHead {
        block &+= 1
      } else if !isBig {
        guard value > 0 else { throw fail(.lookBack, role) }
        at &-= value
        if at >= 0 { block &+= 1 }
      } else if LookBack(raw: word.value).isCount {
        block &+= LookBack(raw: word.value).blocks
        at &-= 1
      } else {
        guard value > 1 else { throw fail(.lookBack, role) }
        at &-= value &- 2
      }
    }
    return block
  }
}
