// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Where a walk along records of 4 bytes has got to: they hold lengths only, so an address is the sum of all before it.
struct ExtentTableHint {
  /// The inode's key, or 0.
  var key: FileOffset = 0
  var number: FileOffset = 0
  var address: FileOffset = 0
}

extension Volume {
  /// Finds the extent around byte `offset` (below the size) of a file with encoded extents (Format.md, section 12).
  @inline(never)
  mutating func findEncoded(_ role: Role, _ offset: FileOffset, _ extent: inout Extent) throws(Fault) {
    let header = MapHeader(self[role].header)
    let recordMask = header.recordBytes &- 1
    var table = self[role].table
    var number: FileOffset
    var isLast: Bool
    var address: UInt64 = 0
    if recordMask < 15 {
      let shift = FileOffset(self[role].shift)
      number = offset &>> shift
      isLast = number &+ 1 == lclusterCount(role)
      extent.limit(to: number, shift: shift)
      if recordMask == 3 {
        // Records of 4 bytes have an address in front.
        address = try addressBySum(role, table, number)
        table &+= FileOffset(truncatingIfNeeded: EncodedExtentRecord.firstAddressBytes)
      }
    } else {
      let count = header.extentCount
      // The last record that starts at or before the offset.
      var low: FileOffset = 0
      var high = FileOffset(truncatingIfNeeded: min(count, UInt64(FileOffset.limit &>> 6)))
      while low < high {
        let middle = low &+ (high &- low) &>> 1
        if try start(role, table, middle) <= offset { low = middle &+ 1 } else { high = middle }
      }
      // Before the first, nothing is stored.
      var begin: FileOffset = 0
      if low > 0 { begin = try start(role, table, low &- 1) }
      isLast = UInt64(low) == count
      var end = self[role].size
      if !isLast { end = min(end, try start(role, table, low)) }
      guard end > begin else { throw fail(.extentLength, role) }
      extent.cover(begin, end &- begin)
      if low == 0 { return }
      number = low &- 1
    }
    let at = table &+ number &* (recordMask &+ 1)
    guard number < FileOffset.limit &>> 6 else { throw fail(.outsideDevice, role) }
    let stored = EncodedLength(raw: try load(role, at, EncodedExtentRecord.self, .length))
    if recordMask > 3 {
      address = UInt64(try load(role, at, EncodedExtentRecord.self, .addressLow))
      if recordMask > 7 { address |= UInt64(try load(role, at, EncodedExtentRecord.self, .addressHigh)) &<< 32 }
    }
    if isLast, header.advise.contains(.fragmentPcluster) {
      let high = recordMask > 3 ? (address & 0xFFFF_FFFF) &<< 32 : 0
      return try placeFragment(role, high | UInt64(stored.raw), &extent)
    }
    let bytes = FileOffset(stored.bytes)
    if bytes == 0 { return }
    guard address <= UInt64(FileOffset.limit) else { throw failSize(.addressOverflow, role) }
    extent.put(in: .device, FileOffset(truncatingIfNeeded: address))
    extent.storedLength = bytes
    extent.isPartial = stored.isPartial
    let format = UInt8(truncatingIfNeeded: stored.format)
    if format > 0 {
      extent.form = try form(role, format &- 1)
    } else if header.advise.contains(.interlacedPcluster), (extent.address | bytes) & superblock.blockMask == 0 {
      extent.form = .interlaced
    }
  }

  /// The address of extent `number` where records hold lengths only: the first's, and the lengths of those before it.
  ///
  /// Each role has a hint of its own: a file's records may be in the metabox, whose records are walked meanwhile.
  private mutating func addressBySum(_ role: Role, _ table: FileOffset, _ number: FileOffset) throws(Fault) -> UInt64 {
    var hint = unsafe inodes[unchecked: role.index].hint
    if hint.key != self[role].key || hint.number > number {
      let first = try load64(self[role].stream, table)
      guard first <= UInt64(FileOffset.limit) else { throw failSize(.addressOverflow, role) }
      hint = ExtentTableHint(key: self[role].key, number: 0, address: FileOffset(truncatingIfNeeded: first))
    }
    while hint.number < number {
      let at = table &+ FileOffset(truncatingIfNeeded: EncodedExtentRecord.firstAddressBytes) &+ 4 &* hint.number
      hint.address &+= FileOffset(EncodedLength(raw: try load(role, at, EncodedExtentRecord.self, .length)).bytes)
      hint.number &+= 1
      if hint.address > .limit { throw failSize(.addressOverflow, role) }
    }
    unsafe inodes[unchecked: role.index].hint = hint
    return UInt64(hint.address)
  }

  /// Where record `number` of a table starts in the file.
  @inline(never)
  private mutating func start(
    _ role: Role, _ table: FileOffset, _ number: FileOffset
  ) throws(Fault) -> FileOffset {
    let isWide = MapHeader(self[role].header).recordBytes == 32
    let at = table &+ (number &<< (isWide ? 5 : 4))
    let low = FileOffset(try load(role, at, EncodedExtentRecord.self, .startLow))
    if !isWide { return low }
    let high = UInt64(try load(role, at, EncodedExtentRecord.self, .startHigh)) &<< 32
    return FileOffset(clamping: high | UInt64(low))
  }
}
