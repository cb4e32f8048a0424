// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

extension Volume {
  /// Reads and checks an inode.
  @specialized(where Source == MappedStorage)
  public mutating func inode(_ nid: UInt64) throws(EROFSError) -> Inode {
    do throws(Fault) { try readInode(nid, .file) } catch { throw failure.error }
    return self[.file]
  }

  /// The inode that was opened last.
  package mutating func currentInode() -> Inode { self[.file] }

  /// The packed inode, for those who look at it by itself; nil where the image has none.
  @specialized(where Source == MappedStorage)
  public mutating func packedInode() throws(EROFSError) -> Inode? {
    if superblock.packedNID == 0 { return nil }
    do throws(Fault) { try requirePackedInode() } catch { throw failure.error }
    return self[.packed]
  }

  /// Makes an inode that was read before the one that the role `file` is about.
  @inline(never)
  package mutating func makeCurrent(_ inode: Inode) { inodes[0].inode = inode }

  /// Opens the metabox inode, unless it is open.
  @inline(never)
  mutating func requireMetaboxInode() throws(Fault) {
    guard Role.count > 1 else { throw fail(.noMetabox, .device, FileOffset(Superblock.offset)) }
    if self[.metabox].nid != 0 { return }
    guard let nid = superblock.metaboxNID else { throw fail(.noMetabox, .device, FileOffset(Superblock.offset)) }
    try readRegularInode(nid, .metabox, .noMetabox)
  }

  /// Opens the packed inode, unless it is open.
  @inline(never)
  mutating func requirePackedInode() throws(Fault) {
    guard Role.count > 1 else { throw fail(.noPackedInode, .device, FileOffset(Superblock.offset)) }
    if self[.packed].nid != 0 { return }
    let nid = superblock.packedNID
    guard nid != 0 else { throw fail(.noPackedInode, .device, FileOffset(Superblock.offset)) }
    try readRegularInode(nid, .packed, .noPackedInode)
  }

  /// Opens an inode that others depend on; it must be a regular file without fragments of its own (but the metabox may
  /// have some).
  private mutating func readRegularInode(_ nid: UInt64, _ role: Role, _ defect: Defect) throws(Fault) {
    try readInode(nid, role)
    var defect = defect
    if self[role].kind == .regular {
      guard role == .packed, self[role].usesFragments else { return }
      defect = .nestedFragment
    }
    inodes[role.index].inode.nid = 0
    throw fail(defect, role)
  }

  /// Reads an inode into its role. NID 0 stays in the role where that fails.
  @inline(never)
  mutating func readInode(_ nid: UInt64, _ role: Role) throws(Fault) {
    // A volume that has not been opened is as one without a superblock.
    guard superblock.blockShift > 0 else { throw fail(.magic, .device, FileOffset(Superblock.offset)) }
    if nid & Superblock.metaboxBit != 0, !superblock.hasMetabox {
      failure.set(.corrupt, Defect.noMetabox.rawValue, MetadataStream.metabox.device, 0)
      throw Fault()
    }
    let stream: MetadataStream = Role.count == 1 || nid & Superblock.metaboxBit == 0 ? .device : .metabox
    let number = FileOffset(truncatingIfNeeded: nid & ~Superblock.metaboxBit)
    // A NID is a number of 32-byte slots.
    guard UInt64(number) == nid & ~Superblock.metaboxBit, number <= FileOffset.limit &>> InodeSlot.shift else {
      throw fail(.addressOverflow, stream, number)
    }
    var offset = number &<< InodeSlot.shift
    if stream == .device { offset &+= try address(ofBlock: UInt64(superblock.metadataBlock), role) }
    let at = role.index
    inodes[at].inode.nid = 0
    inodes[at].inode.offset = offset
    inodes[at].inode.stream = stream
    var words = InodeWords()
    let isExtended = InodeFormat(raw: try load(stream, offset, ExtendedInodeRecord.self, .format)).isExtended
    try unsafe withUnsafeMutableBytes(of: &words) { (buffer) throws(Fault) in
      let all = unsafe MutablePageVector(unsafeContiguous: buffer)
      try copy(stream, offset, into: all.prefix(isExtended ? InodeWords.extendedBytes : InodeWords.compactBytes))
      // As bytes: a copy of a structure is taken apart into its words.
      unsafe withUnsafeMutableBytes(of: &inodes[unchecked: at].inode.words) {
        unsafe $0.copyMemory(from: UnsafeRawBufferPointer(buffer))
      }
    }
    words.swapToHost()
    guard words.format.reserved == 0 else { throw fail(.inodeFormat, role) }
    guard let layout = DataLayout(rawValue: words.format.layout), layout != .chunked || Self.knowsChunks
    else { throw fail(.dataLayout, role) }
    guard let kind = InodeKind(mode: words[.mode]) else { throw fail(.fileType, role) }
    guard words[.xattrCount] != 1 else { throw fail(.xattrSize, role) }
    unsafe Inode.take(&inodes[unchecked: at].inode, kind, layout, &superblock)
    guard self[role].words[.size] <= UInt64(FileOffset.limit) else { throw failSize(.size, role) }
    if self[role].size > 0, kind == .regular || kind == .directory || kind == .symbolicLink {
      var end = offset &+ Inode.recordBytes(isExtended: isExtended)
      end &+= FileOffset(truncatingIfNeeded: XattrHeaderRecord.areaBytes(count: words[.xattrCount]))
      try findMap(role, end)
    }
    unsafe inodes[unchecked: at].inode.nid = nid
  }

