// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// What an lcluster index says of one lcluster (format, section 10.2).
struct LclusterEntry {
  enum Kind: UInt8 {
    case plain = 0
    case head1 = 1
    case nonhead = 2
    case head2 = 3
  }

  let kind: Kind
  /// Heads: where in the lcluster the extent starts.
  var clusterOffset = 0
  /// Heads of full indexes: the block address, or the high bits of a fragment's offset.
  var block: UInt32 = 0
  /// Heads of full indexes.
  var isPartial = false
  var isHole = false
  /// Non-heads: lclusters back to the head (or to a non-head nearer to it), at least 1.
  var back = 0
  /// Non-heads: lclusters forward to the next head or a non-head nearer to it, at least 1.
  var ahead = 1
  /// First non-heads of big pclusters: blocks of the pcluster.
  var clusterBlocks: Int?

  var isHead: Bool { kind != .nonhead }

  /// Bit of a look-back distance that turns it into a number of blocks.
  static let countFlag = 0x800
}

extension Volume {
  /// Entry `number` of an index; `number` is below the index's count.
  mutating func entry(
    _ number: UInt64, of index: LclusterIndex, _ inode: Inode
  ) throws(EROFSError) -> LclusterEntry {
    index.isCompact
      ? try compactEntry(number, of: index, inode) : try fullEntry(number, of: index, inode)
  }

  private mutating func fullEntry(
    _ number: UInt64, of index: LclusterIndex, _ inode: Inode
  ) throws(EROFSError) -> LclusterEntry {
    let offset = index.offset &+ number &* 8
    guard number < 1 &<< 48 else { throw outside(inode.stream, offset) }
    let value: UInt64 = try load(inode.stream, offset)
    var entry = LclusterEntry(kind: LclusterEntry.Kind(rawValue: UInt8(value & 3))!)
    if entry.isHead {
      entry.clusterOffset = Int(truncatingIfNeeded: (value &>> 16) & 0xFFFF)
      entry.block = UInt32(truncatingIfNeeded: value &>> 32)
      entry.isPartial = value & 0x8000 != 0
      entry.isHole = value & 0x4000 != 0
      guard UInt64(entry.clusterOffset) &>> UInt64(index.lclusterShift) == 0 else {
        throw .corrupt(.clusterOffset, at: inode.stream.position(offset))
      }
    } else {
      entry.back = Int(truncatingIfNeeded: (value &>> 32) & 0xFFFF)
      entry.ahead = max(1, Int(truncatingIfNeeded: value &>> 48))
      try takeCount(&entry, of: index, at: inode.stream.position(offset))
      guard entry.back > 0 else { throw .corrupt(.lookBack, at: inode.stream.position(offset)) }
    }
    return entry
  }

  /// Turns a look-back distance that carries a count of blocks into the two.
  private func takeCount(
    _ entry: inout LclusterEntry, of index: LclusterIndex, at position: Position
  ) throws(EROFSError) {
    guard entry.back & LclusterEntry.countFlag != 0 else { return }
    guard index.hasBigPclusters else { throw .corrupt(.clusterCount, at: position) }
    entry.clusterBlocks = entry.back & (LclusterEntry.countFlag - 1)
    entry.back = 1
  }

  private mutating func compactEntry(
    _ number: UInt64, of index: LclusterIndex, _ inode: Inode
  ) throws(EROFSError) -> LclusterEntry {
    let pack = index.pack(of: number)
    let position = inode.stream.position(pack.offset)
    let last = pack.count - 1
    let (kind, value) = try packed(pack.index, in: pack, of: index, inode)
    var entry = LclusterEntry(kind: kind)
    if entry.isHead {
      entry.clusterOffset = value
      guard value &>> index.lclusterShift == 0 else { throw .corrupt(.clusterOffset, at: position) }
      entry.block = try block(of: pack, index, inode)
      return entry
    }
    entry.back = value
    try takeCount(&entry, of: index, at: position)
    if pack.index == last {
      if entry.clusterBlocks == nil {
        // The last entry of a pack says how far it is forward; how far back follows from the one before it.
        entry.ahead = max(1, value)
        let (before, distance) = try packed(last - 1, in: pack, of: index, inode)
        if before != .nonhead {
          entry.back = 1
        } else {
          entry.back = distance & LclusterEntry.countFlag != 0 ? 2 : distance + 1
        }
      }
    }
    guard entry.back > 0 else { throw .corrupt(.lookBack, at: position) }
    return entry
  }

