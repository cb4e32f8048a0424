// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Where a walk along records of 4 bytes has got to: they hold lengths only, so an address is the sum of all before it.
struct ExtentTableHint {
  var nid: UInt64 = .max
  var number: UInt64 = 0
  var address: UInt64 = 0
}

extension Volume {
  /// The extent around byte `offset` (below the size) of a file with encoded extents (format, section 12).
  mutating func encodedExtent(
    of inode: Inode, _ table: ExtentTable, at offset: UInt64
  ) throws(EROFSError) -> Extent {
    table.recordBytes <= 8
      ? try fixedExtent(of: inode, table, at: offset) : try variableExtent(of: inode, table, at: offset)
  }

  private mutating func fixedExtent(
    of inode: Inode, _ table: ExtentTable, at offset: UInt64
  ) throws(EROFSError) -> Extent {
    let number = offset &>> UInt64(table.lengthShift)
    let start = number &<< UInt64(table.lengthShift)
    let length = min(UInt64(1) &<< UInt64(table.lengthShift), inode.size - start)
    let isLast = number + 1 == table.count
    guard table.recordBytes == 4 else {
      let value: UInt64 = try load(inode.stream, record(number, table, inode))
      return try extent(
        of: inode, table, start: start, length: length, stored: UInt32(truncatingIfNeeded: value),
        address: value &>> 32, isLast: isLast)
    }
    var hint = extentTableHint
    if hint.nid != inode.nid || hint.number > number {
      hint = ExtentTableHint(nid: inode.nid, number: 0, address: table.firstAddress)
    }
    while hint.number < number {
      let stored: UInt32 = try load(inode.stream, record(hint.number, table, inode))
      let next = hint.address.addingReportingOverflow(UInt64(stored & Self.lengthMask))
      guard !next.overflow else { throw .corrupt(.addressOverflow, at: inode.position) }
      hint.address = next.partialValue
      hint.number += 1
    }
    extentTableHint = hint
    let stored: UInt32 = try load(inode.stream, record(number, table, inode))
    return try extent(
      of: inode, table, start: start, length: length, stored: stored, address: hint.address, isLast: isLast)
  }

  private mutating func variableExtent(
    of inode: Inode, _ table: ExtentTable, at offset: UInt64
  ) throws(EROFSError) -> Extent {
    // The last record that starts at or before the offset.
    var low: UInt64 = 0
    var high = table.count
    while low < high {
      let middle = low + (high - low) / 2
      if try start(of: middle, table, inode) <= offset { low = middle + 1 } else { high = middle }
    }
    guard low > 0 else {
      let first = table.count == 0 ? inode.size : try start(of: 0, table, inode)
      return Extent(start: 0, length: min(first, inode.size), place: .hole)
    }
    let number = low - 1
    let begin = try start(of: number, table, inode)
    let isLast = low == table.count
    let end = isLast ? inode.size : min(inode.size, try start(of: low, table, inode))
    guard end > begin else { throw .corrupt(.extentOrder, at: inode.position) }
    let at = try record(number, table, inode)
    let stored: UInt32 = try load(inode.stream, at)
    var address = UInt64(try load(inode.stream, at + 4, as: UInt32.self))
    address |= UInt64(try load(inode.stream, at + 8, as: UInt32.self)) &<< 32
    return try extent(
      of: inode, table, start: begin, length: end - begin, stored: stored, address: address, isLast: isLast)
  }

  private func record(_ number: UInt64, _ table: ExtentTable, _ inode: Inode) throws(EROFSError) -> UInt64 {
    guard number < 1 &<< 52 else { throw outside(inode.stream, table.offset) }
    return table.offset + number * UInt64(table.recordBytes)
  }

  private mutating func start(
    of number: UInt64, _ table: ExtentTable, _ inode: Inode
  ) throws(EROFSError) -> UInt64 {
    let at = try record(number, table, inode)
    let low = UInt64(try load(inode.stream, at + 12, as: UInt32.self))
    if table.recordBytes == 16 { return low }
    return low | UInt64(try load(inode.stream, at + 16, as: UInt32.self)) &<< 32
  }

  /// Bits of a record's first word that hold the stored length.
  private static var lengthMask: UInt32 { 0x1F_FFFF }

  private mutating func extent(
    of inode: Inode, _ table: ExtentTable, start: UInt64, length: UInt64, stored: UInt32, address: UInt64, isLast: Bool
  ) throws(EROFSError) -> Extent {
    if isLast, table.advise.contains(.fragmentPcluster) {
      let low = UInt64(stored)
      let high = table.recordBytes > 4 ? (address & 0xFFFF_FFFF) &<< 32 : 0
      return Extent(start: start, length: length, place: try packedPlace(inode, low | high, length: length))
    }
    let bytes = UInt64(stored & Self.lengthMask)
    guard bytes > 0 else { return Extent(start: start, length: length, place: .hole) }
    guard address < 1 &<< 62 else { throw .corrupt(.addressOverflow, at: inode.position) }
    let format = UInt8(stored &>> 28)
    let encoding: Extent.Encoding
    if format == 0 {
      let blockMask = UInt64(superblock.blockSize - 1)
      let isWhole = (address | bytes) & blockMask == 0
      encoding = table.advise.contains(.interlacedPcluster) && isWhole ? .interlaced : .plain
    } else {
      encoding = .compressed(try algorithm(format - 1, inode))
    }
    return Extent(
      start: start, length: length, place: .device(0, address: address), encoding: encoding, storedLength: bytes,
      isPartial: stored & 0x0800_0000 != 0)
  }
}
