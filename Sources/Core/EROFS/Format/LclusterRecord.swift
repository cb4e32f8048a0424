// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// An entry of a full lcluster index (Format.md, section 10.3).
@usableFromInline package enum LclusterRecord: Record { @inlinable package static var byteCount: Int { 8 } }

extension Field where Owner == LclusterRecord {
  /// ``LclusterPosition``: di_advise and di_clusterofs, which are read at once.
  @inlinable package static var position: Field<Owner, UInt32> { .init(at: 0) }
  /// Heads: the block address, or the high bits of a fragment's offset. Non-heads: ``LclusterDistances``.
  @inlinable package static var blockOrDistances: Field<Owner, UInt32> { .init(at: 4) }
}

/// What an lcluster holds.
@usableFromInline package enum LclusterKind: UInt8, Sendable, CaseIterable {
  case plain = 0
  case head1 = 1
  case nonhead = 2
  case head2 = 3

  /// From its 2 bits.
  @inlinable @inline(__always)
  package init(bits: UInt32) { self = LclusterKind(rawValue: UInt8(bits & 3)) ?? .plain }
}

/// The first word of an entry of a full index.
@usableFromInline package struct LclusterPosition: BitField {
  @usableFromInline package var raw: UInt32

  @inlinable @inline(__always)
  package init(raw: UInt32) { self.raw = raw }

  @usableFromInline static var kindBits: Bits<UInt32> { @inline(__always) get { .init(0, count: 2) } }
  @usableFromInline static var reservedBits: Bits<UInt32> { @inline(__always) get { .init(2, count: 12) } }
  @usableFromInline static var holeBit: Bits<UInt32> { @inline(__always) get { .init(14) } }
  @usableFromInline static var partialBit: Bits<UInt32> { @inline(__always) get { .init(15) } }
  @usableFromInline static var offsetBits: Bits<UInt32> { @inline(__always) get { .init(16, count: 16) } }

  @inlinable package var kind: LclusterKind {
    @inline(__always) get { LclusterKind(bits: Self.kindBits.get(raw)) }
    set { Self.kindBits.set(&raw, to: UInt32(newValue.rawValue)) }
  }
  @inlinable package var reserved: UInt32 {
    @inline(__always) get { Self.reservedBits.get(raw) }
    set { Self.reservedBits.set(&raw, to: newValue) }
  }
  /// Heads: nothing is stored, the extent reads as zeros.
  @inlinable package var isHole: Bool {
    @inline(__always) get { Self.holeBit.isSet(raw) }
    set { Self.holeBit.set(&raw, to: newValue ? 1 : 0) }
  }
  /// Heads: the stream goes on after the extent.
  @inlinable package var isPartial: Bool {
    @inline(__always) get { Self.partialBit.isSet(raw) }
    set { Self.partialBit.set(&raw, to: newValue ? 1 : 0) }
  }
  /// Heads: byte of the lcluster at which the extent starts.
  @inlinable package var offset: UInt32 {
    @inline(__always) get { Self.offsetBits.get(raw) }
    set { Self.offsetBits.set(&raw, to: newValue) }
  }
}

/// The second word of a non-head of a full index: lclusters back to the head, or ``LookBack``, and forward to the next.
@usableFromInline package struct LclusterDistances: BitField {
  @usableFromInline package var raw: UInt32

  @inlinable @inline(__always)
  package init(raw: UInt32) { self.raw = raw }

  @usableFromInline static var backBits: Bits<UInt32> { @inline(__always) get { .init(0, count: 16) } }
  @usableFromInline static var aheadBits: Bits<UInt32> { @inline(__always) get { .init(16, count: 16) } }

  @inlinable package var back: UInt32 {
    @inline(__always) get { Self.backBits.get(raw) }
    set { Self.backBits.set(&raw, to: newValue) }
  }
  @inlinable package var ahead: UInt32 {
    @inline(__always) get { Self.aheadBits.get(raw) }
    set { Self.aheadBits.set(&raw, to: newValue) }
  }
}

/// How far back a non-head says that its head is: lclusters, or (for the first non-head of a big pcluster, which is 1 after
/// its head) the number of blocks of the pcluster, with a flag.
@usableFromInline package struct LookBack: BitField {
  @usableFromInline package var raw: UInt32

  @inlinable @inline(__always)
  package init(raw: UInt32) { self.raw = raw }

  @usableFromInline static var countBits: Bits<UInt32> { @inline(__always) get { .init(0, count: 11) } }
  @usableFromInline static var flag: Bits<UInt32> { @inline(__always) get { .init(11) } }

  /// A number of blocks, 0 ... 2047.
  @inlinable package init(blocks: UInt32) {
    raw = 0
    Self.countBits.set(&raw, to: blocks)
    Self.flag.set(&raw, to: 1)
  }

  @inlinable package var isCount: Bool { @inline(__always) get { Self.flag.isSet(raw) } }
  @inlinable package var blocks: UInt32 { @inline(__always) get { Self.countBits.get(raw) } }
}
