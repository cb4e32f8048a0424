// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// The map header of a compressed inode (Format.md, section 10.1): 8 bytes at the next multiple of 8 after its xattrs.
@usableFromInline package enum MapHeaderRecord: Record {
  @inlinable package static var byteCount: Int { 8 }
  @inlinable package static var alignment: Int { 8 }
  /// Unused bytes between a header and a full index.
  @inlinable package static var fullIndexGap: Int { 8 }
}

extension Field where Owner == MapHeaderRecord {
  /// Bits 0 ... 31 of the offset of a tail fragment; or of the number of encoded extents.
  @inlinable package static var fragmentOrCount: Field<Owner, UInt32> { .init(at: 0) }
  /// Bytes of the tail-packed pcluster.
  @inlinable package static var inlineBytes: Field<Owner, UInt16> { .init(at: 2) }
  /// ``MapAdvice``
  @inlinable package static var advice: Field<Owner, UInt16> { .init(at: 4) }
  /// ``MapAlgorithms``
  @inlinable package static var algorithms: Field<Owner, UInt8> { .init(at: 6) }
  /// ``MapClusterBits``
  @inlinable package static var clusterBits: Field<Owner, UInt8> { .init(at: 7) }
  /// Bits 32 ... 47 of the number of encoded extents, if those have a start of their own.
  @inlinable package static var countHigh: Field<Owner, UInt16> { .init(at: 6) }
}

/// The algorithms of a map header: ids of HEAD1 and of HEAD2.
@usableFromInline package struct MapAlgorithms: BitField {
  @usableFromInline package var raw: UInt8

  @inlinable @inline(__always)
  package init(raw: UInt8) { self.raw = raw }

  @usableFromInline static var bits1: Bits<UInt8> { @inline(__always) get { .init(0, count: 4) } }
  @usableFromInline static var bits2: Bits<UInt8> { @inline(__always) get { .init(4, count: 4) } }

  @inlinable package var head1: UInt8 {
    @inline(__always) get { Self.bits1.get(raw) }
    set { Self.bits1.set(&raw, to: newValue) }
  }
  @inlinable package var head2: UInt8 {
    @inline(__always) get { Self.bits2.get(raw) }
    set { Self.bits2.set(&raw, to: newValue) }
  }
}

/// The last byte of a map header.
@usableFromInline package struct MapClusterBits: BitField {
  @usableFromInline package var raw: UInt8

  @inlinable @inline(__always)
  package init(raw: UInt8) { self.raw = raw }

  @usableFromInline static var shiftBits: Bits<UInt8> { @inline(__always) get { .init(0, count: 4) } }
  @usableFromInline static var reservedBits: Bits<UInt8> { @inline(__always) get { .init(4, count: 3) } }
  @usableFromInline static var fragmentBit: Bits<UInt8> { @inline(__always) get { .init(7) } }

  /// log2 of an lcluster's size, in blocks.
  @inlinable package var shift: UInt8 {
    @inline(__always) get { Self.shiftBits.get(raw) }
    set { Self.shiftBits.set(&raw, to: newValue) }
  }
  /// Must be 0.
  @inlinable package var reserved: UInt8 {
    @inline(__always) get { Self.reservedBits.get(raw) }
    set { Self.reservedBits.set(&raw, to: newValue) }
  }
  /// The whole file is in the packed inode; the other 63 bits of the header are its offset there.
  @inlinable package var isFragment: Bool {
    @inline(__always) get { Self.fragmentBit.isSet(raw) }
    set { Self.fragmentBit.set(&raw, to: newValue ? 1 : 0) }
  }
}

