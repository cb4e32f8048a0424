// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// An entry of a directory block (Format.md, section 18); the names follow the entries.
@usableFromInline package enum DirectoryRecord: Record { @inlinable package static var byteCount: Int { 12 } }

extension Field where Owner == DirectoryRecord {
  @inlinable package static var nid: Field<Owner, UInt64> { .init(at: 0) }
  // The reader takes a NID in halves.
  @inlinable package static var nidLow: Field<Owner, UInt32> { .init(at: 0) }
  @inlinable package static var nidHigh: Field<Owner, UInt32> { .init(at: 4) }
  /// Bytes from the start of the block to the name.
  @inlinable package static var nameOffset: Field<Owner, UInt16> { .init(at: 8) }
  /// 0, or the number of an ``InodeKind``.
  @inlinable package static var kind: Field<Owner, UInt8> { .init(at: 10) }
}
