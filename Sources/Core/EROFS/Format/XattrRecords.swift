// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// Extended attributes (Format.md, sections 16 and 17): an area after the inode, that starts with a header and the ids of
// shared attributes; entries there or in the shared pool; and the table of long prefixes.

@usableFromInline package enum XattrHeaderRecord: Record {
  @inlinable package static var byteCount: Int { 12 }

  /// Bytes of the area of an inode with that xattr count.
  @inline(__always)
  package static func areaBytes(count: UInt16) -> Int { count == 0 ? 0 : 8 &+ 4 &* Int(count) }

  /// The xattr count of an inode with an area of `bytes` (a multiple of 4, 16 at least); nil if the field has no room for it.
  package static func count(areaBytes bytes: Int) -> UInt16? {
    guard bytes % XattrEntryRecord.alignment == 0, bytes > byteCount else { return nil }
    return UInt16(exactly: (bytes - 8) / 4)
  }
}

@usableFromInline package enum SharedXattrRecord: Record { @inlinable package static var byteCount: Int { 4 } }

@usableFromInline package enum XattrEntryRecord: Record {
  @inlinable package static var byteCount: Int { 4 }
  @inlinable package static var alignment: Int { 4 }
}

/// A long prefix: its size, its base, and its text.
@usableFromInline package enum XattrPrefixRecord: Record {
  @inlinable package static var byteCount: Int { 3 }
  @inlinable package static var alignment: Int { 4 }
  /// Bytes that the size counts besides the text.
  @inlinable package static var countedBytes: Int { 1 }
  /// Bytes that the size does not count.
  @inlinable package static var uncountedBytes: Int { 2 }
}

extension Field where Owner == XattrHeaderRecord {
  /// ``XattrFilter``
  @inlinable package static var nameFilter: Field<Owner, UInt32> { .init(at: 0) }
  /// Ids of shared attributes that follow.
  @inlinable package static var sharedCount: Field<Owner, UInt8> { .init(at: 4) }
}

extension Field where Owner == SharedXattrRecord {
  /// Position in the shared pool, in units of 4 bytes.
  @inlinable package static var id: Field<Owner, UInt32> { .init(at: 0) }
}

extension Field where Owner == XattrEntryRecord {
  /// ``XattrEntrySizes``
  @inlinable package static var sizes: Field<Owner, UInt32> { .init(at: 0) }
}

extension Field where Owner == XattrPrefixRecord {
  /// Bytes of the base and of the text, 1 ... 256.
  @inlinable package static var size: Field<Owner, UInt16> { .init(at: 0) }
  /// The number of a namespace.
  @inlinable package static var base: Field<Owner, UInt8> { .init(at: 2) }
}

/// The 4 bytes that an entry starts with; its name and its value follow.
@usableFromInline package struct XattrEntrySizes: BitField {
  @usableFromInline package var raw: UInt32

  @inlinable @inline(__always)
  package init(raw: UInt32) { self.raw = raw }

  @usableFromInline static var nameBits: Bits<UInt32> { @inline(__always) get { .init(0, count: 8) } }
  @usableFromInline static var indexBits: Bits<UInt32> { @inline(__always) get { .init(8, count: 8) } }
  @usableFromInline static var valueBits: Bits<UInt32> { @inline(__always) get { .init(16, count: 16) } }

  /// Bytes of the name as it is stored.
  @inlinable package var nameBytes: UInt32 {
    @inline(__always) get { Self.nameBits.get(raw) }
    set { Self.nameBits.set(&raw, to: newValue) }
  }
  /// ``XattrNameIndex``
  @inlinable package var nameIndex: UInt32 {
    @inline(__always) get { Self.indexBits.get(raw) }
    set { Self.indexBits.set(&raw, to: newValue) }
  }
  @inlinable package var valueBytes: UInt32 {
    @inline(__always) get { Self.valueBits.get(raw) }
    set { Self.valueBits.set(&raw, to: newValue) }
  }
  /// Bytes of the entry with its name and its value, up to the next one.
  package var entryBytes: Int {
    let bytes = XattrEntryRecord.byteCount + Int(nameBytes) + Int(valueBytes)
    return (bytes + XattrEntryRecord.alignment - 1) & ~(XattrEntryRecord.alignment - 1)
  }
}

/// e_name_index: the prefix of the stored name.
@usableFromInline package struct XattrNameIndex: BitField {
  @usableFromInline package var raw: UInt8

  @inlinable @inline(__always)
  package init(raw: UInt8) { self.raw = raw }

  @usableFromInline static var numberBits: Bits<UInt8> { @inline(__always) get { .init(0, count: 7) } }
  @usableFromInline static var longBit: Bits<UInt8> { @inline(__always) get { .init(7) } }

  /// Of a namespace, or of a long prefix.
  @inlinable package var number: UInt8 {
    @inline(__always) get { Self.numberBits.get(raw) }
    set { Self.numberBits.set(&raw, to: newValue) }
  }
  @inlinable package var isLongPrefix: Bool {
    @inline(__always) get { Self.longBit.isSet(raw) }
    set { Self.longBit.set(&raw, to: newValue ? 1 : 0) }
  }
}

/// h_name_filter: a bit is set if the inode has no attribute that falls on it. 0 says nothing.
@usableFromInline package struct XattrFilter: BitField {
  @usableFromInline package var raw: UInt32

  @inlinable @inline(__always)
  package init(raw: UInt32) { self.raw = raw }

  /// The filter of an inode without attributes.
  package static var empty: Self { Self(raw: .max) }

  /// The seed of the hash of a namespace's names.
  @inline(__always)
  package static func seed(namespace: UInt8) -> UInt32 { 0x25BB_E08F &+ UInt32(namespace) }

  @inline(__always)
  private static func bit(ofHash hash: UInt32) -> UInt32 { 1 &<< (hash & 31) }

  @inline(__always)
  package func excludes(hash: UInt32) -> Bool { raw & Self.bit(ofHash: hash) != 0 }

  package mutating func insert(hash: UInt32) { raw &= ~Self.bit(ofHash: hash) }
}
