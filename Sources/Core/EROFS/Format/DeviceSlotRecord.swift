// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A slot of the device table (Format.md, section 14), which starts with a tag of 64 bytes that is never interpreted.
@usableFromInline package enum DeviceSlotRecord: Record {
  @inlinable package static var byteCount: Int { 128 }
  @inlinable package static var tagBytes: Int { 64 }
}

extension Field where Owner == DeviceSlotRecord {
  /// Bits 0 ... 31.
  @inlinable package static var blocks: Field<Owner, UInt32> { .init(at: 0x40) }
  /// Bits 0 ... 31 of the first block in the unified address space; 0 for a device that is not mapped there.
  @inlinable package static var unifiedBlock: Field<Owner, UInt32> { .init(at: 0x44) }
  /// ``DeviceSlotHigh``
  @inlinable package static var high: Field<Owner, UInt32> { .init(at: 0x48) }
}

/// Bits 32 ... 47 of the two numbers of a slot; they count only in images with wide addresses.
@usableFromInline package struct DeviceSlotHigh: BitField {
  @usableFromInline package var raw: UInt32

  @inlinable @inline(__always)
  package init(raw: UInt32) { self.raw = raw }

  @usableFromInline static var blockBits: Bits<UInt32> { @inline(__always) get { .init(0, count: 16) } }
  @usableFromInline static var unifiedBits: Bits<UInt32> { @inline(__always) get { .init(16, count: 16) } }

  @inlinable package var blocks: UInt32 {
    @inline(__always) get { Self.blockBits.get(raw) }
    set { Self.blockBits.set(&raw, to: newValue) }
  }
  @inlinable package var unifiedBlock: UInt32 {
    @inline(__always) get { Self.unifiedBits.get(raw) }
    set { Self.unifiedBits.set(&raw, to: newValue) }
  }
}
