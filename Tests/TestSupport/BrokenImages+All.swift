// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSFormatWriting

extension BrokenImage {
  /// An image for each defect that the reader reports, and for each thing that it lacks.
  package static var all: [BrokenImage] { superblocks + inodes + compressed + directories + attributes + unsupported }

  private static var superblocks: [BrokenImage] {
    [
      make(.magic, at: position(.magic)) { $0.superblock[.magic] = 0 },
      make(.checksum, at: SuperblockRecord.start) {
        $0.superblock[.compatible] = CompatibleFeatures.superblockChecksum.rawValue
        $0.superblock[.checksum] = 1
      },
      make(.superblockSize, at: position(.extraSlots)) { $0.features |= IncompatibleFeatures.metabox.rawValue },
      make(.selfReference, at: position(.packedNID)) {
        $0.features |= IncompatibleFeatures.fragments.rawValue
        $0.superblock[.packedNID] = SuperblockRecord.metaboxBit | 1
      },
      make(
        .compressionRecord, at: SuperblockRecord.start + SuperblockRecord.byteCount + CompressionRecord.byteCount
      ) {
        $0.features |= IncompatibleFeatures.compressionRecords.rawValue
        $0.algorithms = 1 << UInt16(Algorithm.microLZMA.rawValue)
        var record = StoredRecord<MicroLZMARecord>()
        record.bytes[.length, of: CompressionRecord.self, at: 0] = 14
        record[.dictionaryBytes] = 4095
        $0.put(record.bytes, at: SuperblockRecord.start + SuperblockRecord.byteCount)
      },
      make("deviceTable", .corrupt(.deviceTable, at: .device(3, offset: 4096))) { chunkOnDevice(3, of: 2, &$0) },
    ]
  }

  /// A file of one chunk on an extra device.
  private static func chunkOnDevice(_ device: UInt32, of count: UInt16, _ image: inout CraftedImage) {
    image.features |= IncompatibleFeatures.deviceTable.rawValue
    image.superblock[.extraDevices] = count
    image.superblock[.deviceTable] = UInt16(3 * CraftedImage.blockBytes / Int(SuperblockRecord.deviceTableUnit))
    var format = ChunkFormat(raw: 0)
    format.hasIndexes = true
    var place = ChunkPlace(raw: 0)
    place.device = device
    var chunk = StoredRecord<ChunkIndexRecord>()
    chunk[.place] = place.raw
    chunk[.block] = 1
    image.put(file(.chunked, size: 4096, union: UInt32(format.raw), after: chunk.bytes), at: file)
    image.put([UInt8](repeating: 0, count: DeviceSlotRecord.byteCount * Int(count)), at: 3 * CraftedImage.blockBytes)
  }

  private static var inodes: [BrokenImage] {
    let far: UInt64 = 1 << 60
    return [
      make("outsideDevice", .corrupt(.outsideDevice, at: .device(0, offset: 0x1000 << 12))) {
        $0.put(file(.flatPlain, size: 4096, union: 0x1000), at: file)
      },
      make("addressOverflow", .corrupt(.addressOverflow, at: .device(0, offset: far)), nid: far) { _ in },
      make(.inodeFormat, at: file) { image in
        image.put(
          file(.flatPlain, size: 0) {
            var format = InodeFormat(raw: $0[.format])
            format.reserved = 1
            $0[.format] = format.raw
          }, at: file)
      },
      make(.dataLayout, at: file) { image in
        image.put(
          file(.flatPlain, size: 0) {
            var format = InodeFormat(raw: $0[.format])
            format.layout = 7
            $0[.format] = format.raw
          }, at: file)
      },
      make(.fileType, at: file) { $0.put(file(.flatPlain, size: 0) { $0[.mode] = 0o644 }, at: file) },
      make(.xattrSize, at: file) { $0.put(file(.flatPlain, size: 0) { $0[.xattrCount] = 1 }, at: file) },
      make(.size, at: file) { $0.put(file(.flatPlain, size: 1 << 63), at: file) },
      make(.inlineCrossesBlock, at: file) { $0.put(file(.flatInline, size: 4095), at: file) },
      make(.chunkFormat, at: file) { image in
        var format = ChunkFormat(raw: 0)
        format.reserved = 1
        image.put(file(.chunked, size: 1, union: UInt32(format.raw)), at: file)
      },
      make(.noPackedInode, at: SuperblockRecord.start) {
        $0.features |= IncompatibleFeatures.fragments.rawValue
        $0.put(fragment(at: 0), at: file)
      },
      make(.nestedFragment, at: file) {
        $0.features |= IncompatibleFeatures.fragments.rawValue
        $0.superblock[.packedNID] = nid
        $0.put(fragment(at: 0), at: file)
      },
      make(.fragmentOffset, at: file) {
        $0.features |= IncompatibleFeatures.fragments.rawValue
        $0.superblock[.packedNID] = nid + 8
        $0.put(fragment(at: 1 << 40), at: file)
        $0.put(file(.flatPlain, size: 4096), at: file + 256)
      },
      make(
        "noMetabox", .corrupt(.noMetabox, at: .metabox(offset: 0)), nid: SuperblockRecord.metaboxBit | 1
      ) { _ in },
      make(
        "outsideMetabox", .corrupt(.outsideMetabox, at: .metabox(offset: 32000)),
        nid: SuperblockRecord.metaboxBit | 1000
      ) {
        $0.features |= IncompatibleFeatures.metabox.rawValue
        $0.superblock[.extraSlots] = 1
        var slot = [UInt8](repeating: 0, count: SuperblockRecord.extraSlotBytes)
        slot.put(nid, at: 0)
        $0.put(slot, at: position(.metaboxNID))
        $0.put(file(.flatPlain, size: 4096), at: file)
      },
    ]
  }

