// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSFormatWriting

/// A compressed file's lclusters, one for each of its blocks, as its index has them.
struct LclusterList {
  /// There may be millions, so it is small.
  private struct Head {
    /// Number of the lcluster.
    let number: UInt64
    /// Block address; of the tail, what the index keeps in its place.
    let block: UInt32
    /// Byte in the lcluster, which has 65536 at most.
    let offset: UInt16
    /// Stored blocks, of 512 bytes at least and in all 1 MiB at most; 0 for the tail.
    let blocks: UInt16
    let kind: LclusterKind
    let isPartial: Bool
    let isTail: Bool
    let isZeros: Bool
  }

  private var heads: [Head] = []
  /// Lclusters of the file.
  let count: Int
  private let size: UInt64
  private let blockShift: Int
  /// Some pcluster has more than one block.
  let hasBigPclusters: Bool
  /// The pclusters follow one another on the device, as a compact index needs them.
  let isConsecutive: Bool

  init(_ content: FileIndex.Content, blockShift: Int) {
    self.blockShift = blockShift
    size = content.size
    let mask = UInt64(1) << UInt64(blockShift) - 1
    count = Int((size + mask) >> UInt64(blockShift))
    hasBigPclusters = content.extents.values.contains { $0.storedBytes >> UInt32(blockShift) > 1 }
    heads.reserveCapacity(content.extents.count + 1)
    var start: UInt64 = 0
    var next: UInt64?
    var isConsecutive = true
    for extent in content.extents {
      let block = extent.address >> UInt64(blockShift)
      if extent.isPartial || extent.form == .hole || block > UInt64(UInt32.max) { isConsecutive = false }
      if let next, next != extent.address { isConsecutive = false }
      next = extent.address + UInt64(extent.storedBytes)
      let kind: LclusterKind
      switch extent.form {
      case .compressed: kind = extent.algorithm == content.algorithms.0 ? .head1 : .head2
      case .plain, .interlaced, .hole: kind = .plain
      }
      heads.append(
        Head(
          number: start >> UInt64(blockShift), block: UInt32(truncatingIfNeeded: block), offset: UInt16(start & mask),
          blocks: UInt16(extent.storedBytes >> UInt32(blockShift)), kind: kind, isPartial: extent.isPartial,
          isTail: false, isZeros: extent.isZeros))
      start += UInt64(extent.length)
    }
    var tail: (kind: LclusterKind, block: UInt32)?
    switch content.tail {
    case .none: break
    case .inline(_, _, let form): tail = (form == .plain ? .plain : .head1, 0)
    case .packed(let offset, _):
      tail = (.head1, UInt32(truncatingIfNeeded: offset >> 32))
      // A compact index has no room for the high half.
      if offset >> 32 != 0 { isConsecutive = false }
    }
    if let tail {
      heads.append(
        Head(
          number: start >> UInt64(blockShift), block: tail.block, offset: UInt16(start & mask), blocks: 0,
          kind: tail.kind, isPartial: false, isTail: true, isZeros: false))
    }
    self.isConsecutive = isConsecutive
  }

  /// Calls `body` for each lcluster: with its head, or with its distance from the latest one and to the next.
  private func forEach(
    _ body: (_ number: Int, _ head: Head?, _ latest: Head, _ ahead: Int) throws -> Void
  ) rethrows {
    for (index, head) in heads.enumerated() {
      try body(Int(head.number), head, head, 0)
      let end = index + 1 < heads.count ? Int(heads[index + 1].number) : count
      var number = Int(head.number) + 1
      while number < end {
        try body(number, nil, head, end - number)
        number += 1
      }
    }
  }

  /// Whether the file ends inside that lcluster, in which no extent starts: it has a mark for that.
  private func isEndMark(_ number: Int) -> Bool {
    number == count - 1 && size & (1 << UInt64(blockShift) - 1) != 0
  }

  private var endOffset: Int { Int(size & (1 << UInt64(blockShift) - 1)) }

  /// What the first lcluster after a head says: the pcluster's blocks, where pclusters may have several.
  private func lookBack(_ number: Int, _ latest: Head) -> UInt32 {
    let distance = number - Int(latest.number)
    if hasBigPclusters, distance == 1 { return LookBack(blocks: UInt32(latest.blocks)).raw }
    return UInt32(min(distance, Self.farthest))
  }

  /// The longest distance that an index can say: bit 11 is a flag.
  private static let farthest = 2047

  /// Calls `body` for each record of a full index, in order.
  func forEachRecord(_ body: (StoredRecord<LclusterRecord>) throws -> Void) rethrows {
    try forEach { number, head, latest, ahead in
      var record = StoredRecord<LclusterRecord>()
      var position = LclusterPosition(raw: 0)
      if let head {
        position.kind = head.kind
        position.offset = UInt32(head.offset)
        position.isPartial = head.isPartial
        // Readers that know nothing of holes (Linux before 7.2) find the zeros where the block is.
        position.isHole = head.isZeros
        record[.blockOrDistances] = head.block
      } else if isEndMark(number) {
        position.kind = .plain
        position.offset = UInt32(endOffset)
      } else {
        position.kind = .nonhead
        position.offset = UInt32(latest.offset)
        var distances = LclusterDistances(raw: 0)
        distances.back = lookBack(number, latest)
        distances.ahead = UInt32(min(ahead, Self.farthest))
        record[.blockOrDistances] = distances.raw
      }
      record[.position] = position.raw
      try body(record)
    }
  }

  /// The entries of a compact index that starts at byte `start` of its stream.
  func compactEntries(at start: FileOffset, hasLargePacks: Bool) -> [CompactEntry] {
    var entries: [CompactEntry] = []
    entries.reserveCapacity(count)
    forEach { number, head, latest, ahead in
      if let head {
        entries.append(CompactEntry(kind: head.kind, value: UInt32(head.offset)))
        return
      }
      if isEndMark(number) {
        entries.append(CompactEntry(kind: .plain, value: UInt32(endOffset)))
        return
      }
      let back = lookBack(number, latest)
      let pack = LclusterPack(of: FileOffset(number), start, FileOffset(count), hasLargePacks: hasLargePacks)
      let isLast = pack.index == pack.last && !LookBack(raw: back).isCount
      entries.append(CompactEntry(kind: .nonhead, value: isLast ? UInt32(min(ahead, Self.farthest)) : back))
    }
    return entries
  }

  /// The base address of the pack that starts with lcluster `number`.
  ///
  /// A reader adds the blocks of the pclusters that it passes in the pack. Without big pclusters those are counted at their
  /// heads, from the one before the pack on; with them, at the lcluster that says how many there are.
  func base(ofPackAt number: Int) -> UInt32 {
    guard let first = heads.first, !first.isTail else { return 0 }
    var low = 0
    var high = heads.count
    while low < high {
      let middle = (low + high) / 2
      if heads[middle].number < UInt64(number) { low = middle + 1 } else { high = middle }
    }
    // `low` heads come before the pack.
    guard hasBigPclusters else { return first.block &+ UInt32(low) &- 1 }
    guard low > 0 else { return first.block }
    let latest = heads[low - 1]
    let next = low < heads.count ? Int(heads[low].number) : count
    // Its blocks are told by the lcluster after it, if that is one of its own; a mark of the end tells nothing.
    let teller = Int(latest.number) + 1
    let isToldLater = teller >= number && teller < next && !isEndMark(teller)
    if latest.isTail { return latest.block }
    return isToldLater ? latest.block : latest.block &+ UInt32(latest.blocks)
  }
}