/// h_advise of a map header.
@usableFromInline package struct MapAdvice: OptionSet, BitField, Sendable {
  @usableFromInline package var raw: UInt16
  @inlinable package var rawValue: UInt16 { @inline(__always) get { raw } }

  @inlinable @inline(__always)
  package init(raw: UInt16) { self.raw = raw }
  @inlinable @inline(__always)
  package init(rawValue: UInt16) { raw = rawValue }

  /// Packs of 2 bytes an entry (in a compact index).
  @inlinable package static var compact2B: Self { Self(raw: 0x01) }
  /// Encoded extents (instead of a full index).
  @inlinable package static var extents: Self { Self(raw: 0x01) }
  @inlinable package static var bigPcluster1: Self { Self(raw: 0x02) }
  @inlinable package static var bigPcluster2: Self { Self(raw: 0x04) }
  @inlinable package static var inlinePcluster: Self { Self(raw: 0x08) }
  @inlinable package static var interlacedPcluster: Self { Self(raw: 0x10) }
  @inlinable package static var fragmentPcluster: Self { Self(raw: 0x20) }

  @usableFromInline static var recordShiftBits: Bits<UInt16> { @inline(__always) get { .init(1, count: 2) } }

  /// Of encoded extents: log2 of a record's size, in units of 4 bytes.
  @inlinable package var recordShift: UInt16 {
    @inline(__always) get { Self.recordShiftBits.get(raw) }
    set { Self.recordShiftBits.set(&raw, to: newValue) }
  }

  /// Bits of features that this reader does not know.
  static var unknown: Self {
    @inline(__always) get {
      IncompatibleFeatures.known.contains(.fragments) ? [] : [.interlacedPcluster, .fragmentPcluster]
    }
  }
}

/// A map header as a number, with its fields.
@usableFromInline package struct MapHeader: BitField {
  @usableFromInline package var raw: UInt64

  @inlinable @inline(__always)
  package init(raw: UInt64) { self.raw = raw }
  @inline(__always)
  init(_ raw: UInt64) { self.raw = raw }

  @inlinable
  package subscript<Value>(field: Field<MapHeaderRecord, Value>) -> Value {
    @inline(__always) get { field.get(raw) }
    @inline(__always) set { field.set(&raw, to: newValue) }
  }

  private static var fragmentOffsetBits: Bits<UInt64> { @inline(__always) get { .init(0, count: 63) } }

  /// The header of a file that is in the packed inode as a whole, from byte `offset` (below 2^63) on.
  package init(fragmentAt offset: UInt64) {
    raw = 0
    Self.fragmentOffsetBits.set(&raw, to: offset)
    var last = MapClusterBits(raw: self[.clusterBits])
    last.isFragment = true
    self[.clusterBits] = last.raw
  }

  var isFragment: Bool { @inline(__always) get { MapClusterBits(raw: self[.clusterBits]).isFragment } }
  /// Of a whole file in the packed inode.
  var wholeFragmentOffset: UInt64 { @inline(__always) get { Self.fragmentOffsetBits.get(raw) } }
  var fragmentOffset: UInt32 { @inline(__always) get { self[.fragmentOrCount] } }

  var advise: MapAdvice {
    @inline(__always) get { MapAdvice(raw: self[.advice]).subtracting(.unknown) }
  }
  /// Whether it says something that hangs on a feature which this reader does not know.
  func needsMore(_ layout: DataLayout) -> Bool {
    if !IncompatibleFeatures.known.contains(.fragments),
      isFragment || !MapAdvice(raw: self[.advice]).isDisjoint(with: .unknown)
    {
      return true
    }
    return !IncompatibleFeatures.known.contains(.wide48Bit) && layout == .compressedFull && advise.contains(.extents)
  }
  /// Algorithm id of HEAD1 or HEAD2, unchecked.
  func algorithm(_ kind: LclusterKind) -> UInt8 {
    let both = MapAlgorithms(raw: self[.algorithms])
    return kind == .head1 ? both.head1 : both.head2
  }
  /// log2 of an lcluster's size, in blocks.
  var clusterBits: FileOffset { FileOffset(MapClusterBits(raw: self[.clusterBits]).shift) }
  var reserved: UInt8 { MapClusterBits(raw: self[.clusterBits]).reserved }
  /// Bytes of the tail-packed pcluster; 0 if there is none.
  var inlineBytes: UInt32 { advise.contains(.inlinePcluster) ? UInt32(self[.inlineBytes]) : 0 }
  var hasBigPclusters: Bool { !advise.isDisjoint(with: [.bigPcluster1, .bigPcluster2]) }
  /// Bytes of a record of encoded extents: 4, 8, 16 or 32.
  var recordBytes: FileOffset { 4 &<< FileOffset(advise.recordShift) }
  /// Records of encoded extents that have a start of their own.
  var extentCount: UInt64 {
    @inline(__always) get { UInt64(self[.fragmentOrCount]) | UInt64(self[.countHigh]) &<< 32 }
  }
}
