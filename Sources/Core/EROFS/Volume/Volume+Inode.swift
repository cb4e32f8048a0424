// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

extension Volume {
  /// Reads and checks an inode.
  @specialized(where Source == MappedStorage)
  public mutating func inode(_ nid: UInt64) throws(EROFSError) -> Inode {
    let stream: MetadataStream = nid & Superblock.metaboxBit == 0 ? .device : .metabox
    if stream == .metabox, superblock.metaboxNID == nil {
      throw .corrupt(.noMetabox, at: .metabox(offset: (nid &<< 1) &<< 4))
    }
    let number = nid & ~Superblock.metaboxBit
    let base = stream == .device ? UInt64(superblock.metadataBlock) &<< UInt64(superblock.blockShift) : 0
    // A NID is a number of 32-byte slots: one that reaches 2^58 is outside anything.
    guard number < 1 &<< 58 else { throw .corrupt(.addressOverflow, at: stream.position(number)) }
    return try parse(nid, stream, at: base + number * 32)
  }

  private mutating func parse(
    _ nid: UInt64, _ stream: MetadataStream, at offset: UInt64
  ) throws(EROFSError) -> Inode {
    let position = stream.position(offset)
    let format: UInt16 = try load(stream, offset)
    guard format &>> 5 == 0 else { throw .corrupt(.inodeFormat, at: position) }
    guard let layout = DataLayout(rawValue: UInt8((format &>> 1) & 7)) else {
      throw .corrupt(.dataLayout, at: position)
    }
    let isExtended = format & 1 != 0
    let flag = format & 0x10 != 0
    let mode: UInt16 = try load(stream, offset + 4)
    guard let kind = InodeKind(mode: mode) else { throw .corrupt(.fileType, at: stream.position(offset + 4)) }

    let xattrCount = Int(try load(stream, offset + 2, as: UInt16.self))
    guard xattrCount != 1 else { throw .corrupt(.xattrSize, at: stream.position(offset + 2)) }
    let xattrBytes = xattrCount == 0 ? 0 : 12 + 4 * (xattrCount - 1)

    let nb: UInt16 = try load(stream, offset + 6)
    let union: UInt32 = try load(stream, offset + 0x10)
    let serial: UInt32 = try load(stream, offset + 0x14)
    let size: UInt64
    let time: (seconds: Int64, nanoseconds: UInt32)
    let user: UInt32
    let group: UInt32
    let links: UInt32
    let isWide: Bool
    if isExtended {
      size = try load(stream, offset + 8)
      user = try load(stream, offset + 0x18)
      group = try load(stream, offset + 0x1C)
      time = (
        Int64(bitPattern: try load(stream, offset + 0x20)), try load(stream, offset + 0x28)
      )
      links = try load(stream, offset + 0x2C)
      isWide = true
    } else {
      size = UInt64(try load(stream, offset + 8, as: UInt32.self))
      user = UInt32(try load(stream, offset + 0x18, as: UInt16.self))
      group = UInt32(try load(stream, offset + 0x1A, as: UInt16.self))
      let delta: UInt32 = try load(stream, offset + 0x0C)
      time = (superblock.epoch &+ Int64(delta), superblock.fixedNanoseconds)
      isWide = flag && kind != .directory
      links = isWide ? 1 : UInt32(nb)
    }
    guard size <= UInt64(Int64.max) else { throw .corrupt(.size, at: stream.position(offset + 8)) }

    let end = offset + (isExtended ? 64 : 32) + UInt64(xattrBytes)
    let place = InodePlace(stream: stream, end: end, size: size, union: union, high: isWide ? nb : nil)
    var device: DeviceNumber?
    var data = DataMap.empty
    switch kind {
    case .characterDevice, .blockDevice: device = DeviceNumber(stored: union)
    case .fifo, .socket: break
    case .regular, .directory, .symbolicLink:
      if size > 0 { data = try dataMap(layout, place) }
    }
    return Inode(
      nid: nid, kind: kind, permissions: mode & 0o7777, userID: user, groupID: group, linkCount: links, size: size,
      modificationTime: time, serialNumber: serial, layout: layout, isExtended: isExtended,
      omitsDot: flag && kind == .directory, deviceNumber: device, data: data, stream: stream, offset: offset,
      xattrBytes: xattrBytes)
  }

  private mutating func dataMap(_ layout: DataLayout, _ inode: InodePlace) throws(EROFSError) -> DataMap {
    switch layout {
    case .flatPlain:
      return .flat(address: try inode.address(superblock))
    case .flatInline:
      // The tail starts right behind the inode, and block and all must end before the block does.
      let blockMask = UInt64(superblock.blockSize - 1)
      let tail = ((inode.size - 1) & blockMask) + 1
      guard (inode.end & blockMask) + tail <= blockMask + 1 else {
        throw .corrupt(.inlineCrossesBlock, at: inode.stream.position(inode.end))
      }
      let address = inode.size > tail ? try inode.address(superblock) : nil
      return .inline(address: address, tailOffset: inode.end)
    case .chunked:
      let format = UInt16(truncatingIfNeeded: inode.union)
      let table = ChunkTable(
        chunkShift: superblock.blockShift + Int(format & 0x1F), hasIndexes: format & 0x20 != 0,
        isWide: format & 0x40 != 0, offset: inode.aligned(to: format & 0x20 != 0 ? 8 : 4))
      guard format &>> 7 == 0, table.hasIndexes || !table.isWide else {
        throw .corrupt(.chunkFormat, at: inode.stream.position(inode.end))
      }
      return .chunked(table)
    case .compressedFull, .compressedCompact:
      return try compressedMap(layout, inode)
    }
  }

