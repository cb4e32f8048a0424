// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// The superblock (128 bytes and more at byte 1024) and the compression records that follow it, checked.
///
/// Once made, it holds no value that later code would have to doubt, but for addresses: those are checked where they are
/// used, because the superblock's own counts of blocks and inodes bind nobody.
public struct Superblock: Equatable, Sendable {
  public static let magic: UInt32 = 0xE0F5_E1E2
  /// Byte offset of the superblock in the image.
  public static let offset: UInt64 = 1024
  /// Bytes of the superblock without its extra slots.
  static let size = 128
  /// The largest pcluster as stored, in bytes.
  public static let maximumStoredBytes = 1 << 20
  /// The largest pcluster as decoded, in bytes.
  public static let maximumDecodedBytes = 12 << 20
  /// NIDs with this bit count in the metabox.
  static var metaboxBit: UInt64 { 1 << 63 }

  public let checksum: UInt32
  public let compatible: CompatibleFeatures
  public let incompatible: IncompatibleFeatures
  /// log2 of the block size, 9 ... 16.
  public let blockShift: Int
  /// Extra 16-byte slots behind the first 128 bytes.
  public let extraSlots: UInt8
  public let rootNID: UInt64
  /// Inodes in the image, as its maker counted them; may be 0.
  public let inodeCount: UInt64
  /// Base of the times of compact inodes, in seconds since 1970.
  public let epoch: Int64
  /// Nanoseconds of the times of all compact inodes.
  public let fixedNanoseconds: UInt32
  /// Blocks of the primary device, as its maker counted them; may be 0.
  public let blockCount: UInt64
  /// Block where NIDs start counting.
  public let metadataBlock: UInt32
  /// Block where the ids of shared xattrs start counting.
  public let xattrBlock: UInt32
  public let uuid: (UInt64, UInt64)
  /// 16 bytes, as stored, the unused ones 0.
  public let volumeName: (UInt64, UInt64)
  public let extraDevices: Int
  /// Byte offset of the device table.
  public let deviceTableOffset: UInt64
  public let xattrPrefixCount: Int
  /// Byte offset of the table of long xattr prefixes in its stream.
  public let xattrPrefixOffset: UInt64
  /// NID of the packed inode; 0 where there is none.
  public let packedNID: UInt64
  /// NID of the metabox inode; nil where there is none.
  public let metaboxNID: UInt64?
  /// Whether name filters mean anything.
  public let xattrFilterIsUsable: Bool
  /// Index into the table of long prefixes, for the digests of files.
  public let imageSharePrefix: UInt8
  /// Seconds after ``epoch`` at which the image was made.
  public let buildTime: UInt32
  public let compression: CompressionLimits

  @inlinable public var blockSize: Int { 1 << blockShift }

  public static func == (a: Superblock, b: Superblock) -> Bool {
    a.checksum == b.checksum && a.uuid == b.uuid && a.volumeName == b.volumeName && a.rootNID == b.rootNID
      && a.compatible == b.compatible && a.incompatible == b.incompatible && a.blockShift == b.blockShift
      && a.blockCount == b.blockCount && a.inodeCount == b.inodeCount && a.epoch == b.epoch
      && a.packedNID == b.packedNID && a.metaboxNID == b.metaboxNID && a.compression == b.compression
      && a.metadataBlock == b.metadataBlock && a.xattrBlock == b.xattrBlock && a.buildTime == b.buildTime
  }