  /// Kind and value of entry `j` of a pack.
  private mutating func packed(
    _ j: Int, in pack: LclusterPack, of index: LclusterIndex, _ inode: Inode
  ) throws(EROFSError) -> (LclusterEntry.Kind, Int) {
    let bit = j * pack.bits
    // An entry of 14 or 16 bits spans at most three bytes, all before the base address.
    let at = pack.offset + UInt64(bit &>> 3)
    var value = UInt32(try load(inode.stream, at, as: UInt8.self))
    value |= UInt32(try load(inode.stream, at + 1, as: UInt8.self)) &<< 8
    value |= UInt32(try load(inode.stream, at + 2, as: UInt8.self)) &<< 16
    value &>>= UInt32(truncatingIfNeeded: bit & 7)
    let width = max(index.lclusterShift, 12)
    let kind = LclusterEntry.Kind(rawValue: UInt8((value &>> UInt32(truncatingIfNeeded: width)) & 3))!
    return (kind, Int(value & ((1 &<< UInt32(truncatingIfNeeded: width)) - 1)))
  }

  /// Block address of the head at `pack.index`: the pack's base, and the blocks of what begins before it in the pack
  /// (format, section 10.4).
  private mutating func block(
    of pack: LclusterPack, _ index: LclusterIndex, _ inode: Inode
  ) throws(EROFSError) -> UInt32 {
    let base: UInt32 = try load(inode.stream, pack.offset + UInt64(pack.size - 4))
    var blocks = index.hasBigPclusters ? 0 : 1
    var k = pack.index
    while k > 0 {
      k -= 1
      let (kind, value) = try packed(k, in: pack, of: index, inode)
      if index.hasBigPclusters {
        if kind != .nonhead {
          blocks += 1
        } else if value & LclusterEntry.countFlag != 0 {
          blocks += value & (LclusterEntry.countFlag - 1)
          k -= 1
        } else {
          guard value > 1 else { throw .corrupt(.lookBack, at: inode.stream.position(pack.offset)) }
          k -= value - 2
        }
      } else {
        if kind == .nonhead {
          guard value > 0 else { throw .corrupt(.lookBack, at: inode.stream.position(pack.offset)) }
          k -= value
        }
        if k >= 0 { blocks += 1 }
      }
    }
    return base &+ UInt32(truncatingIfNeeded: blocks)
  }
}

/// The group of entries of a compact index that share a base address (format, section 10.4).
struct LclusterPack {
  let offset: UInt64
  /// Bytes: 8 or 32.
  let size: Int
  /// The entry that was asked for.
  let index: Int

  var count: Int { size == 8 ? 2 : 16 }
  /// Bits of an entry.
  var bits: Int { size == 8 ? 16 : 14 }
}

extension LclusterIndex {
  var hasBigPclusters: Bool { !advise.isDisjoint(with: [.bigPcluster1, .bigPcluster2]) }

  /// Entries that come in packs of 8 bytes before the first pack of 32, which is aligned to its size.
  private var leading: UInt64 { ((32 &- (offset & 31)) / 4) & 7 }

  /// Entries in packs of 32 bytes.
  private var middle: UInt64 {
    advise.contains(.compact2B) && leading < count ? (count - leading) & ~15 : 0
  }

  /// The pack of entry `number` of a compact index.
  func pack(of number: UInt64) -> LclusterPack {
    if number >= leading, number < leading + middle {
      let at = number - leading
      return LclusterPack(
        offset: offset + 4 * leading + (at &>> 4) * 32, size: 32, index: Int(truncatingIfNeeded: at & 15))
    }
    let (at, base) =
      number < leading
      ? (number, offset) : (number - leading - middle, offset + 4 * leading + 2 * middle)
    return LclusterPack(offset: base + (at &>> 1) * 8, size: 8, index: Int(truncatingIfNeeded: at & 1))
  }

  /// Where the index ends, and a tail-packed pcluster starts.
  var end: UInt64 {
    guard isCompact else { return offset + 8 * count }
    let last = pack(of: count - 1)
    return last.offset + UInt64(last.size)
  }
}
