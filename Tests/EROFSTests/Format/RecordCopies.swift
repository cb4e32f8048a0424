// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSFormatWriting

/// A record with a list of its fields: they are copied one by one, so that what no field declares is lost.
protocol CopiedRecord: Record {
  static func copy(_ from: StoredRecord<Self>, _ to: inout StoredRecord<Self>)
  /// Bytes that are reserved.
  static var reserved: [Range<Int>] { get }
}

extension StoredRecord where Owner: CopiedRecord {
  /// Read and written again, field by field.
  var rewritten: Self {
    var copy = Self()
    Owner.copy(self, &copy)
    return copy
  }
}

extension SuperblockRecord: CopiedRecord {
  static var reserved: [Range<Int>] { [0x6A..<0x6C, 0x78..<0x80] }
  static func copy(_ from: StoredRecord<Self>, _ to: inout StoredRecord<Self>) {
    to[.magic] = from[.magic]
    to[.checksum] = from[.checksum]
    to[.compatible] = from[.compatible]
    to[.blockShift] = from[.blockShift]
    to[.extraSlots] = from[.extraSlots]
    to[.rootOrBlocks] = from[.rootOrBlocks]
    to[.inodeCount] = from[.inodeCount]
    to[.epoch] = from[.epoch]
    to[.fixedNanoseconds] = from[.fixedNanoseconds]
    to[.blockCount] = from[.blockCount]
    to[.metadataBlock] = from[.metadataBlock]
    to[.xattrBlock] = from[.xattrBlock]
    to[.uuidLow] = from[.uuidLow]
    to[.uuidHigh] = from[.uuidHigh]
    to[.volumeNameLow] = from[.volumeNameLow]
    to[.volumeNameHigh] = from[.volumeNameHigh]
    to[.incompatible] = from[.incompatible]
    to[.algorithmsOrDistance] = from[.algorithmsOrDistance]
    to[.extraDevices] = from[.extraDevices]
    to[.deviceTable] = from[.deviceTable]
    to[.directoryBlockShift] = from[.directoryBlockShift]
    to[.xattrPrefixCount] = from[.xattrPrefixCount]
    to[.xattrPrefixStart] = from[.xattrPrefixStart]
    to[.packedNID] = from[.packedNID]
    to[.xattrFilterReserved] = from[.xattrFilterReserved]
    to[.imageSharePrefix] = from[.imageSharePrefix]
    to[.buildTime] = from[.buildTime]
    to[.wideRootNID] = from[.wideRootNID]
  }
}

extension CompactInodeRecord: CopiedRecord {
  static var reserved: [Range<Int>] { [0x1C..<0x20] }
  static func copy(_ from: StoredRecord<Self>, _ to: inout StoredRecord<Self>) {
    to[.format] = from[.format]
    to[.xattrCount] = from[.xattrCount]
    to[.mode] = from[.mode]
    to[.linkCountOrHigh] = from[.linkCountOrHigh]
    to[.size] = from[.size]
    to[.modificationTime] = from[.modificationTime]
    to[.union] = from[.union]
    to[.serialNumber] = from[.serialNumber]
    to[.userID] = from[.userID]
    to[.groupID] = from[.groupID]
  }
}

extension ExtendedInodeRecord: CopiedRecord {
  static var reserved: [Range<Int>] { [0x30..<0x40] }
  static func copy(_ from: StoredRecord<Self>, _ to: inout StoredRecord<Self>) {
    to[.format] = from[.format]
    to[.xattrCount] = from[.xattrCount]
    to[.mode] = from[.mode]
    to[.high] = from[.high]
    to[.size] = from[.size]
    to[.union] = from[.union]
    to[.serialNumber] = from[.serialNumber]
    to[.userID] = from[.userID]
    to[.groupID] = from[.groupID]
    to[.modificationTime] = from[.modificationTime]
    to[.nanoseconds] = from[.nanoseconds]
    to[.linkCount] = from[.linkCount]
  }
}

extension MapHeaderRecord: CopiedRecord {
  static var reserved: [Range<Int>] { [] }
  static func copy(_ from: StoredRecord<Self>, _ to: inout StoredRecord<Self>) {
    to[.fragmentOrCount] = from[.fragmentOrCount]
    to[.advice] = from[.advice]
    to[.algorithms] = from[.algorithms]
    to[.clusterBits] = from[.clusterBits]
  }
}

extension LclusterRecord: CopiedRecord {
  static var reserved: [Range<Int>] { [] }
  static func copy(_ from: StoredRecord<Self>, _ to: inout StoredRecord<Self>) {
    to[.position] = from[.position]
    to[.blockOrDistances] = from[.blockOrDistances]
  }
}

extension EncodedExtentRecord: CopiedRecord {
  static var reserved: [Range<Int>] { [20..<32] }
  static func copy(_ from: StoredRecord<Self>, _ to: inout StoredRecord<Self>) {
    to[.length] = from[.length]
    to[.addressLow] = from[.addressLow]
    to[.addressHigh] = from[.addressHigh]
    to[.startLow] = from[.startLow]
    to[.startHigh] = from[.startHigh]
  }
}

extension ChunkIndexRecord: CopiedRecord {
  static var reserved: [Range<Int>] { [] }
  static func copy(_ from: StoredRecord<Self>, _ to: inout StoredRecord<Self>) {
    to[.place] = from[.place]
    to[.block] = from[.block]
  }
}

extension DeviceSlotRecord: CopiedRecord {
  static var reserved: [Range<Int>] { [0..<0x40, 0x4C..<0x80] }
  static func copy(_ from: StoredRecord<Self>, _ to: inout StoredRecord<Self>) {
    to[.blocks] = from[.blocks]
    to[.unifiedBlock] = from[.unifiedBlock]
    to[.high] = from[.high]
  }
}

extension XattrHeaderRecord: CopiedRecord {
  static var reserved: [Range<Int>] { [5..<12] }
  static func copy(_ from: StoredRecord<Self>, _ to: inout StoredRecord<Self>) {
    to[.nameFilter] = from[.nameFilter]
    to[.sharedCount] = from[.sharedCount]
  }
}

extension DirectoryRecord: CopiedRecord {
  static var reserved: [Range<Int>] { [11..<12] }
  static func copy(_ from: StoredRecord<Self>, _ to: inout StoredRecord<Self>) {
    to[.nid] = from[.nid]
    to[.nameOffset] = from[.nameOffset]
    to[.kind] = from[.kind]
  }
}
