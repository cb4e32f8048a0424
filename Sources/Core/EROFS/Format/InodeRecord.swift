// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// Inodes on disk (Format.md, section 7), compact and extended, at multiples of 32 bytes. Both start with the same format
// word.

@usableFromInline package enum CompactInodeRecord: Record { @inlinable package static var byteCount: Int { 32 } }
@usableFromInline package enum ExtendedInodeRecord: Record { @inlinable package static var byteCount: Int { 64 } }

/// Where inodes may start: a NID is a number of slots.
@usableFromInline package enum InodeSlot {
  @inlinable package static var shift: FileOffset { 5 }
}

extension Field where Owner == CompactInodeRecord {
  @inlinable package static var format: Field<Owner, UInt16> { .init(at: 0x00) }
  /// 0, or 1 more than the words of 4 bytes after the header of the xattr area.
  @inlinable package static var xattrCount: Field<Owner, UInt16> { .init(at: 0x02) }
  @inlinable package static var mode: Field<Owner, UInt16> { .init(at: 0x04) }
  /// The link count; or bits 32 ... 47 of `union`, with ``InodeFormat/hasHighBits``.
  @inlinable package static var linkCountOrHigh: Field<Owner, UInt16> { .init(at: 0x06) }
  @inlinable package static var size: Field<Owner, UInt32> { .init(at: 0x08) }
  /// Seconds after the superblock's epoch.
  @inlinable package static var modificationTime: Field<Owner, UInt32> { .init(at: 0x0C) }
  /// By layout and kind: start block, blocks of compressed data, ``ChunkFormat``, ``DeviceNumber``.
  @inlinable package static var union: Field<Owner, UInt32> { .init(at: 0x10) }
  @inlinable package static var serialNumber: Field<Owner, UInt32> { .init(at: 0x14) }
  @inlinable package static var userID: Field<Owner, UInt16> { .init(at: 0x18) }
  @inlinable package static var groupID: Field<Owner, UInt16> { .init(at: 0x1A) }
}

extension Field where Owner == ExtendedInodeRecord {
  @inlinable package static var format: Field<Owner, UInt16> { .init(at: 0x00) }
  @inlinable package static var xattrCount: Field<Owner, UInt16> { .init(at: 0x02) }
  @inlinable package static var mode: Field<Owner, UInt16> { .init(at: 0x04) }
  /// Bits 32 ... 47 of `union`.
  @inlinable package static var high: Field<Owner, UInt16> { .init(at: 0x06) }
  @inlinable package static var size: Field<Owner, UInt64> { .init(at: 0x08) }
  @inlinable package static var union: Field<Owner, UInt32> { .init(at: 0x10) }
  @inlinable package static var serialNumber: Field<Owner, UInt32> { .init(at: 0x14) }
  @inlinable package static var userID: Field<Owner, UInt32> { .init(at: 0x18) }
  @inlinable package static var groupID: Field<Owner, UInt32> { .init(at: 0x1C) }
  /// Seconds since 1970.
  @inlinable package static var modificationTime: Field<Owner, Int64> { .init(at: 0x20) }
  @inlinable package static var nanoseconds: Field<Owner, UInt32> { .init(at: 0x28) }
  @inlinable package static var linkCount: Field<Owner, UInt32> { .init(at: 0x2C) }
}

/// i_format.
@usableFromInline package struct InodeFormat: BitField {
  @usableFromInline package var raw: UInt16

  @inlinable @inline(__always)
  package init(raw: UInt16) { self.raw = raw }

  @usableFromInline static var extended: Bits<UInt16> { @inline(__always) get { .init(0) } }
  @usableFromInline static var layoutBits: Bits<UInt16> { @inline(__always) get { .init(1, count: 3) } }
  @usableFromInline static var bit4: Bits<UInt16> { @inline(__always) get { .init(4) } }
  @usableFromInline static var reservedBits: Bits<UInt16> { @inline(__always) get { .init(5, count: 11) } }

  /// It takes 64 bytes instead of 32.
  @inlinable package var isExtended: Bool {
    @inline(__always) get { Self.extended.isSet(raw) }
    set { Self.extended.set(&raw, to: newValue ? 1 : 0) }
  }
  /// The number of a ``DataLayout``, or a value that has none.
  @inlinable package var layout: UInt8 {
    @inline(__always) get { UInt8(truncatingIfNeeded: Self.layoutBits.get(raw)) }
    set { Self.layoutBits.set(&raw, to: UInt16(newValue)) }
  }
  /// Of a directory: it has no `.` among its entries.
  @inlinable package var omitsDot: Bool {
    @inline(__always) get { Self.bit4.isSet(raw) }
    set { Self.bit4.set(&raw, to: newValue ? 1 : 0) }
  }
  /// Of a compact inode that is no directory: high bits of an address are where the link count would be.
  @inlinable package var hasHighBits: Bool {
    @inline(__always) get { Self.bit4.isSet(raw) }
    set { Self.bit4.set(&raw, to: newValue ? 1 : 0) }
  }
  /// Must be 0.
  @inlinable package var reserved: UInt16 {
    @inline(__always) get { Self.reservedBits.get(raw) }
    set { Self.reservedBits.set(&raw, to: newValue) }
  }
}