  private static var compressed: [BrokenImage] {
    [
      make(.mapHeader, at: header) {
        var last = MapClusterBits(raw: 0)
        last.reserved = 1
        var bytes = StoredRecord<MapHeaderRecord>()
        bytes[.clusterBits] = last.raw
        $0.put(file(.compressedFull, size: 4096, union: 1, after: bytes.bytes), at: file)
      },
      make(.clusterOffset, at: file) { $0.put(indexed(size: 8192, [head(offset: 4096), head()]), at: file) },
      make(.lookBack, at: file) { $0.put(indexed(size: 8192, [nonhead(back: 1), head()]), at: file) },
      make(.clusterCount, at: file) {
        $0.put(indexed(size: 8192, advice: .bigPcluster1, [head(), nonhead(back: 1)]), at: file)
      },
      make(.unannouncedAlgorithm, at: file) {
        $0.put(indexed(size: 4096, algorithms: Algorithm.microLZMA.rawValue, [head()]), at: file)
      },
      make(.extentLength, at: file) {
        $0.features |= IncompatibleFeatures.wide48Bit.rawValue
        $0.put(encoded(size: UInt64(Superblock.maximumDecodedBytes) + 1, bytes: 4096, format: 1), at: file)
      },
      make(.storedLength, at: file) {
        $0.features |= IncompatibleFeatures.wide48Bit.rawValue
        $0.put(encoded(size: 4096, bytes: 4095, format: 0), at: file)
      },
    ]
  }

  private static var directories: [BrokenImage] {
    let first = DirectoryRecord.byteCount
    func one(_ name: [UInt8]) -> [UInt8] {
      DirectoryName.block([DirectoryName(name, nid: CraftedImage.nid(at: emptyFile), kind: 0)])
    }
    return [
      make(
        .directoryEntries, at: file, kind: .directory,
        directory(twoNames { $0[.nameOffset, of: DirectoryRecord.self, at: 0] = 13 })),
      make(
        .nameOffset, at: file, kind: .directory,
        directory(twoNames { $0[.nameOffset, of: DirectoryRecord.self, at: first] = 1 })),
      make(.nameLength, at: file, kind: .directory, directory(one([UInt8](repeating: 0x61, count: 300)))),
      make(.nameCharacter, at: file, kind: .directory, directory(one(Array("a/b".utf8)))),
      make(
        .entryType, at: file, kind: .directory,
        directory(twoNames { $0[.kind, of: DirectoryRecord.self, at: first] = 8 })),
    ]
  }

  private static var attributes: [BrokenImage] {
    let area = file + ExtendedInodeRecord.byteCount
    let entry = area + XattrHeaderRecord.byteCount
    func xattrs(_ index: UInt8, _ edit: (inout [UInt8]) -> Void = { _ in }) -> [UInt8] {
      var area = XattrArea()
      area.entries = [XattrEntry(XattrNameIndex(raw: index), name: Array("a".utf8), value: Array("b".utf8))]
      var bytes = area.bytes
      edit(&bytes)
      return bytes
    }
    var long = XattrNameIndex(raw: 0)
    long.isLongPrefix = true
    return [
      make(.xattrEntry, at: entry) {
        let bytes = xattrs(1) {
          let at = XattrHeaderRecord.byteCount
          var sizes = XattrEntrySizes(raw: $0[.sizes, of: XattrEntryRecord.self, at: at])
          sizes.valueBytes = 100
          $0[.sizes, of: XattrEntryRecord.self, at: at] = sizes.raw
        }
        $0.put(file(.flatPlain, size: 0, xattrs: bytes), at: file)
      },
      make(.xattrShared, at: area + Field<XattrHeaderRecord, UInt8>.sharedCount.offset) {
        let bytes = xattrs(1) { $0[.sharedCount, of: XattrHeaderRecord.self, at: 0] = 3 }
        $0.put(file(.flatPlain, size: 0, xattrs: bytes), at: file)
      },
      make(.xattrPrefix, at: entry) { $0.put(file(.flatPlain, size: 0, xattrs: xattrs(long.raw)), at: file) },
    ]
  }

  private static var unsupported: [BrokenImage] {
    func at<Value>(_ field: Field<SuperblockRecord, Value>) -> Position {
      .device(0, offset: UInt64(position(field)))
    }
    return [
      make("feature", .unsupported(.incompatible(1 << 31), at: at(.incompatible))) { $0.features |= 1 << 31 },
      make("blockSize", .unsupported(.blockSize(17), at: at(.blockShift))) { $0.superblock[.blockShift] = 17 },
      make("directoryBlockSize", .unsupported(.directoryBlockSize(1), at: at(.directoryBlockShift))) {
        $0.superblock[.directoryBlockShift] = 1
      },
      make("algorithm", .unsupported(.algorithm(5), at: at(.algorithmsOrDistance))) {
        $0.features |= IncompatibleFeatures.compressionRecords.rawValue
        $0.algorithms = 1 << 5
      },
      make("device", .unsupported(.device(1), at: .device(1, offset: 0))) { chunkOnDevice(1, of: 1, &$0) },
    ]
  }
}