  /// Reads the map header; the order of the tests is the format's (section 10.1).
  private mutating func compressedMap(_ layout: DataLayout, _ inode: InodePlace) throws(EROFSError) -> DataMap {
    let header = inode.aligned(to: 8)
    let value: UInt64 = try load(inode.stream, header)
    let position = inode.stream.position(header)
    if value &>> 63 != 0 { return .fragment(offset: value & ~(1 &<< 63)) }

    let advise = MapAdvice(rawValue: UInt16(truncatingIfNeeded: value &>> 32))
    let clusterBits = Int(truncatingIfNeeded: (value &>> 56) & 0x0F)
    if layout == .compressedFull, advise.contains(.extents) {
      let recordBytes = 4 &<< (Int(advise.rawValue &>> 1) & 3)
      let low = value & 0xFFFF_FFFF
      // The table follows the header's 8 bytes, aligned to its records.
      let table = (header + 8 + UInt64(recordBytes) - 1) & ~UInt64(recordBytes - 1)
      if recordBytes >= 16 {
        return .encoded(
          ExtentTable(
            offset: table, count: low | ((value &>> 48) &<< 32), recordBytes: recordBytes, lengthShift: 0,
            advise: advise, firstAddress: 0))
      }
      let shift = superblock.blockShift + clusterBits
      guard (value &>> 60) & 7 == 0 else { throw .corrupt(.mapHeader, at: position) }
      let count = (inode.size - 1) &>> UInt64(shift) + 1
      if recordBytes == 8 {
        return .encoded(
          ExtentTable(
            offset: table, count: count, recordBytes: 8, lengthShift: shift, advise: advise, firstAddress: 0))
      }
      // One 64-bit address in front of the records; the alignment of the table to 4 does not move it off 8.
      let first: UInt64 = try load(inode.stream, header + 8)
      return .encoded(
        ExtentTable(
          offset: header + 16, count: count, recordBytes: 4, lengthShift: shift, advise: advise, firstAddress: first))
    }

    guard (value &>> 60) & 7 == 0 else { throw .corrupt(.mapHeader, at: position) }
    let shift = superblock.blockShift + clusterBits
    let isCompact = layout == .compressedCompact
    if isCompact {
      let big = advise.intersection([.bigPcluster1, .bigPcluster2])
      guard clusterBits == 0, shift <= 14, big.isEmpty || big == [.bigPcluster1, .bigPcluster2],
        shift <= 12 || !advise.contains(.compact2B)
      else { throw .corrupt(.mapHeader, at: position) }
    }
    let inlineBytes = advise.contains(.inlinePcluster) ? Int(truncatingIfNeeded: (value &>> 16) & 0xFFFF) : 0
    let hasFragment = advise.contains(.fragmentPcluster)
    guard inlineBytes < superblock.blockSize, !(inlineBytes > 0 && hasFragment) else {
      throw .corrupt(.mapHeader, at: position)
    }
    return .indexed(
      LclusterIndex(
        offset: header + (isCompact ? 8 : 16), count: (inode.size - 1) &>> UInt64(shift) + 1, lclusterShift: shift,
        isCompact: isCompact, advise: advise,
        algorithms: (UInt8((value &>> 48) & 0x0F), UInt8((value &>> 52) & 0x0F)), inlineBytes: inlineBytes,
        fragmentOffset: hasFragment ? UInt32(truncatingIfNeeded: value) : 0))
  }
}

/// What the maps of an inode's data start from.
private struct InodePlace {
  let stream: MetadataStream
  /// Where the inode and its xattrs end.
  let end: UInt64
  let size: UInt64
  let union: UInt32
  /// The high bits of its address, where it has them.
  let high: UInt16?

  func aligned(to alignment: UInt64) -> UInt64 { (end + alignment - 1) & ~(alignment - 1) }

  /// The address in `union`, in bytes; nil for the NULL address.
  func address(_ superblock: Superblock) throws(EROFSError) -> UInt64? {
    var block = UInt64(union)
    if let high {
      block |= UInt64(high) &<< 32
      if block == 0xFFFF_FFFF_FFFF { return nil }
    } else if union == 0xFFFF_FFFF {
      return nil
    }
    let address = block &<< UInt64(superblock.blockShift)
    guard address &+ size >= size else { throw .corrupt(.addressOverflow, at: stream.position(end)) }
    return address
  }
}
