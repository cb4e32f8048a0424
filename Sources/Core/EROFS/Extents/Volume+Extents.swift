// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

extension Volume {
  /// The extent that holds byte `offset` of a file; nil at its end and after it.
  ///
  /// Walking a file's extents means asking for the one at 0, then at each extent's ``Extent/end``.
  @specialized(where Source == MappedStorage)
  public mutating func extent(of inode: Inode, at offset: FileOffset) throws(EROFSError) -> Extent? {
    makeCurrent(inode)
    guard offset < inode.size, inode.hasData else { return nil }
    var extent = Extent()
    do throws(Fault) { try findExtent(.file, offset, &extent) } catch { throw failure.error }
    return extent
  }

  /// Finds the extent that holds byte `offset` (below the size) of an open file.
  @inline(never)
  mutating func findExtent(_ role: Role, _ offset: FileOffset, _ extent: inout Extent) throws(Fault) {
    let size = self[role].size
    extent.cover(0, size)
    switch self[role].layout {
    case .flatPlain, .flatInline:
      var head = size
      if self[role].layout == .flatInline { head = (size &- 1) & ~superblock.blockMask }
      if offset >= head {
        extent.cover(head, size &- head)
        extent.put(in: self[role].stream == .device ? .metadata : .metabox, self[role].table)
        return
      }
      extent.cover(0, head)
      if let address = try flatAddress(role) { extent.put(in: .device, address) }
    case .chunked:
      // No inode of that kind is opened where they are not known.
      if Self.knowsChunks { try findChunk(role, offset, &extent) }
    case .compressedFull, .compressedCompact:
      if self[role].isFragment {
        return try placeFragment(role, MapHeader(self[role].header).wholeFragmentOffset, &extent)
      }
      if self[role].hasEncodedExtents {
        try findEncoded(role, offset, &extent)
      } else {
        try findPcluster(role, offset, &extent)
      }
      try checkExtent(role, offset, &extent)
    }
  }

  static var knowsChunks: Bool {
    @inline(__always) get { IncompatibleFeatures.known.contains(.chunkedFiles) }
  }

  /// The rules for extents of compressed inodes that are the same for each form of index.
  private mutating func checkExtent(_ role: Role, _ offset: FileOffset, _ extent: inout Extent) throws(Fault) {
    guard extent.start <= offset, extent.length > 0, extent.length <= self[role].size &- extent.start,
      offset &- extent.start < extent.length
    else { throw fail(.extentLength, role) }
    if extent.space == .hole || extent.isPacked { return }
    guard extent.storedLength > 0, extent.storedLength <= FileOffset(Superblock.maximumStoredBytes),
      extent.form.isCompressed || extent.length <= extent.storedLength
    else { throw fail(.storedLength, role) }
    guard extent.length <= FileOffset(Superblock.maximumDecodedBytes) else { throw fail(.extentLength, role) }
  }

  /// Puts an extent into the packed inode, at an offset that is checked.
  @inline(never)
  mutating func placeFragment(_ role: Role, _ offset: UInt64, _ extent: inout Extent) throws(Fault) {
    guard role != .packed, self[role].nid != superblock.packedNID else { throw fail(.nestedFragment, role) }
    try requirePackedInode()
    let size = self[.packed].size
    guard offset <= UInt64(size), extent.length <= size &- FileOffset(truncatingIfNeeded: offset) else {
      throw fail(.fragmentOffset, role)
    }
    extent.put(in: .packed, FileOffset(truncatingIfNeeded: offset))
  }

  private mutating func findChunk(_ role: Role, _ offset: FileOffset, _ extent: inout Extent) throws(Fault) {
    let format = self[role].words.chunkFormat
    let shift = FileOffset(self[role].shift)
    // A chunk that is larger than any file is the only one.
    var number: FileOffset = 0
    if shift < FileOffset(FileOffset.bitWidth &- 1) {
      number = offset &>> shift
      extent.limit(to: number, shift: shift)
    }
    guard number < FileOffset.limit &>> 4 else { throw fail(.outsideDevice, role) }
    var at = self[role].table &+ number &* FileOffset(truncatingIfNeeded: ChunkBlockRecord.byteCount)
    var high: UInt32 = 0
    if format.hasIndexes {
      // A record of the longer kind ends in one of the shorter.
      at &+= number &* FileOffset(truncatingIfNeeded: ChunkIndexRecord.byteCount &- ChunkBlockRecord.byteCount)
      let place = ChunkPlace(raw: try load(role, at, ChunkIndexRecord.self, .place))
      at &+= FileOffset(truncatingIfNeeded: Field<ChunkIndexRecord, UInt32>.block.offset)
      // Only as many bits of the device id count as the number of devices needs.
      let devices = UInt32(truncatingIfNeeded: superblock.extraDevices)
      if devices > 0 {
        let mask = UInt32.max &>> UInt32(truncatingIfNeeded: devices.leadingZeroBitCount)
        extent.device = UInt16(truncatingIfNeeded: place.device & mask)
      }
      if format.isWide { high = place.blockHigh }
    }
    let low = try load(role, at, ChunkBlockRecord.self, .block)
    if low == HoleBlock.low, !format.isWide || high == UInt32(HoleBlock.high) { return }
    extent.put(in: .device, try address(ofBlock: UInt64(high) &<< 32 | UInt64(low), role))
  }

