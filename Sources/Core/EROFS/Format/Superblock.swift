// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// The superblock (128 bytes and more at byte 1024) and the compression records that follow it, checked.
///
/// Once made, it holds no value that later code would have to doubt, but for addresses: those are checked where they are
/// used, because the superblock's own counts of blocks and inodes bind nobody.
public struct Superblock: Sendable {
  public static let magic: UInt32 = 0xE0F5_E1E2
  /// Byte offset of the superblock in the image.
  public static var offset: UInt64 { 1024 }
  /// Bytes of the superblock without its extra slots.
  static var size: Int { 128 }
  /// The largest pcluster as stored, in bytes.
  public static var maximumStoredBytes: Int { 1 << 20 }
  /// The largest pcluster as decoded, in bytes.
  public static var maximumDecodedBytes: Int { 12 << 20 }
  /// NIDs with this bit count in the metabox.
  static var metaboxBit: UInt64 { 1 << 63 }

  /// Its first 144 bytes, in the byte order of the machine, as far as the image has them.
  private(set) var words = SuperblockWords()
  /// What an offset in a block can be. It is asked for so often that working it out each time takes more text.
  private(set) var blockMask: FileOffset = 0
  public private(set) var compression = CompressionLimits()

  /// Reads and checks the superblock of `storage`; needs no memory but the stack.
  public init(reading storage: some Storage) throws(EROFSError) {
    self.init()
    var failure = FaultRecord()
    do throws(Fault) { try Self.read(&self, storage, &failure) } catch { throw failure.error }
  }

  init() {}

  /// Reads and checks it.
  ///
  /// Not a method: there `self` lies in a register that only the long instructions of Thumb reach.
  @inline(never)
  static func read(
    _ superblock: inout Superblock, _ storage: some Storage, _ failure: inout FaultRecord
  ) throws(Fault) {
    let start = FileOffset(Self.offset)
    let available = storage.byteCount(ofDevice: 0)
    // As far as an image that ends early has it.
    var count = MemoryLayout<SuperblockWords>.size
    if available < start &+ FileOffset(truncatingIfNeeded: count) { count = Self.size }
    try unsafe withUnsafeMutableBytes(of: &superblock.words) { (buffer) throws(Fault) in
      try unsafe storage.load(start, MutablePageVector(unsafeContiguous: buffer).prefix(count), &failure)
    }
    superblock.words.swapToHost()
    try superblock.check(count, &failure)
    superblock.blockMask = (1 &<< FileOffset(truncatingIfNeeded: superblock.blockShift)) &- 1
    var records = start &+ FileOffset(Self.size)
    records &+= 16 &* FileOffset(superblock.extraSlots)
    try superblock.compression.read(
      storage, superblock.incompatible, superblock.bitmapOrDistance, records, &failure)
  }

  /// Checks the fields that cannot hold just any value.
  private func check(_ count: Int, _ failure: inout FaultRecord) throws(Fault) {
    var kind = FaultRecord.Kind.corrupt
    var detail = Defect.selfReference.rawValue
    var field: FileOffset
    if UInt32(truncatingIfNeeded: words.at0) != Self.magic {
      (field, detail) = (0, Defect.magic.rawValue)
    } else if !(9...16).contains(blockShift) {
      (field, kind, detail) = (0x0C, .blockSize, UInt8(truncatingIfNeeded: blockShift))
    } else if announced & ~IncompatibleFeatures.known.rawValue != 0 {
      (field, kind) = (0x50, .incompatible)
      failure.value = announced & ~IncompatibleFeatures.known.rawValue
    } else if words.at58 &>> 16 & 0xFF != 0 {
      (field, kind, detail) = (0x5A, .directoryBlockSize, UInt8(truncatingIfNeeded: words.at58 &>> 16))
    } else if packedNID & Self.metaboxBit != 0 {
      field = 0x60
    } else if !hasMetabox {
      return
    } else if extraSlots < 1 {
      (field, detail) = (0x0D, Defect.superblockSize.rawValue)
    } else if count == Self.size {
      (field, detail) = (0x80, Defect.outsideDevice.rawValue)
    } else if words.at80 & Self.metaboxBit != 0 {
      field = 0x80
    } else {
      return
    }
    failure.set(kind, detail, 0, FileOffset(Self.offset) &+ field)
    throw Fault()
  }

  /// Recomputes the checksum of the superblock's block; nil where the image does not carry one.
  public func checksumMatches(in storage: some Storage) throws(EROFSError) -> Bool? {
    guard compatible.contains(.superblockChecksum) else { return nil }
    var failure = FaultRecord()
    do throws(Fault) { return try computedChecksum(storage, &failure) == checksum } catch { throw failure.error }
  }

  func computedChecksum(_ storage: some Storage, _ failure: inout FaultRecord) throws(Fault) -> UInt32 {
    var crc = CRC32C()
    var position = FileOffset(Self.offset)
    while position < checksumEnd {
      update(&crc, try storage.load32(position, &failure), at: position)
      position &+= 4
    }
    return crc.value
  }

  /// Where the bytes that the checksum is of end, which begin with the superblock.
  var checksumEnd: FileOffset {
    let end = FileOffset(truncatingIfNeeded: blockSize)
    return end <= FileOffset(Self.offset) ? end &+ FileOffset(Self.offset) : end
  }

  /// Takes a word; the checksum itself counts as 0.
  func update(_ crc: inout CRC32C, _ word: UInt32, at position: FileOffset) {
    crc.update(position == FileOffset(Self.offset) &+ 4 ? 0 : word, bits: 32)
  }
}