  /// Reads the map header after an inode that ends at `end`, and checks all that can be checked of where its data is before
  /// it is read.
  private mutating func findMap(_ role: Role, _ end: FileOffset) throws(Fault) {
    var table = end
    var shift = superblock.blockShift
    switch self[role].layout {
    case .flatPlain:
      _ = try flatAddress(role)
    case .flatInline:
      // The tail starts right after the inode, and block and all must end before the block does.
      let blockMask = superblock.blockMask
      let tail = (self[role].size &- 1) & blockMask
      guard (end & blockMask) &+ tail <= blockMask else { throw fail(.inlineCrossesBlock, role) }
      if self[role].size > tail &+ 1 { _ = try flatAddress(role) }
    case .chunked:
      if !Self.knowsChunks { break }
      let format = self[role].words.chunkFormat
      guard format.reserved == 0, !format.isWide || format.hasIndexes else { throw fail(.chunkFormat, role) }
      table = end.aligned(to: format.recordBytes)
      shift &+= Int(truncatingIfNeeded: format.shift)
    case .compressedFull, .compressedCompact:
      table = end.aligned(to: FileOffset(truncatingIfNeeded: MapHeaderRecord.alignment))
      let header = MapHeader(try load64(self[role].stream, table))
      unsafe inodes[unchecked: role.index].inode.header = header.raw
      guard isPossible(role, header) else { throw fail(.mapHeader, self[role].stream, table) }
      table &+= FileOffset(truncatingIfNeeded: MapHeaderRecord.byteCount)
      if self[role].hasEncodedExtents {
        table = table.aligned(to: header.recordBytes)
      } else if self[role].layout == .compressedFull {
        table &+= FileOffset(truncatingIfNeeded: MapHeaderRecord.fullIndexGap)
      }
      shift &+= Int(truncatingIfNeeded: header.clusterBits)
    }
    unsafe inodes[unchecked: role.index].inode.table = table
    unsafe inodes[unchecked: role.index].inode.shift = .init(truncatingIfNeeded: shift)
  }

  /// Whether a map header holds possible values; the order of the checks is the format's
  /// (Format.md, section 10.1).
  @inline(__always)
  private mutating func isPossible(_ role: Role, _ header: MapHeader) -> Bool {
    if header.needsMore(self[role].layout) { return false }
    if self[role].isFragment { return true }
    if self[role].hasEncodedExtents { return header.recordBytes >= 16 || header.reserved == 0 }
    if self[role].layout == .compressedCompact {
      let big = header.advise.intersection([.bigPcluster1, .bigPcluster2])
      guard header.clusterBits == 0, superblock.blockShift <= 14, big == [] || big == [.bigPcluster1, .bigPcluster2],
        superblock.blockShift <= 12 || !header.advise.contains(.compact2B)
      else { return false }
    }
    return header.reserved == 0 && FileOffset(header.inlineBytes) <= superblock.blockMask
      && !(header.inlineBytes > 0 && header.advise.contains(.fragmentPcluster))
  }

  /// Where a flat file's blocks start; nil where they are a hole.
  @inline(never)
  mutating func flatAddress(_ role: Role) throws(Fault) -> FileOffset? {
    let words = self[role].words
    let high = words[.high]
    if words[.union] == HoleBlock.low, high == HoleBlock.high || !words.hasHigh { return nil }
    return try address(ofBlock: UInt64(words.hasHigh ? high : 0) &<< 32 | UInt64(words[.union]), role)
  }

  /// The byte address of a block.
  @inline(__always)
  mutating func address(ofBlock block: UInt64, _ role: Role) throws(Fault) -> FileOffset {
    try addressOrNil(block, role).orFault()
  }

  /// The same; nil for a fault.
  @inline(never)
  private mutating func addressOrNil(_ block: UInt64, _ role: Role) -> FileOffset? {
    let shift = superblock.blockShift
    let low = FileOffset(truncatingIfNeeded: block)
    guard UInt64(low) == block, low.leadingZeroBitCount > shift else {
      _ = failSize(.addressOverflow, role)
      return nil
    }
    return low &<< FileOffset(truncatingIfNeeded: shift)
  }
}