/// The first 48 bytes of an extended inode, as words in the byte order of the machine, each named after its offset; those of
/// a compact one until they are widened.
struct InodeWords: Equatable, Sendable {
  /// A bit of the format that is 0 on disk: set if `high` is not part of an address.
  private static var noHigh: UInt64 { 0x8000 }

  private(set) var at0: UInt64 = 0, at8: UInt64 = 0, at10: UInt64 = 0
  private(set) var at18: UInt64 = 0, at20: UInt64 = 0, at28: UInt64 = 0

  subscript<Value>(field: Field<ExtendedInodeRecord, Value>) -> Value {
    @inline(__always) get { field.get(word(field.offset &>> 3)) }
  }

  // Whole words: on 32-bit machines the generic form would call a function of the standard library.
  subscript(field: Field<ExtendedInodeRecord, UInt64>) -> UInt64 {
    @inline(__always) get { word(field.offset &>> 3) }
  }

  subscript(field: Field<ExtendedInodeRecord, Int64>) -> Int64 {
    @inline(__always) get { Int64(bitPattern: word(field.offset &>> 3)) }
  }

  subscript<Value>(compact field: Field<CompactInodeRecord, Value>) -> Value {
    @inline(__always) get { field.get(word(field.offset &>> 3)) }
  }

  @inline(__always)
  private func word(_ index: Int) -> UInt64 {
    switch index {
    case 0: at0
    case 1: at8
    case 2: at10
    case 3: at18
    case 4: at20
    default: at28
    }
  }

  /// Bytes that a reader needs of a compact inode and of an extended one.
  static var compactBytes: Int { Field<CompactInodeRecord, UInt16>.groupID.offset &+ 2 }
  static var extendedBytes: Int { MemoryLayout<Self>.size }

  var format: InodeFormat { @inline(__always) get { InodeFormat(raw: self[.format]) } }
  var chunkFormat: ChunkFormat {
    @inline(__always) get { ChunkFormat(raw: UInt16(truncatingIfNeeded: self[.union])) }
  }
  /// Whether an address has high bits; without, it has 32 bits.
  var hasHigh: Bool { at0 & Self.noHigh == 0 }

  /// Turns the words as they are on disk into numbers.
  @inline(__always)
  mutating func swapToHost() {
    at0 = UInt64(littleEndian: at0)
    at8 = UInt64(littleEndian: at8)
    at10 = UInt64(littleEndian: at10)
    at18 = UInt64(littleEndian: at18)
    at20 = UInt64(littleEndian: at20)
    at28 = UInt64(littleEndian: at28)
  }

  /// Widens the first 28 bytes of a compact inode. The bytes after them need not be those of the image.
  @inline(__always)
  mutating func widen(hasHigh: Bool, epoch: Int64, nanoseconds: UInt32) {
    let links = hasHigh ? 1 : UInt32(self[compact: .linkCountOrHigh])
    if !hasHigh { at0 |= Self.noHigh }
    at20 = UInt64(bitPattern: epoch) &+ UInt64(self[compact: .modificationTime])
    Field<ExtendedInodeRecord, UInt32>.nanoseconds.set(&at28, to: nanoseconds)
    Field<ExtendedInodeRecord, UInt32>.linkCount.set(&at28, to: links)
    at8 = UInt64(self[compact: .size])
    let ids = (self[compact: .userID], self[compact: .groupID])
    Field<ExtendedInodeRecord, UInt32>.userID.set(&at18, to: UInt32(ids.0))
    Field<ExtendedInodeRecord, UInt32>.groupID.set(&at18, to: UInt32(ids.1))
  }
}
