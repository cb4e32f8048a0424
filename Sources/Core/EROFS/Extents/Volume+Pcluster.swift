// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

extension Volume {
  /// Finds the extent around byte `offset` (below the size) of a file with an lcluster index (Format.md, section 10.5).
  @inline(never)
  mutating func findPcluster(_ role: Role, _ offset: FileOffset, _ extent: inout Extent) throws(Fault) {
    let shift = FileOffset(self[role].shift)
    let number = offset &>> shift
    let farthest = FileOffset(Superblock.maximumDecodedBytes) &>> shift &+ 1
    var entry = LclusterEntry()
    try loadEntry(role, number, &entry)

    // Back to the head of the extent.
    var head = number
    if !entry.isHead || offset & ((1 &<< shift) &- 1) < FileOffset(entry.value) {
      if entry.isHead { entry.value = 1 }
      repeat {
        let step = FileOffset(entry.value)
        guard step <= head, number &- head <= farthest else { throw fail(.lookBack, role) }
        head &-= step
        try loadEntry(role, head, &entry)
      } while !entry.isHead
    }
    let size = self[role].size
    let start = head &<< shift &+ FileOffset(entry.value)
    // The end marker is a PLAIN entry too; nothing starts there.
    guard start < size else { throw fail(.clusterOffset, role) }

    // Forward to the head of the next one. The entry right after the head may contain its number of blocks.
    let count = lclusterCount(role)
    var next = LclusterEntry()
    var end = size
    var at = max(head &+ 1, number)
    while at < count {
      guard at &- head <= farthest else { throw fail(.extentLength, role) }
      try loadEntry(role, at, &next)
      if next.isHead {
        end = min(end, at &<< shift &+ FileOffset(next.value))
        break
      }
      at &+= FileOffset(next.ahead)
    }
    guard end > start, end &- start <= FileOffset(Superblock.maximumDecodedBytes) else {
      throw fail(.extentLength, role)
    }
    extent.cover(start, end &- start)

    let header = MapHeader(self[role].header)
    if end == size, header.advise.contains(.fragmentPcluster) {
      // Full indexes keep the high bits of the offset where the block address would be.
      let high = self[role].layout == .compressedCompact ? 0 : UInt64(entry.block) &<< 32
      return try placeFragment(role, high | UInt64(header.fragmentOffset), &extent)
    }
    extent.isPartial = entry.isPartial
    if entry.kind == .plain {
      if header.advise.contains(.interlacedPcluster) { extent.form = .interlaced }
    } else {
      extent.form = try form(role, header.algorithm(entry.kind))
    }
    if end == size, header.inlineBytes > 0 {
      let at = indexEnd(role)
      guard at & superblock.blockMask &+ FileOffset(header.inlineBytes) <= superblock.blockMask &+ 1 else {
        throw fail(.inlineCrossesBlock, role)
      }
      if extent.isInterlaced { extent.form = .plain }
      extent.put(in: self[role].stream == .device ? .metadata : .metabox, at)
      extent.storedLength = FileOffset(header.inlineBytes)
      return
    }
    let blocks = try storedBlocks(role, head, entry, &next)
    if blocks == 0 {
      extent.form = .plain
      extent.isPartial = false
      return
    }
    extent.put(in: .device, try address(ofBlock: UInt64(entry.block), role))
    extent.storedLength = FileOffset(blocks) &<< FileOffset(truncatingIfNeeded: superblock.blockShift)
  }

  /// Blocks that the pcluster of a head takes; 0 for a hole.
  @inline(__always)
  private mutating func storedBlocks(
    _ role: Role, _ head: FileOffset, _ entry: LclusterEntry, _ next: inout LclusterEntry
  ) throws(Fault) -> UInt32 {
    if entry.isHole { return 0 }
    let flag: MapAdvice = entry.kind == .head1 ? .bigPcluster1 : .bigPcluster2
    guard MapHeader(self[role].header).advise.contains(flag), head &+ 1 < lclusterCount(role) else { return 1 }
    try loadEntry(role, head &+ 1, &next)
    if next.isHead { return 1 }
    guard next.block > 0 else { throw fail(.clusterCount, role) }
    return next.block &- 1
  }

  /// The form of extents of the algorithm with that id, which the superblock must have announced.
  mutating func form(_ role: Role, _ id: UInt8) throws(Fault) -> Extent.Form {
    guard superblock.compression.algorithms & (1 &<< UInt16(id)) != 0 else {
      let fault = fail(.unannouncedAlgorithm, role)
      if id >= 4 {
        failure.kind = .algorithm
        failure.detail = id
      }
      throw fault
    }
    return .compressed(id)
  }
}
