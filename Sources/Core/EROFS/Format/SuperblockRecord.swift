// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// The superblock on disk (Format.md, section 2): 128 bytes at byte 1024, and extra slots of 16 bytes.
@usableFromInline package enum SuperblockRecord: Record {
  @inlinable package static var byteCount: Int { 128 }
  /// Byte offset in the image.
  @inlinable package static var start: Int { 1024 }
  @inlinable package static var magic: UInt32 { 0xE0F5_E1E2 }
  /// Bytes of an extra slot.
  @inlinable package static var extraSlotBytes: Int { 16 }
  /// Bytes of a unit of the offset of the device table, and of that of the table of long xattr prefixes.
  @inlinable package static var deviceTableUnit: UInt64 { 128 }
  @inlinable package static var xattrPrefixUnit: UInt64 { 4 }
  /// A NID with this bit counts in the metabox.
  @inlinable package static var metaboxBit: UInt64 { 1 << 63 }

  /// Byte offset in the image of a field.
  @inline(__always)
  package static func position<Value>(of field: Field<Self, Value>) -> FileOffset {
    FileOffset(truncatingIfNeeded: start &+ field.offset)
  }
}

extension Field where Owner == SuperblockRecord {
  @inlinable package static var magic: Field<Owner, UInt32> { .init(at: 0x00) }
  @inlinable package static var checksum: Field<Owner, UInt32> { .init(at: 0x04) }
  @inlinable package static var compatible: Field<Owner, UInt32> { .init(at: 0x08) }
  /// log2 of the block size.
  @inlinable package static var blockShift: Field<Owner, UInt8> { .init(at: 0x0C) }
  @inlinable package static var extraSlots: Field<Owner, UInt8> { .init(at: 0x0D) }
  /// The root's NID; with a wide root, bits 32 ... 47 of the block count.
  @inlinable package static var rootOrBlocks: Field<Owner, UInt16> { .init(at: 0x0E) }
  @inlinable package static var inodeCount: Field<Owner, UInt64> { .init(at: 0x10) }
  @inlinable package static var epoch: Field<Owner, Int64> { .init(at: 0x18) }
  @inlinable package static var fixedNanoseconds: Field<Owner, UInt32> { .init(at: 0x20) }
  @inlinable package static var blockCount: Field<Owner, UInt32> { .init(at: 0x24) }
  @inlinable package static var metadataBlock: Field<Owner, UInt32> { .init(at: 0x28) }
  @inlinable package static var xattrBlock: Field<Owner, UInt32> { .init(at: 0x2C) }
  @inlinable package static var uuidLow: Field<Owner, UInt64> { .init(at: 0x30) }
  @inlinable package static var uuidHigh: Field<Owner, UInt64> { .init(at: 0x38) }
  @inlinable package static var volumeNameLow: Field<Owner, UInt64> { .init(at: 0x40) }
  @inlinable package static var volumeNameHigh: Field<Owner, UInt64> { .init(at: 0x48) }
  @inlinable package static var incompatible: Field<Owner, UInt32> { .init(at: 0x50) }
  /// With compression records, a bit for each algorithm; else LZ4's largest distance, where 0 means 65535.
  @inlinable package static var algorithmsOrDistance: Field<Owner, UInt16> { .init(at: 0x54) }
  @inlinable package static var extraDevices: Field<Owner, UInt16> { .init(at: 0x56) }
  /// In units of 128 bytes.
  @inlinable package static var deviceTable: Field<Owner, UInt16> { .init(at: 0x58) }
  /// log2 of the blocks of a directory block: 0.
  @inlinable package static var directoryBlockShift: Field<Owner, UInt8> { .init(at: 0x5A) }
  @inlinable package static var xattrPrefixCount: Field<Owner, UInt8> { .init(at: 0x5B) }
  /// In units of 4 bytes.
  @inlinable package static var xattrPrefixStart: Field<Owner, UInt32> { .init(at: 0x5C) }
  @inlinable package static var packedNID: Field<Owner, UInt64> { .init(at: 0x60) }
  /// Not 0: name filters mean nothing.
  @inlinable package static var xattrFilterReserved: Field<Owner, UInt8> { .init(at: 0x68) }
  @inlinable package static var imageSharePrefix: Field<Owner, UInt8> { .init(at: 0x69) }
  /// Seconds after the epoch.
  @inlinable package static var buildTime: Field<Owner, UInt32> { .init(at: 0x6C) }
  @inlinable package static var wideRootNID: Field<Owner, UInt64> { .init(at: 0x70) }
  /// In the first extra slot.
  @inlinable package static var metaboxNID: Field<Owner, UInt64> { .init(at: 0x80) }
}

/// The first 144 bytes of a superblock as words in the byte order of the machine, each named after its offset.
///
/// Words, and not bytes: a field is then a shift of a word, which takes less text than a load of its own.
struct SuperblockWords: Equatable, Sendable {
  private(set) var at0: UInt64 = 0, at8: UInt64 = 0, at10: UInt64 = 0, at18: UInt64 = 0, at20: UInt64 = 0
  private(set) var at28: UInt64 = 0, at30: UInt64 = 0, at38: UInt64 = 0, at40: UInt64 = 0, at48: UInt64 = 0
  private(set) var at50: UInt64 = 0, at58: UInt64 = 0, at60: UInt64 = 0, at68: UInt64 = 0, at70: UInt64 = 0
  private(set) var at78: UInt64 = 0, at80: UInt64 = 0, at88: UInt64 = 0

  subscript<Value>(field: Field<SuperblockRecord, Value>) -> Value {
    @inline(__always) get { field.get(word(field.offset &>> 3)) }
  }

  // Whole words: on 32-bit machines the generic form would call a function of the standard library.
  subscript(field: Field<SuperblockRecord, UInt64>) -> UInt64 {
    @inline(__always) get { word(field.offset &>> 3) }
  }

  subscript(field: Field<SuperblockRecord, Int64>) -> Int64 {
    @inline(__always) get { Int64(bitPattern: word(field.offset &>> 3)) }
  }

  @inline(__always)
  private func word(_ index: Int) -> UInt64 {
    switch index {
    case 0: at0
    case 1: at8
    case 2: at10
    case 3: at18
    case 4: at20
    case 5: at28
    case 6: at30
    case 7: at38
    case 8: at40
    case 9: at48
    case 10: at50
    case 11: at58
    case 12: at60
    case 13: at68
    case 14: at70
    case 15: at78
    case 16: at80
    default: at88
    }
  }

  #if _endian(little)
    /// Turns the words as they are on disk into numbers.
    @inline(__always)
    func swapToHost() {}
  #else
    /// Turns the words as they are on disk into numbers.
    mutating func swapToHost() {
      unsafe withUnsafeMutableBytes(of: &self) { bytes in
        for at in stride(from: 0, to: bytes.count, by: 8) {
          let word = unsafe bytes.load(fromByteOffset: at, as: UInt64.self)
          unsafe bytes.storeBytes(of: UInt64(littleEndian: word), toByteOffset: at, as: UInt64.self)
        }
      }
    }
  #endif
}
