// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// The chunk table of a chunk-based inode (Format.md, section 9): block addresses of 4 bytes, or records of 8.

@usableFromInline package enum ChunkBlockRecord: Record { @inlinable package static var byteCount: Int { 4 } }
@usableFromInline package enum ChunkIndexRecord: Record { @inlinable package static var byteCount: Int { 8 } }

extension Field where Owner == ChunkBlockRecord {
  /// All ones for a hole.
  @inlinable package static var block: Field<Owner, UInt32> { .init(at: 0) }
}

extension Field where Owner == ChunkIndexRecord {
  /// ``ChunkPlace``
  @inlinable package static var place: Field<Owner, UInt32> { .init(at: 0) }
  /// Bits 0 ... 31 of the block.
  @inlinable package static var block: Field<Owner, UInt32> { .init(at: 4) }
}

/// i_u of a chunk-based inode.
@usableFromInline package struct ChunkFormat: BitField {
  @usableFromInline package var raw: UInt16

  @inlinable @inline(__always)
  package init(raw: UInt16) { self.raw = raw }

  @usableFromInline static var shiftBits: Bits<UInt16> { @inline(__always) get { .init(0, count: 5) } }
  @usableFromInline static var indexBit: Bits<UInt16> { @inline(__always) get { .init(5) } }
  @usableFromInline static var wideBit: Bits<UInt16> { @inline(__always) get { .init(6) } }
  @usableFromInline static var reservedBits: Bits<UInt16> { @inline(__always) get { .init(7, count: 9) } }

  /// log2 of a chunk's size, in blocks.
  @inlinable package var shift: UInt16 {
    @inline(__always) get { Self.shiftBits.get(raw) }
    set { Self.shiftBits.set(&raw, to: newValue) }
  }
  /// Records of 8 bytes, with a device.
  @inlinable package var hasIndexes: Bool {
    @inline(__always) get { Self.indexBit.isSet(raw) }
    set { Self.indexBit.set(&raw, to: newValue ? 1 : 0) }
  }
  /// Records hold 48 bits of an address; only with `hasIndexes`.
  @inlinable package var isWide: Bool {
    @inline(__always) get { Self.wideBit.isSet(raw) }
    set { Self.wideBit.set(&raw, to: newValue ? 1 : 0) }
  }
  /// Must be 0.
  @inlinable package var reserved: UInt16 {
    @inline(__always) get { Self.reservedBits.get(raw) }
    set { Self.reservedBits.set(&raw, to: newValue) }
  }
  package var recordBytes: FileOffset { @inline(__always) get { hasIndexes ? 8 : 4 } }
}

/// The first word of a chunk's record of 8 bytes.
@usableFromInline package struct ChunkPlace: BitField {
  @usableFromInline package var raw: UInt32

  @inlinable @inline(__always)
  package init(raw: UInt32) { self.raw = raw }

  @usableFromInline static var blockHighBits: Bits<UInt32> { @inline(__always) get { .init(0, count: 16) } }
  @usableFromInline static var deviceBits: Bits<UInt32> { @inline(__always) get { .init(16, count: 16) } }

  /// Bits 32 ... 47 of the block, if the format is wide.
  @inlinable package var blockHigh: UInt32 {
    @inline(__always) get { Self.blockHighBits.get(raw) }
    set { Self.blockHighBits.set(&raw, to: newValue) }
  }
  @inlinable package var device: UInt32 {
    @inline(__always) get { Self.deviceBits.get(raw) }
    set { Self.deviceBits.set(&raw, to: newValue) }
  }
}

/// The block address that stands for a hole, and its bits 32 ... 47 if it has those.
@usableFromInline package enum HoleBlock {
  @inlinable package static var low: UInt32 { .max }
  @inlinable package static var high: UInt16 { .max }
}
