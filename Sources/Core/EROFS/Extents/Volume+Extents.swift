// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

extension Volume {
  /// The extent that holds byte `offset` of a file; nil at its end and behind it.
  ///
  /// Walking a file's extents means asking for the one at 0, then at each extent's ``Extent/end``.
  @specialized(where Source == MappedStorage)
  public mutating func extent(of inode: Inode, at offset: UInt64) throws(EROFSError) -> Extent? {
    guard offset < inode.size else { return nil }
    switch inode.data {
    case .empty:
      return nil
    case .flat(let address):
      return Extent(start: 0, length: inode.size, place: address.map { .device(0, address: $0) } ?? .hole)
    case .inline(let address, let tailOffset):
      let head = (inode.size - 1) & ~UInt64(superblock.blockSize - 1)
      if offset < head {
        return Extent(start: 0, length: head, place: address.map { .device(0, address: $0) } ?? .hole)
      }
      return Extent(start: head, length: inode.size - head, place: .metadata(inode.stream, offset: tailOffset))
    case .fragment(let place):
      return Extent(start: 0, length: inode.size, place: try packedPlace(inode, place, length: inode.size))
    case .chunked(let table):
      return try chunk(of: inode, table, at: offset)
    case .indexed(let index):
      let extent = try pcluster(of: inode, index, at: offset)
      return try checked(extent, of: inode, at: offset)
    case .encoded(let table):
      let extent = try encodedExtent(of: inode, table, at: offset)
      return try checked(extent, of: inode, at: offset)
    }
  }

  /// What holds for the extents of compressed inodes, whatever index they come from.
  private func checked(_ extent: Extent, of inode: Inode, at offset: UInt64) throws(EROFSError) -> Extent {
    guard extent.start <= offset, extent.length > 0, extent.length <= inode.size - extent.start,
      offset - extent.start < extent.length
    else { throw .corrupt(.extentOrder, at: inode.position) }
    guard case .device = extent.place else {
      if case .metadata = extent.place {} else { return extent }
      return try checkedLengths(extent, of: inode)
    }
    return try checkedLengths(extent, of: inode)
  }

  private func checkedLengths(_ extent: Extent, of inode: Inode) throws(EROFSError) -> Extent {
    guard extent.storedLength > 0, extent.storedLength <= UInt64(Superblock.maximumStoredBytes) else {
      throw .corrupt(.storedLength, at: inode.position)
    }
    guard extent.length <= UInt64(Superblock.maximumDecodedBytes) else {
      throw .corrupt(.extentLength, at: inode.position)
    }
    if case .compressed = extent.encoding { return extent }
    guard extent.length <= extent.storedLength else { throw .corrupt(.storedLength, at: inode.position) }
    return extent
  }

  /// A place in the packed inode, checked to hold `length` bytes.
  mutating func packedPlace(
    _ inode: Inode, _ offset: UInt64, length: UInt64
  ) throws(EROFSError) -> Extent.Place {
    guard inode.nid != superblock.packedNID else { throw .corrupt(.nestedFragment, at: inode.position) }
    let packed = try openPacked()
    guard offset <= packed.size, length <= packed.size - offset else {
      throw .corrupt(.fragmentOffset, at: inode.position)
    }
    return .packed(offset: offset)
  }

  private mutating func chunk(of inode: Inode, _ table: ChunkTable, at offset: UInt64) throws(EROFSError) -> Extent {
    let number = offset &>> UInt64(table.chunkShift)
    let start = number &<< UInt64(table.chunkShift)
    let length = min(UInt64(1) &<< UInt64(table.chunkShift), inode.size - start)
    let entry = table.offset &+ number &* (table.hasIndexes ? 8 : 4)
    guard number < 1 &<< 48 else { throw outside(inode.stream, entry) }
    guard table.hasIndexes else {
      let block: UInt32 = try load(inode.stream, entry)
      if block == 0xFFFF_FFFF { return Extent(start: start, length: length, place: .hole) }
      return Extent(
        start: start, length: length, place: .device(0, address: UInt64(block) &<< UInt64(superblock.blockShift)))
    }
    let value: UInt64 = try load(inode.stream, entry)
    var block = value &>> 32
    var hole: UInt64 = 0xFFFF_FFFF
    if table.isWide {
      block |= (value & 0xFFFF) &<< 32
      hole = 0xFFFF_FFFF_FFFF
    }
    if block == hole { return Extent(start: start, length: length, place: .hole) }
    // Only as many bits of the device id count as the number of devices needs.
    let mask = 1 &<< (Int.bitWidth - superblock.extraDevices.leadingZeroBitCount) - 1
    let device = Int(truncatingIfNeeded: (value &>> 16) & 0xFFFF) & mask
    return Extent(
      start: start, length: length, place: .device(device, address: block &<< UInt64(superblock.blockShift)))
  }

  /// Finds the device and the offset on it that an address means, and checks that `length` bytes lie there.
  func locate(_ device: Int, _ address: UInt64, length: UInt64) throws(EROFSError) -> (device: Int, offset: UInt64) {
    var found = (device: device, offset: address)
    if device == 0, superblock.extraDevices > 0 {
      found = try resolveUnified(address)
    } else if device > superblock.extraDevices {
      throw .corrupt(.deviceTable, at: .device(device, offset: address))
    }
    let count = storage.byteCount(ofDevice: found.device)
    if count == 0, found.device > 0 { throw .unsupported(.device(found.device), at: .device(found.device, offset: 0)) }
    guard length <= count, found.offset <= count - length else {
      throw .corrupt(.outsideDevice, at: .device(found.device, offset: found.offset))
    }
    return found
  }

  /// Extra devices may be mapped into the address space of the primary one; their slots say where (format, section 14).
  private func resolveUnified(_ address: UInt64) throws(EROFSError) -> (device: Int, offset: UInt64) {
    for device in 1...superblock.extraDevices {
      let slot = superblock.deviceTableOffset + 128 * UInt64(device - 1)
      var blocks = UInt64(try storage.load(at: slot + 0x40, as: UInt32.self))
      var first = UInt64(try storage.load(at: slot + 0x44, as: UInt32.self))
      if superblock.incompatible.contains(.wide48Bit) {
        blocks |= UInt64(try storage.load(at: slot + 0x48, as: UInt16.self)) &<< 32
        first |= UInt64(try storage.load(at: slot + 0x4A, as: UInt16.self)) &<< 32
      }
      let start = first &<< UInt64(superblock.blockShift)
      let length = blocks &<< UInt64(superblock.blockShift)
      if first != 0, address >= start, address - start < length { return (device, address - start) }
    }
    return (0, address)
  }
}
