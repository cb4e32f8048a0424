// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSFormatWriting
import EROFSTree
import Encoders

/// The first block of an image, or the first two if blocks are small: superblock, compression records, inodes.
struct SuperblockWriter {
  let options: BuildOptions
  /// Formats that occur in the image; they are announced.
  let algorithms: Set<UInt8>
  /// Bytes of the largest cluster.
  let largestCluster: Int

  /// Whether the superblock alone says how the image is compressed: LZ4 with clusters of one block, as since Linux 5.3.
  private var isSimple: Bool { algorithms.isSubset(of: [0]) && lz4Blocks == 1 }

  /// Blocks that an extent is in at most: one more if it may begin inside a block. Linux mounts nothing with more than 256, and
  /// has room for as many pages then, which is enough for smaller blocks too.
  private var lz4Blocks: Int {
    let blocks = largestCluster >> options.blockShift
    guard options.index == .encoded else { return blocks }
    return blocks == 256 ? 256 : min(blocks + 1, Encoder.largestCluster >> options.blockShift)
  }

  /// The first byte after the compression records and the device table.
  var end: UInt64 { deviceTable + UInt64(options.deviceCount * DeviceSlotRecord.byteCount) }

  /// Where the device table starts, if there is one. Images with one are not compressed.
  private var deviceTable: UInt64 {
    UInt64(SuperblockRecord.start + SuperblockRecord.byteCount + extraBytes + records.count)
  }

  /// The slots of the extra devices. Their blocks follow those of the image in the unified address space, so that all can be
  /// one file.
  private func deviceSlots(_ devices: [BuildOptions.ExtraDevice], after imageBlocks: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    var next = imageBlocks
    for device in devices {
      var slot = deviceSlot(device.blocks, after: next)
      slot.replaceSubrange(0..<device.tag.count, with: device.tag)
      bytes += slot
      next += device.blocks
    }
    return bytes
  }

  private func deviceSlot(_ blocks: UInt64, after imageBlocks: UInt64) -> [UInt8] {
    var slot = StoredRecord<DeviceSlotRecord>()
    var high = DeviceSlotHigh(raw: 0)
    slot[.blocks] = UInt32(truncatingIfNeeded: blocks)
    // Without wide addresses a device that starts above has no place there.
    if options.wideAddresses || imageBlocks + blocks <= UInt64(UInt32.max) {
      slot[.unifiedBlock] = UInt32(truncatingIfNeeded: imageBlocks)
    }
    if options.wideAddresses {
      high.blocks = UInt32(blocks >> 32)
      high.unifiedBlock = UInt32(imageBlocks >> 32)
    }
    slot[.high] = high.raw
    return slot.bytes
  }

  /// Bytes of the extra slots.
  private var extraBytes: Int { options.metabox == nil ? 0 : SuperblockRecord.extraSlotBytes }

  /// The compression records, in the order of their algorithms.
  var records: [UInt8] {
    if isSimple || algorithms.isEmpty { return [] }
    var bytes: [UInt8] = []
    for id in algorithms.sorted() {
      bytes.align(to: CompressionRecord.alignment)
      bytes += record(of: id)
    }
    return bytes
  }

  /// The compression record of an algorithm.
  func record(of id: UInt8) -> [UInt8] {
    let dictionary = options.allEncodings.filter { $0.algorithm.format == id }.map(\.dictionarySize).max() ?? 0
    var record: [UInt8]
    switch id {
    case 0:
      var lz4 = StoredRecord<LZ4Record>()
      lz4[.pclusterBlocks] = UInt16(lz4Blocks)
      record = lz4.bytes
    case 1:
      var lzma = StoredRecord<MicroLZMARecord>()
      lzma[.dictionaryBytes] = UInt32(dictionary)
      record = lzma.bytes
    case 2:
      var deflate = StoredRecord<DeflateRecord>()
      deflate[.windowBits] = UInt8(dictionary.trailingZeroBitCount)
      record = deflate.bytes
    default:
      var zstandard = StoredRecord<ZstandardRecord>()
      zstandard[.windowLog] = UInt8(dictionary.trailingZeroBitCount - 10)
      record = zstandard.bytes
    }
    record[.length, of: CompressionRecord.self, at: 0] = UInt16(record.count - CompressionRecord.byteCount)
    return record
  }

