// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// What an lcluster index says of one lcluster (format, section 10.2).
struct LclusterEntry {
  enum Kind: UInt8 {
    case plain = 0
    case head1 = 1
    case nonhead = 2
    case head2 = 3

    init(bits: UInt32) { self = Kind(rawValue: UInt8(bits & 3)) ?? .plain }
  }

  var kind = Kind.plain
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

  // Of an entry of a compact index, unpacked into one word: see `unpack`.
  static func isHead(_ word: UInt32) -> Bool { word &>> 30 != UInt32(Kind.nonhead.rawValue) }
  static func value(_ word: UInt32) -> UInt32 { word & 0x3FFF_FFFF }

  /// Bit of a look-back distance that turns it into a number of blocks.
  static var countFlag: UInt32 { 0x800 }

  /// Turns a look-back distance that carries a count of blocks into the two; false where there may be none.
  mutating func takeCount(_ header: MapHeader) -> Bool {
    block = 0
    if value & Self.countFlag == 0 { return value > 0 }
    block = (value & (Self.countFlag &- 1)) &+ 1
    value = 1
    return header.hasBigPclusters
  }
}

/// The group of entries of a compact index that share a base address (format, section 10.4).
struct LclusterPack {
  var offset: FileOffset
  /// Number in the pack of the entry that was asked for.
  var index: Int
  /// Bits of an entry: 16, of which a pack has 2, or 14, of which it has 16.
  var bits: Int

  /// Bytes before the base address.
  var entryBytes: FileOffset { bits == 16 ? 4 : 28 }
  var last: Int { bits == 16 ? 1 : 15 }

  /// The pack of entry `number` of an index of `count` entries that starts at `start`.
  @inline(__always)
  init(of number: FileOffset, _ start: FileOffset, _ count: FileOffset, hasLargePacks: Bool) {
    // Entries that come in packs of 8 bytes before the first pack of 32, which is aligned to its size.
    let leading = ((32 &- (start & 31)) &>> 2) & 7
    bits = 16
    offset = start
    var at = number
    if hasLargePacks, number >= leading {
      at &-= leading
      offset &+= 4 &* leading
      let large = (count &- leading) & ~15
      if at < large {
        bits = 14
        offset &+= (at &>> 4) &* 32
        index = Int(truncatingIfNeeded: at & 15)
        return
      }
      at &-= large
      offset &+= 2 &* large
    }
    offset &+= (at &>> 1) &* 8
    index = Int(truncatingIfNeeded: at & 1)
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

  /// Where the index of an open file ends, and a tail-packed pcluster starts.
  mutating func indexEnd(_ role: Role) -> FileOffset {
    let count = lclusterCount(role)
    if self[role].layout == .compressedFull { return self[role].table &+ 8 &* count }
    let last = pack(of: count &- 1, role)
    return last.offset &+ last.entryBytes &+ 4
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
    let at = self[role].table &+ 8 &* number
    let low = try load32(role, at)
    let high = try load32(role, at &+ 4)
    entry.kind = LclusterEntry.Kind(bits: low)
    if entry.isHead {
      entry.value = low &>> 16
      entry.block = high
      // Only images with deduplicated data have partial references. Holes need no feature.
      if !IncompatibleFeatures.known.contains(.fragments), low & 0x8000 != 0 { return false }
      entry.isPartial = low & 0x8000 != 0
      entry.isHole = low & 0x4000 != 0
      return entry.value &>> UInt32(self[role].shift) == 0
    }
    entry.value = high & 0xFFFF
    entry.ahead = max(1, high &>> 16)
    return entry.takeCount(MapHeader(self[role].header))
  }

  private mutating func loadCompact(
    _ role: Role, _ number: FileOffset, _ entry: inout LclusterEntry
  ) throws(Fault) -> Bool {
    let pack = pack(of: number, role)
    let header = MapHeader(self[role].header)
    let word = try unpack(role, pack, pack.index)
    entry.kind = LclusterEntry.Kind(bits: word &>> 30)
    entry.value = LclusterEntry.value(word)
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
      if !LclusterEntry.isHead(before) {
        entry.value = before & LclusterEntry.countFlag != 0 ? 2 : LclusterEntry.value(before) &+ 1
      }
    }
    return isPossible
  }

  /// Entry `number` of a pack: its value, and its kind in the two highest bits.
  @inline(__always)
  private mutating func unpack(_ role: Role, _ pack: LclusterPack, _ number: Int) throws(Fault) -> UInt32 {
    try unpackOrNil(role, pack, number).orFault()
  }

  /// The same; nil for a fault.
  @inline(never)
  private mutating func unpackOrNil(_ role: Role, _ pack: LclusterPack, _ number: Int) -> UInt32? {
    try? unpackInlined(role, pack, number)
  }

  @inline(__always)
  private mutating func unpackInlined(_ role: Role, _ pack: LclusterPack, _ number: Int) throws(Fault) -> UInt32 {
    let bit = number &* pack.bits
    // An entry of 14 or 16 bits spans at most three bytes, all before the end of the base address.
    let at = pack.offset &+ FileOffset(truncatingIfNeeded: bit &>> 3)
    let value = try load(self[role].stream, at, 3) &>> UInt32(truncatingIfNeeded: bit & 7)
    let width = UInt32(truncatingIfNeeded: max(superblock.blockShift, 12))
    return (value &>> width) &<< 30 | value & ((1 &<< width) &- 1)
  }

  /// Block address of the head that a pack was asked for: the pack's base, and the blocks of what begins before it in the
  /// pack (format, section 10.4).
  private mutating func block(_ role: Role, _ pack: LclusterPack) throws(Fault) -> UInt32 {
    var block = try load32(role, pack.offset &+ pack.entryBytes)
    let isBig = MapHeader(self[role].header).hasBigPclusters
    if !isBig { block &+= 1 }
    var at = pack.index
    while at > 0 {
      at &-= 1
      let word = try unpack(role, pack, at)
      let value = Int(truncatingIfNeeded: LclusterEntry.value(word))
      if LclusterEntry.isHead(word) {
        block &+= 1
      } else if !isBig {
        guard value > 0 else { throw fail(.lookBack, role) }
        at &-= value
        if at >= 0 { block &+= 1 }
      } else if word & LclusterEntry.countFlag != 0 {
        block &+= word & (LclusterEntry.countFlag &- 1)
        at &-= 1
      } else {
        guard value > 1 else { throw fail(.lookBack, role) }
        at &-= value &- 2
      }
    }
    return block
  }
}
