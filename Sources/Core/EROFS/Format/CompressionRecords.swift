// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// The compression records (Format.md, section 5): one for each algorithm of the superblock's bitmap, lowest id first, from
// the end of the superblock on, each at a multiple of 4 bytes. The reader looks at the first 8 bytes of each.

/// The start of every compression record. `byteCount` is that of the start; the body follows.
@usableFromInline package enum CompressionRecord: Record {
  @inlinable package static var byteCount: Int { 2 }
  @inlinable package static var alignment: Int { 4 }
}

@usableFromInline package enum LZ4Record: Record { @inlinable package static var byteCount: Int { 16 } }
@usableFromInline package enum MicroLZMARecord: Record { @inlinable package static var byteCount: Int { 16 } }
@usableFromInline package enum DeflateRecord: Record { @inlinable package static var byteCount: Int { 8 } }
@usableFromInline package enum ZstandardRecord: Record { @inlinable package static var byteCount: Int { 8 } }

extension Field where Owner == CompressionRecord {
  /// Bytes of the body.
  @inlinable package static var length: Field<Owner, UInt16> { .init(at: 0) }
}

extension Field where Owner == LZ4Record {
  /// 0 means 65535.
  @inlinable package static var maximumDistance: Field<Owner, UInt16> { .init(at: 2) }
  /// The largest pcluster, in blocks; 0 means 1.
  @inlinable package static var pclusterBlocks: Field<Owner, UInt16> { .init(at: 4) }
}

extension Field where Owner == MicroLZMARecord {
  /// Bytes, 4 KiB ... 8 MiB.
  @inlinable package static var dictionaryBytes: Field<Owner, UInt32> { .init(at: 2) }
  /// Must be 0.
  @inlinable package static var format: Field<Owner, UInt16> { .init(at: 6) }
}

extension Field where Owner == DeflateRecord {
  /// log2 of the window, 8 ... 15; 0 as mkfs.erofs 1.9.4 writes it with libdeflate means 15.
  @inlinable package static var windowBits: Field<Owner, UInt8> { .init(at: 2) }
}

extension Field where Owner == ZstandardRecord {
  /// Must be 0.
  @inlinable package static var format: Field<Owner, UInt8> { .init(at: 2) }
  /// log2 of the window, less 10.
  @inlinable package static var windowLog: Field<Owner, UInt8> { .init(at: 3) }
}