  /// Reads and checks the superblock of `storage`; needs no memory but the stack.
  public init(reading storage: some Storage) throws(EROFSError) {
    let start = Self.offset
    func u16(_ at: UInt64) throws(EROFSError) -> UInt16 { try storage.load(at: start + at) }
    func u32(_ at: UInt64) throws(EROFSError) -> UInt32 { try storage.load(at: start + at) }
    func u64(_ at: UInt64) throws(EROFSError) -> UInt64 { try storage.load(at: start + at) }
    func at(_ field: UInt64) -> Position { .device(0, offset: start + field) }

    guard try u32(0) == Self.magic else { throw .corrupt(.magic, at: at(0)) }
    checksum = try u32(4)
    compatible = CompatibleFeatures(rawValue: try u32(8))
    let blockBits: UInt8 = try storage.load(at: start + 0x0C)
    guard (9...16).contains(blockBits) else { throw .unsupported(.blockSize(blockBits), at: at(0x0C)) }
    blockShift = Int(blockBits)
    extraSlots = try storage.load(at: start + 0x0D)
    incompatible = IncompatibleFeatures(rawValue: try u32(0x50))
    let unknown = incompatible.subtracting(.known)
    guard unknown.isEmpty else { throw .unsupported(.incompatible(unknown.rawValue), at: at(0x50)) }
    let directoryBits: UInt8 = try storage.load(at: start + 0x5A)
    guard directoryBits == 0 else { throw .unsupported(.directoryBlockSize(directoryBits), at: at(0x5A)) }

    let rootOrBlocks = try u16(0x0E)
    let wideRoot = incompatible.contains(.wide48Bit) ? try u64(0x70) : 0
    let lowBlocks = UInt64(try u32(0x24))
    if wideRoot != 0 {
      rootNID = wideRoot
      blockCount = lowBlocks | UInt64(rootOrBlocks) &<< 32
    } else {
      rootNID = UInt64(rootOrBlocks)
      blockCount = lowBlocks
    }
    inodeCount = try u64(0x10)
    epoch = Int64(bitPattern: try u64(0x18))
    fixedNanoseconds = try u32(0x20)
    metadataBlock = try u32(0x28)
    xattrBlock = try u32(0x2C)
    uuid = (try u64(0x30), try u64(0x38))
    volumeName = (try u64(0x40), try u64(0x48))
    if incompatible.contains(.deviceTable) {
      extraDevices = Int(try u16(0x56))
      deviceTableOffset = UInt64(try u16(0x58)) * 128
    } else {
      extraDevices = 0
      deviceTableOffset = 0
    }
    if incompatible.contains(.xattrPrefixes) {
      let count: UInt8 = try storage.load(at: start + 0x5B)
      xattrPrefixCount = Int(count)
      xattrPrefixOffset = UInt64(try u32(0x5C)) * 4
    } else {
      xattrPrefixCount = 0
      xattrPrefixOffset = 0
    }
    packedNID = incompatible.contains(.fragments) ? try u64(0x60) : 0
    guard packedNID & Self.metaboxBit == 0 else { throw .corrupt(.selfReference, at: at(0x60)) }
    let filter: UInt8 = try storage.load(at: start + 0x68)
    xattrFilterIsUsable = compatible.contains(.xattrFilter) && filter == 0
    imageSharePrefix = try storage.load(at: start + 0x69)
    buildTime = try u32(0x6C)
    if incompatible.contains(.metabox) {
      guard extraSlots >= 1 else { throw .corrupt(.superblockSize, at: at(0x0D)) }
      let nid = try u64(0x80)
      guard nid & Self.metaboxBit == 0 else { throw .corrupt(.selfReference, at: at(0x80)) }
      metaboxNID = nid
    } else {
      metaboxNID = nil
    }
    let first = start + UInt64(Self.size) + 16 * UInt64(extraSlots)
    compression = try CompressionLimits(
      reading: storage, incompatible: incompatible, bitmapOrDistance: try u16(0x54), recordsAt: first)
  }

  /// Recomputes the checksum of the superblock's block; nil where the image does not carry one.
  public func checksumMatches(in storage: some Storage) throws(EROFSError) -> Bool? {
    guard compatible.contains(.superblockChecksum) else { return nil }
    let start = Self.offset
    let end = blockSize > Int(start) ? UInt64(blockSize) : start + UInt64(blockSize)
    var crc = CRC32C()
    var position = start
    while position < end {
      var word: UInt32 = try storage.load(at: position)
      if position == start + 4 { word = 0 }
      for shift in 0..<4 as Range<UInt32> { crc.update(UInt8(truncatingIfNeeded: word &>> (8 &* shift))) }
      position += 4
    }
    return crc.value == checksum
  }
}

/// What the pclusters of an image ask for at most, by algorithm: from the compression records, or the defaults of
/// images that have none.
public struct CompressionLimits: Equatable, Sendable {
  /// A bit for each algorithm id that the image may use.
  public private(set) var algorithms: UInt16 = 0
  /// How far back a match may reach, in bytes, 1 ... 65535.
  public private(set) var lz4MaximumDistance = 65535
  /// The largest LZ4 pcluster, in blocks.
  public private(set) var lz4MaximumPclusterBlocks = 1
  /// Bytes, 4 KiB ... 8 MiB.
  public private(set) var lzmaDictionaryBytes = 0
  /// log2 of the window, 8 ... 15.
  public private(set) var deflateWindowBits = 0
  /// log2 of the window, 10 ... 20.
  public private(set) var zstandardWindowLog = 0

