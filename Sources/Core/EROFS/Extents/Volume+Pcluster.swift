// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

extension Volume {
  /// The extent around byte `offset` (below the size) of a file with an lcluster index (format, section 10.5).
  mutating func pcluster(
    of inode: Inode, _ index: LclusterIndex, at offset: UInt64
  ) throws(EROFSError) -> Extent {
    let shift = UInt64(index.lclusterShift)
    let number = offset &>> shift
    let entry = try self.entry(number, of: index, inode)
    var head = number
    var headEntry = entry
    if !entry.isHead || offset & ((1 &<< shift) - 1) < UInt64(entry.clusterOffset) {
      (head, headEntry) = try self.head(before: number, entry, of: index, inode)
    }
    let start = head &<< shift + UInt64(headEntry.clusterOffset)
    // The end marker is a PLAIN entry too; nothing starts there.
    guard start < inode.size else { throw .corrupt(.clusterOffset, at: inode.position) }
    let end = try self.end(ofExtentAt: head, from: number, of: index, inode)
    guard end > start, end - start <= UInt64(Superblock.maximumDecodedBytes) else {
      throw .corrupt(.extentLength, at: inode.position)
    }
    let length = end - start
    let isLast = end == inode.size

    if isLast, index.advise.contains(.fragmentPcluster) {
      // Full indexes keep the high bits of the offset where the block address would be.
      let high = index.isCompact ? 0 : UInt64(headEntry.block) &<< 32
      let place = try packedPlace(inode, high | UInt64(index.fragmentOffset), length: length)
      return Extent(start: start, length: length, place: place)
    }
    let encoding = try self.encoding(of: headEntry, index, inode)
    if isLast, index.inlineBytes > 0 {
      let at = index.end
      guard (at & UInt64(superblock.blockSize - 1)) + UInt64(index.inlineBytes) <= UInt64(superblock.blockSize) else {
        throw .corrupt(.inlineCrossesBlock, at: inode.stream.position(at))
      }
      return Extent(
        start: start, length: length, place: .metadata(inode.stream, offset: at),
        encoding: encoding == .interlaced ? .plain : encoding, storedLength: UInt64(index.inlineBytes),
        isPartial: headEntry.isPartial)
    }
    guard let blocks = try storedBlocks(of: head, headEntry, index, inode) else {
      return Extent(start: start, length: length, place: .hole)
    }
    return Extent(
      start: start, length: length,
      place: .device(0, address: UInt64(headEntry.block) &<< UInt64(superblock.blockShift)), encoding: encoding,
      storedLength: UInt64(blocks) &<< UInt64(superblock.blockShift), isPartial: headEntry.isPartial)
  }

  /// Steps back from lcluster `number` to the head of the extent that its first bytes belong to.
  private mutating func head(
    before number: UInt64, _ entry: LclusterEntry, of index: LclusterIndex, _ inode: Inode
  ) throws(EROFSError) -> (UInt64, LclusterEntry) {
    var at = number
    var entry = entry
    var step = entry.isHead ? 1 : UInt64(entry.back)
    let farthest = UInt64(Superblock.maximumDecodedBytes) &>> UInt64(index.lclusterShift) + 1
    while true {
      guard step <= at, number - at <= farthest else { throw .corrupt(.lookBack, at: inode.position) }
      at -= step
      entry = try self.entry(at, of: index, inode)
      if entry.isHead { return (at, entry) }
      step = UInt64(entry.back)
    }
  }

  /// Where the extent that starts in lcluster `head` ends; lcluster `number` is known to have some of it.
  private mutating func end(
    ofExtentAt head: UInt64, from number: UInt64, of index: LclusterIndex, _ inode: Inode
  ) throws(EROFSError) -> UInt64 {
    let farthest = UInt64(Superblock.maximumDecodedBytes) &>> UInt64(index.lclusterShift) + 1
    var at = max(head + 1, number)
    while at < index.count {
      guard at - head <= farthest else { throw .corrupt(.extentLength, at: inode.position) }
      let entry = try self.entry(at, of: index, inode)
      if entry.isHead {
        return min(inode.size, at &<< UInt64(index.lclusterShift) + UInt64(entry.clusterOffset))
      }
      at += UInt64(entry.ahead)
    }
    return inode.size
  }

  /// Blocks that the pcluster of a head takes; nil for a hole.
  private mutating func storedBlocks(
    of head: UInt64, _ entry: LclusterEntry, _ index: LclusterIndex, _ inode: Inode
  ) throws(EROFSError) -> Int? {
    if entry.isHole { return nil }
    let flag: MapAdvice = entry.kind == .head1 ? .bigPcluster1 : .bigPcluster2
    guard index.advise.contains(flag), head + 1 < index.count else { return 1 }
    let next = try self.entry(head + 1, of: index, inode)
    if next.isHead { return 1 }
    guard let blocks = next.clusterBlocks else { throw .corrupt(.clusterCount, at: inode.position) }
    return blocks == 0 ? nil : blocks
  }

  private func encoding(
    of entry: LclusterEntry, _ index: LclusterIndex, _ inode: Inode
  ) throws(EROFSError) -> Extent.Encoding {
    if entry.kind == .plain { return index.advise.contains(.interlacedPcluster) ? .interlaced : .plain }
    return .compressed(try algorithm(entry.kind == .head1 ? index.algorithms.0 : index.algorithms.1, inode))
  }

  /// The algorithm of an id, which the superblock must have announced.
  func algorithm(_ id: UInt8, _ inode: Inode) throws(EROFSError) -> Algorithm {
    guard let algorithm = Algorithm(rawValue: id) else { throw .unsupported(.algorithm(id), at: inode.position) }
    guard superblock.compression.announces(algorithm) else { throw .corrupt(.unannouncedAlgorithm, at: inode.position) }
    return algorithm
  }
}