  // MARK: Devices

  /// Finds the device and the offset on it that an address means, and checks that `length` bytes are there.
  @inline(never)
  mutating func locate(
    _ device: UInt16, _ address: FileOffset, _ length: FileOffset
  ) throws(Fault) -> DevicePlace {
    var found = DevicePlace(Int(device), address)
    if superblock.extraDevices > 0 {
      if found.device > superblock.extraDevices {
        failure.set(.corrupt, Defect.deviceTable.rawValue, Int32(device), address)
        throw Fault()
      }
      found = try resolve(found)
    }
    let count = deviceBytes(found.device)
    guard length <= count, found.offset <= count &- length else {
      let isMissing = count == 0 && found.device > 0
      failure.set(
        isMissing ? .device : .corrupt, Defect.outsideDevice.rawValue, Int32(truncatingIfNeeded: found.device),
        isMissing ? 0 : found.offset)
      throw Fault()
    }
    return found
  }

  /// Throws `unsupported(.device(number))` if bytes of an extra device are neither on a device of the storage nor in the
  /// primary one.
  package mutating func checkDevices() throws(EROFSError) {
    do throws(Fault) { try findDevices() } catch { throw failure.error }
  }

  /// One pass over the table: an image may have 65,535 devices.
  private mutating func findDevices() throws(Fault) {
    let isFlat = deviceBytes(1) == 0
    var slot = FileOffset(truncatingIfNeeded: superblock.deviceTableOffset)
    var device = 0
    while device < superblock.extraDevices {
      device &+= 1
      var found = DevicePlace(device, 0)
      if isFlat {
        var first = UInt64(try load(.device, slot, DeviceSlotRecord.self, .unifiedBlock))
        if superblock.incompatible.contains(.wide48Bit) {
          let high = DeviceSlotHigh(raw: try load(.device, slot, DeviceSlotRecord.self, .high))
          first |= UInt64(high.unifiedBlock) &<< 32
        }
        found = flat(found, from: first)
        slot &+= FileOffset(truncatingIfNeeded: DeviceSlotRecord.byteCount)
      }
      if deviceBytes(found.device) == 0 {
        failure.set(.device, Defect.outsideDevice.rawValue, Int32(truncatingIfNeeded: device), 0)
        throw Fault()
      }
    }
  }

  /// Extra devices may be mapped into the address space of the primary one; their slots say where (Format.md, section 14).
  /// If the storage has none of them, they follow the image in the primary one, at those addresses.
  private mutating func resolve(_ wanted: DevicePlace) throws(Fault) -> DevicePlace {
    if deviceBytes(1) == 0 ? wanted.device == 0 && wanted.offset < deviceBytes(0) : wanted.device > 0 { return wanted }
    var slot = FileOffset(truncatingIfNeeded: superblock.deviceTableOffset)
    var device = 0
    while device < superblock.extraDevices {
      device &+= 1
      var blocks = UInt64(try load(.device, slot, DeviceSlotRecord.self, .blocks))
      var first = UInt64(try load(.device, slot, DeviceSlotRecord.self, .unifiedBlock))
      if superblock.incompatible.contains(.wide48Bit) {
        let high = DeviceSlotHigh(raw: try load(.device, slot, DeviceSlotRecord.self, .high))
        blocks |= UInt64(high.blocks) &<< 32
        first |= UInt64(high.unifiedBlock) &<< 32
      }
      if wanted.device == device { return flat(wanted, from: first) }
      let block = UInt64(wanted.offset &>> FileOffset(truncatingIfNeeded: superblock.blockShift))
      if wanted.device == 0, first != 0, block >= first, block &- first < blocks {
        let start = FileOffset(truncatingIfNeeded: first) &<< FileOffset(truncatingIfNeeded: superblock.blockShift)
        return DevicePlace(device, wanted.offset &- start)
      }
      slot &+= FileOffset(truncatingIfNeeded: DeviceSlotRecord.byteCount)
    }
    return wanted
  }

  /// The place on the primary device of one on an extra device that is mapped from a block on; as it was if that is 0.
  @inline(never)
  private mutating func flat(_ wanted: DevicePlace, from first: UInt64) -> DevicePlace {
    let end = deviceBytes(0)
    let shift = FileOffset(truncatingIfNeeded: superblock.blockShift)
    let start = FileOffset(truncatingIfNeeded: first) &<< shift
    guard first != 0, UInt64(start &>> shift) == first, start < end, wanted.offset < end &- start else { return wanted }
    return DevicePlace(0, start &+ wanted.offset)
  }
}

/// A byte offset on a device.
struct DevicePlace {
  #if EROFS_BASIC_IMAGES
    var device: Int { 0 }
  #else
    let device: Int
  #endif
  let offset: FileOffset

  @inline(__always)
  init(_ device: Int, _ offset: FileOffset) {
    #if !EROFS_BASIC_IMAGES
      self.device = device
    #endif
    self.offset = offset
  }
}

extension Extent {
  /// Cuts it to its piece `number` of `1 << shift` bytes.
  @inline(never)
  mutating func limit(to number: FileOffset, shift: FileOffset) {
    let first = number &<< shift
    cover(first, min(1 &<< shift, length &- first))
  }
}