  /// All bytes up to the end of the block in which the inodes of `metadata` are.
  func bytes(
    _ metadata: MetadataPass, contents: ContentPass, inodes: UInt64, blocks: UInt64,
    devices: [BuildOptions.ExtraDevice], uuid: [UInt8], buildTime: Int64
  ) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: SuperblockRecord.start)
    var record = StoredRecord<SuperblockRecord>()
    let epoch = metadata.form.epoch
    record[.magic] = SuperblockRecord.magic
    record[.blockShift] = UInt8(options.blockShift)
    record[.inodeCount] = inodes
    record[.epoch] = epoch.seconds
    record[.fixedNanoseconds] = epoch.nanoseconds
    record[.blockCount] = UInt32(truncatingIfNeeded: blocks)
    record[.metadataBlock] = UInt32(truncatingIfNeeded: metadata.base >> UInt64(options.blockShift))
    record[.xattrBlock] = UInt32(truncatingIfNeeded: metadata.poolStart >> UInt64(options.blockShift))
    record[.uuidLow] = uuid.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
    record[.uuidHigh] = uuid.withUnsafeBytes {
      UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }
    let name = options.volumeName + [UInt8](repeating: 0, count: 16 - options.volumeName.count)
    record[.volumeNameLow] = name.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
    record[.volumeNameHigh] = name.withUnsafeBytes {
      UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }
    let (sinceEpoch, isFar) = buildTime.subtractingReportingOverflow(epoch.seconds)
    record[.buildTime] = isFar ? 0 : UInt32(exactly: max(0, sinceEpoch)) ?? 0
    record[.packedNID] = metadata.packedNID ?? 0
    if options.wideAddresses {
      record[.wideRootNID] = metadata.rootNID
      record[.rootOrBlocks] = UInt16(blocks >> 32)
    } else {
      record[.rootOrBlocks] = UInt16(metadata.rootNID)
    }
    if !isSimple { record[.algorithmsOrDistance] = algorithms.reduce(0) { $0 | 1 << UInt16($1) } }
    if !metadata.attributes.prefixTable.isEmpty {
      record[.xattrPrefixCount] = UInt8(metadata.attributes.prefixCount)
      record[.xattrPrefixStart] = UInt32(metadata.prefixStart / SuperblockRecord.xattrPrefixUnit)
    }
    if let prefix = metadata.attributes.digestPrefix { record[.imageSharePrefix] = prefix }
    if !devices.isEmpty {
      record[.extraDevices] = UInt16(devices.count)
      record[.deviceTable] = UInt16(deviceTable / SuperblockRecord.deviceTableUnit)
    }
    record[.compatible] = compatible(metadata).rawValue
    record[.incompatible] = incompatible(metadata, contents).rawValue
    bytes += record.bytes + [UInt8](repeating: 0, count: extraBytes)
    if let nid = metadata.metaboxNID {
      bytes[.extraSlots, of: SuperblockRecord.self, at: SuperblockRecord.start] = 1
      bytes[.metaboxNID, of: SuperblockRecord.self, at: SuperblockRecord.start] = nid
    }
    bytes += records
    bytes += deviceSlots(devices, after: blocks)
    bytes.align(to: 32)
    bytes += metadata.head
    bytes.align(to: options.blockSize)
    if options.hasChecksum { StoredRecord<SuperblockRecord>.seal(&bytes) }
    return bytes
  }

  private func compatible(_ metadata: MetadataPass) -> CompatibleFeatures {
    var features: CompatibleFeatures = [.modificationTimes]
    if metadata.attributes.hasFilters { features.insert(.xattrFilter) }
    // The table is always on the device; without this, an image with a packed inode would have it there.
    if !metadata.attributes.prefixTable.isEmpty,
      options.hasPlainPrefixes || metadata.packedNID != nil || options.metabox != nil
    {
      features.insert(.plainXattrPrefixes)
    }
    if metadata.attributes.digestPrefix != nil { features.insert(.imageShareXattrs) }
    return features
  }

  private func incompatible(_ metadata: MetadataPass, _ contents: ContentPass) -> IncompatibleFeatures {
    var features: IncompatibleFeatures = []
    if options.isCompressed { features.insert(.zeroPadding) }
    if !isSimple, !algorithms.isEmpty { features.insert(.compressionRecords) }
    if contents.files.contains(where: { $0.layout == .chunked }) { features.insert(.chunkedFiles) }
    if options.packsTails, contents.hasCompressedTails { features.insert(.tailPacking) }
    if options.deviceCount > 0 { features.insert(.deviceTable) }
    if metadata.packedNID != nil || contents.hasSharedExtents { features.insert(.fragments) }
    if !metadata.attributes.prefixTable.isEmpty { features.insert(.xattrPrefixes) }
    if options.wideAddresses { features.insert(.wide48Bit) }
    if options.metabox != nil { features.insert(.metabox) }
    return features
  }
}

extension Encoding.Algorithm {
  /// Its number in images.
  var format: UInt8 {
    switch self {
    case .lz4, .lz4hc: Algorithm.lz4.rawValue
    case .lzma: Algorithm.microLZMA.rawValue
    case .deflate, .libdeflate: Algorithm.deflate.rawValue
    case .zstd: Algorithm.zstandard.rawValue
    }
  }
}
