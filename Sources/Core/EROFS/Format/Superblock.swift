// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// The superblock (128 bytes and more at byte 1024) and the compression records that follow it, checked.
///
/// Once made, it holds no value that later code would have to doubt, but for addresses: those are checked where they are
/// used, because the superblock's own counts of blocks and inodes are not trusted.
public struct Superblock: Sendable {
  public static var magic: UInt32 { SuperblockRecord.magic }
  /// Byte offset of the superblock in the image.
  public static var offset: UInt64 { UInt64(SuperblockRecord.start) }
  /// Bytes of the superblock without its extra slots.
  static var size: Int { SuperblockRecord.byteCount }
  /// The largest pcluster as stored, in bytes.
  public static var maximumStoredBytes: Int { 1 << 20 }
  /// The largest pcluster as decoded, in bytes.
  public static var maximumDecodedBytes: Int { 12 << 20 }
  /// NIDs with this bit count in the metabox.
  static var metaboxBit: UInt64 { SuperblockRecord.metaboxBit }

  /// Its first 144 bytes, in the byte order of the machine, as far as the image has them.
  var words = SuperblockWords()
  /// Bits of an offset in a block. It is used so often that computing it each time takes more text.
  var blockMask: FileOffset = 0
  public internal(set) var compression = CompressionLimits()

  init() {}

  /// Checks the fields that cannot hold just any value.
  func check(_ count: Int, _ failure: inout FaultRecord) throws(Fault) {
    @inline(__always)
    func place<Value>(_ field: Field<SuperblockRecord, Value>) -> FileOffset { SuperblockRecord.position(of: field) }

    var kind = FaultRecord.Kind.corrupt
    var detail = Defect.selfReference.rawValue
    var field: FileOffset
    if words[.magic] != Self.magic {
      (field, detail) = (place(.magic), Defect.magic.rawValue)
    } else if !(9...16).contains(blockShift) {
      (field, kind, detail) = (place(.blockShift), .blockSize, UInt8(truncatingIfNeeded: blockShift))
    } else if announced & ~IncompatibleFeatures.known.rawValue != 0 {
      (field, kind) = (place(.incompatible), .incompatible)
      failure.value = announced & ~IncompatibleFeatures.known.rawValue
    } else if words[.directoryBlockShift] != 0 {
      (field, kind, detail) = (place(.directoryBlockShift), .directoryBlockSize, words[.directoryBlockShift])
    } else if packedNID & Self.metaboxBit != 0 {
      field = place(.packedNID)
    } else if !hasMetabox {
      return
    } else if extraSlots < 1 {
      (field, detail) = (place(.extraSlots), Defect.superblockSize.rawValue)
    } else if count == Self.size {
      (field, detail) = (place(.metaboxNID), Defect.outsideDevice.rawValue)
    } else if words[.metaboxNID] & Self.metaboxBit != 0 {
      field = place(.metaboxNID)
    } else {
      return
    }
    failure.set(kind, detail, 0, field)
    throw Fault()
  }

  /// Where the bytes that the checksum is of end, which begin with the superblock.
  var checksumEnd: FileOffset {
    let end = FileOffset(truncatingIfNeeded: blockSize)
    return end <= FileOffset(Self.offset) ? end &+ FileOffset(Self.offset) : end
  }

  /// Takes a word; the checksum itself counts as 0.
  func update(_ crc: inout CRC32C, _ word: UInt32, at position: FileOffset) {
    crc.update(position == SuperblockRecord.position(of: .checksum) ? 0 : word, bits: 32)
  }
}