extension Superblock {
  public var checksum: UInt32 { UInt32(truncatingIfNeeded: words.at0 &>> 32) }
  public var compatible: CompatibleFeatures { CompatibleFeatures(rawValue: UInt32(truncatingIfNeeded: words.at8)) }
  /// Bits outside ``IncompatibleFeatures/known`` are 0: a superblock with them is refused.
  public var incompatible: IncompatibleFeatures {
    @inline(__always) get { IncompatibleFeatures(rawValue: announced & IncompatibleFeatures.known.rawValue) }
  }
  private var announced: UInt32 { UInt32(truncatingIfNeeded: words.at50) }
  /// log2 of the block size, 9 ... 16.
  public var blockShift: Int { Int(truncatingIfNeeded: (words.at8 &>> 32) & 0xFF) }
  public var blockSize: Int { Int(truncatingIfNeeded: blockMask) &+ 1 }
  /// Extra 16-byte slots behind the first 128 bytes.
  public var extraSlots: UInt8 { UInt8(truncatingIfNeeded: words.at8 &>> 40) }
  private var rootOrBlocks: UInt64 { words.at8 &>> 48 }
  private var hasWideRoot: Bool { incompatible.contains(.wide48Bit) && words.at70 != 0 }
  public var rootNID: UInt64 { hasWideRoot ? words.at70 : rootOrBlocks }
  /// Inodes in the image, as its maker counted them; may be 0.
  public var inodeCount: UInt64 { words.at10 }
  /// Base of the times of compact inodes, in seconds since 1970.
  public var epoch: Int64 { Int64(bitPattern: words.at18) }
  /// Nanoseconds of the times of all compact inodes.
  public var fixedNanoseconds: UInt32 { UInt32(truncatingIfNeeded: words.at20) }
  /// Blocks of the primary device, as its maker counted them; may be 0.
  public var blockCount: UInt64 { words.at20 &>> 32 | (hasWideRoot ? rootOrBlocks &<< 32 : 0) }
  /// Block where NIDs start counting.
  public var metadataBlock: UInt32 { UInt32(truncatingIfNeeded: words.at28) }
  /// Block where the ids of shared xattrs start counting.
  public var xattrBlock: UInt32 { UInt32(truncatingIfNeeded: words.at28 &>> 32) }
  public var uuid: (UInt64, UInt64) { (words.at30, words.at38) }
  /// 16 bytes, as stored, the unused ones 0.
  public var volumeName: (UInt64, UInt64) { (words.at40, words.at48) }
  /// The bitmap of algorithms, or LZ4's largest distance.
  var bitmapOrDistance: UInt16 { UInt16(truncatingIfNeeded: words.at50 &>> 32) }
  public var extraDevices: Int {
    incompatible.contains(.deviceTable) ? Int(truncatingIfNeeded: words.at50 &>> 48) : 0
  }
  /// Byte offset of the device table.
  public var deviceTableOffset: UInt64 { incompatible.contains(.deviceTable) ? (words.at58 & 0xFFFF) &* 128 : 0 }
  public var xattrPrefixCount: Int {
    incompatible.contains(.xattrPrefixes) ? Int(truncatingIfNeeded: (words.at58 &>> 24) & 0xFF) : 0
  }
  /// Byte offset of the table of long xattr prefixes in its stream.
  public var xattrPrefixOffset: UInt64 {
    incompatible.contains(.xattrPrefixes) ? (words.at58 &>> 32) &* 4 : 0
  }
  /// NID of the packed inode; 0 where there is none.
  public var packedNID: UInt64 { incompatible.contains(.fragments) ? words.at60 : 0 }
  /// NID of the metabox inode; nil where there is none.
  public var metaboxNID: UInt64? { incompatible.contains(.metabox) ? words.at80 : nil }
  var hasMetabox: Bool { incompatible.contains(.metabox) }
  /// Whether name filters mean anything.
  public var xattrFilterIsUsable: Bool { compatible.contains(.xattrFilter) && words.at68 & 0xFF == 0 }
  /// Index into the table of long prefixes, for the digests of files.
  public var imageSharePrefix: UInt8 { UInt8(truncatingIfNeeded: words.at68 &>> 8) }
  /// Seconds after ``epoch`` at which the image was made.
  public var buildTime: UInt32 { UInt32(truncatingIfNeeded: words.at68 &>> 32) }
}

extension Superblock: Equatable {
  public static func == (a: Superblock, b: Superblock) -> Bool { a.words == b.words && a.compression == b.compression }
}

/// The words of a superblock, each named after the offset at which it starts.
struct SuperblockWords: Equatable, Sendable {
  private(set) var at0: UInt64 = 0, at8: UInt64 = 0, at10: UInt64 = 0, at18: UInt64 = 0, at20: UInt64 = 0
  private(set) var at28: UInt64 = 0, at30: UInt64 = 0, at38: UInt64 = 0, at40: UInt64 = 0, at48: UInt64 = 0
  private(set) var at50: UInt64 = 0, at58: UInt64 = 0, at60: UInt64 = 0, at68: UInt64 = 0, at70: UInt64 = 0
  private(set) var at78: UInt64 = 0, at80: UInt64 = 0, at88: UInt64 = 0

  #if _endian(little)
    /// Turns the words as they lie on disk into numbers.
    @inline(__always)
    func swapToHost() {}
  #else
    /// Turns the words as they lie on disk into numbers.
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