  @inlinable
  public func announces(_ algorithm: Algorithm) -> Bool { algorithms & (1 << UInt16(algorithm.rawValue)) != 0 }

  /// Bytes of history that a match of `algorithm` can reach; no more than the window that its record declares.
  public func window(of algorithm: Algorithm) -> Int {
    switch algorithm {
    case .lz4: lz4MaximumDistance
    case .microLZMA: lzmaDictionaryBytes
    case .deflate: 1 << deflateWindowBits
    case .zstandard: 1 << zstandardWindowLog
    }
  }

  init(
    reading storage: some Storage, incompatible: IncompatibleFeatures, bitmapOrDistance: UInt16, recordsAt first: UInt64
  ) throws(EROFSError) {
    guard incompatible.contains(.compressionRecords) else {
      if incompatible.contains(.zeroPadding) || bitmapOrDistance != 0 { algorithms = 1 }
      if bitmapOrDistance != 0 { lz4MaximumDistance = Int(bitmapOrDistance) }
      return
    }
    algorithms = bitmapOrDistance
    guard algorithms &>> 4 == 0 else {
      throw .unsupported(
        .algorithm(UInt8(truncatingIfNeeded: 15 - algorithms.leadingZeroBitCount)), at: .device(0, offset: 1024 + 0x54))
    }
    var position = first
    for id: UInt8 in 0..<4 {
      guard let algorithm = Algorithm(rawValue: id), announces(algorithm) else { continue }
      position = (position + 3) & ~3
      let length: UInt16 = try storage.load(at: position)
      let body = position + 2
      let defect = EROFSError.corrupt(.compressionRecord, at: .device(0, offset: body))
      guard length >= (algorithm == .lz4 || algorithm == .microLZMA ? 14 : 6) else { throw defect }
      switch algorithm {
      case .lz4:
        let distance: UInt16 = try storage.load(at: body)
        let blocks: UInt16 = try storage.load(at: body + 2)
        lz4MaximumDistance = distance == 0 ? 65535 : Int(distance)
        lz4MaximumPclusterBlocks = max(1, Int(blocks))
      case .microLZMA:
        let bytes: UInt32 = try storage.load(at: body)
        let format: UInt16 = try storage.load(at: body + 4)
        guard format == 0, (4096...(8 << 20)).contains(bytes) else { throw defect }
        lzmaDictionaryBytes = Int(bytes)
      case .deflate:
        let bits: UInt8 = try storage.load(at: body)
        // mkfs.erofs 1.9.4 writes 0 with libdeflate, and its streams use all 32 KiB.
        guard bits == 0 || (8...15).contains(bits) else { throw defect }
        deflateWindowBits = bits == 0 ? 15 : Int(bits)
      case .zstandard:
        let format: UInt8 = try storage.load(at: body)
        let log: UInt8 = try storage.load(at: body + 1)
        guard format == 0, log <= 10 else { throw defect }
        zstandardWindowLog = Int(log) + 10
      }
      position = body + UInt64(length)
    }
  }
}

extension Storage {
  /// The little-endian integer at byte `offset` of the primary device, read straight from the storage.
  func load<T: FixedWidthInteger>(at offset: UInt64, as type: T.Type = T.self) throws(EROFSError) -> T {
    let size = MemoryLayout<T>.size
    let count = byteCount(ofDevice: 0)
    guard count >= UInt64(size), offset <= count - UInt64(size) else {
      throw .corrupt(.outsideDevice, at: .device(0, offset: offset))
    }
    if let value = mapped(device: 0, at: offset, count: size)?.load(at: 0, as: T.self) { return value }
    var value: T = 0
    do throws(StorageError) {
      try unsafe withUnsafeMutableBytes(of: &value) { (buffer) throws(StorageError) in
        try unsafe read(device: 0, at: offset, into: MutablePageVector(unsafeContiguous: buffer))
      }
    } catch { throw .storage(error, at: .device(0, offset: offset)) }
    return T(littleEndian: value)
  }
}
