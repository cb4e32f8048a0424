// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A record of encoded extents (Format.md, section 12), of which the first 4, 8, 16 or 32 bytes are stored.
@usableFromInline package enum EncodedExtentRecord: Record {
  @inlinable package static var byteCount: Int { 32 }
  /// Before records of 4 bytes, which hold lengths only: the byte address of the first extent.
  @inlinable package static var firstAddressBytes: Int { 8 }
}

extension Field where Owner == EncodedExtentRecord {
  /// ``EncodedLength``; of a fragment, bits 0 ... 31 of its offset.
  @inlinable package static var length: Field<Owner, UInt32> { .init(at: 0) }
  @inlinable package static var addressLow: Field<Owner, UInt32> { .init(at: 4) }
  @inlinable package static var addressHigh: Field<Owner, UInt32> { .init(at: 8) }
  @inlinable package static var startLow: Field<Owner, UInt32> { .init(at: 12) }
  @inlinable package static var startHigh: Field<Owner, UInt32> { .init(at: 16) }
}

/// The length field of an encoded extent, which also has its format.
@usableFromInline package struct EncodedLength: BitField {
  @usableFromInline package var raw: UInt32

  @inlinable @inline(__always)
  package init(raw: UInt32) { self.raw = raw }

  @usableFromInline static var byteBits: Bits<UInt32> { @inline(__always) get { .init(0, count: 21) } }
  @usableFromInline static var reservedBits: Bits<UInt32> { @inline(__always) get { .init(21, count: 6) } }
  @usableFromInline static var partialBit: Bits<UInt32> { @inline(__always) get { .init(27) } }
  @usableFromInline static var formatBits: Bits<UInt32> { @inline(__always) get { .init(28, count: 4) } }

  /// Bytes as stored; 0 for a hole.
  @inlinable package var bytes: UInt32 {
    @inline(__always) get { Self.byteBits.get(raw) }
    set { Self.byteBits.set(&raw, to: newValue) }
  }
  @inlinable package var reserved: UInt32 {
    @inline(__always) get { Self.reservedBits.get(raw) }
    set { Self.reservedBits.set(&raw, to: newValue) }
  }
  /// The stream goes on after the extent.
  @inlinable package var isPartial: Bool {
    @inline(__always) get { Self.partialBit.isSet(raw) }
    set { Self.partialBit.set(&raw, to: newValue ? 1 : 0) }
  }
  /// 0 for an extent that is not compressed, else 1 more than the algorithm's id.
  @inlinable package var format: UInt32 {
    @inline(__always) get { Self.formatBits.get(raw) }
    set { Self.formatBits.set(&raw, to: newValue) }
  }
}