extension Superblock {
  public var checksum: UInt32 { words[.checksum] }
  public var compatible: CompatibleFeatures { CompatibleFeatures(rawValue: words[.compatible]) }
  /// Bits outside ``IncompatibleFeatures/known`` are 0: a superblock with them is refused.
  public var incompatible: IncompatibleFeatures {
    @inline(__always) get { IncompatibleFeatures(rawValue: announced & IncompatibleFeatures.known.rawValue) }
  }
  private var announced: UInt32 { words[.incompatible] }
  /// log2 of the block size, 9 ... 16.
  public var blockShift: Int { Int(truncatingIfNeeded: words[.blockShift]) }
  public var blockSize: Int { Int(truncatingIfNeeded: blockMask) &+ 1 }
  /// Extra 16-byte slots after the first 128 bytes.
  public var extraSlots: UInt8 { words[.extraSlots] }
  private var rootOrBlocks: UInt64 { UInt64(words[.rootOrBlocks]) }
  private var hasWideRoot: Bool { incompatible.contains(.wide48Bit) && words[.wideRootNID] != 0 }
  public var rootNID: UInt64 { hasWideRoot ? words[.wideRootNID] : rootOrBlocks }
  /// Inodes in the image, as its maker counted them; may be 0.
  public var inodeCount: UInt64 { words[.inodeCount] }
  /// Base of the times of compact inodes, in seconds since 1970.
  public var epoch: Int64 { words[.epoch] }
  /// Nanoseconds of the times of all compact inodes.
  public var fixedNanoseconds: UInt32 { words[.fixedNanoseconds] }
  /// Blocks of the primary device, as its maker counted them; may be 0.
  public var blockCount: UInt64 { UInt64(words[.blockCount]) | (hasWideRoot ? rootOrBlocks &<< 32 : 0) }
  /// Block where NIDs start counting.
  public var metadataBlock: UInt32 { words[.metadataBlock] }
  /// Block where the ids of shared xattrs start counting.
  public var xattrBlock: UInt32 { words[.xattrBlock] }
  public var uuid: (UInt64, UInt64) { (words[.uuidLow], words[.uuidHigh]) }
  /// 16 bytes, as stored, the unused ones 0.
  public var volumeName: (UInt64, UInt64) { (words[.volumeNameLow], words[.volumeNameHigh]) }
  /// The bitmap of algorithms, or LZ4's largest distance.
  var bitmapOrDistance: UInt16 { words[.algorithmsOrDistance] }
  public var extraDevices: Int {
    incompatible.contains(.deviceTable) ? Int(words[.extraDevices]) : 0
  }
  /// Byte offset of the device table.
  public var deviceTableOffset: UInt64 {
    incompatible.contains(.deviceTable) ? UInt64(words[.deviceTable]) &* SuperblockRecord.deviceTableUnit : 0
  }
  public var xattrPrefixCount: Int {
    incompatible.contains(.xattrPrefixes) ? Int(words[.xattrPrefixCount]) : 0
  }
  /// Byte offset of the table of long xattr prefixes in its stream.
  public var xattrPrefixOffset: UInt64 {
    incompatible.contains(.xattrPrefixes) ? UInt64(words[.xattrPrefixStart]) &* SuperblockRecord.xattrPrefixUnit : 0
  }
  /// NID of the packed inode; 0 where there is none.
  public var packedNID: UInt64 { incompatible.contains(.fragments) ? words[.packedNID] : 0 }
  /// NID of the metabox inode; nil where there is none.
  public var metaboxNID: UInt64? { incompatible.contains(.metabox) ? words[.metaboxNID] : nil }
  var hasMetabox: Bool { incompatible.contains(.metabox) }
  /// Whether name filters mean anything.
  public var xattrFilterIsUsable: Bool { compatible.contains(.xattrFilter) && words[.xattrFilterReserved] == 0 }
  /// Index into the table of long prefixes, for the digests of files.
  public var imageSharePrefix: UInt8 { words[.imageSharePrefix] }
  /// Seconds after ``epoch`` at which the image was made.
  public var buildTime: UInt32 { words[.buildTime] }
}

extension Superblock: Equatable {
  public static func == (a: Superblock, b: Superblock) -> Bool { a.words == b.words && a.compression == b.compression }
}
