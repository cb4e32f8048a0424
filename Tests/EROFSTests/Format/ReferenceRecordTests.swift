// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSFormatWriting
import Foundation
import PageVectors
import TestSupport
import Testing

@testable import EROFS

/// Every record of the reference images: read and written again, it has the same bytes.
@Suite struct ReferenceRecordTests {
  @Test(arguments: ReferenceImages.names)
  func recordsAreWrittenAsTheyWereRead(name: String) throws {
    let image = Array(try ReferenceImages.image(name))
    let walk = try RecordWalk(name, image)
    walk.checkSuperblock()
    try walk.checkInodes()
    #expect(walk.inodes > 100)
  }
}

/// Goes through the inodes of an image.
private final class RecordWalk {
  private let image: [UInt8]
  private let superblock: Superblock
  private let memory: PlannedMemory
  private var volume: Volume<TestStorage>
  /// The decoded content of the metabox inode.
  private var metabox: [UInt8] = []
  private(set) var inodes = 0

  init(_ name: String, _ image: [UInt8]) throws {
    self.image = image
    let storage = TestStorage(
      [try ReferenceImages.image(name)] + (ReferenceImages.blob(name).map { [$0] } ?? []), isMapped: true)
    superblock = try Superblock(reading: storage)
    memory = PlannedMemory(.maximum(for: superblock), pageShift: 12)
    volume = Volume(storage, superblock: superblock, memory: memory.memory)
    if let nid = superblock.metaboxNID { metabox = try content(of: try volume.inode(nid)) }
  }

  private func content(of inode: Inode) throws -> [UInt8] {
    let pages = ScatteredPages(count: Int(inode.size), pageShift: 12)
    var done: UInt64 = 0
    while done < inode.size {
      let part = pages.vector.dropFirst(Int(done))
      done += UInt64(try volume.read(inode, at: done, into: part))
    }
    return pages.vector.readOnly.gathered
  }

  func checkSuperblock() {
    let start = SuperblockRecord.start
    let record = StoredRecord<SuperblockRecord>(image[start..<start + SuperblockRecord.byteCount])
    #expect(record.rewritten == record)
    #expect(record[.magic] == SuperblockRecord.magic)
    #expect(record[.epoch] == superblock.epoch && record[.buildTime] == superblock.buildTime)
    if let nid = superblock.metaboxNID {
      #expect(image[.metaboxNID, of: SuperblockRecord.self, at: start] == nid)
    }
    if superblock.compatible.contains(.superblockChecksum) {
      var sealed = image
      StoredRecord<SuperblockRecord>.seal(&sealed)
      #expect(sealed == image)
    }
    for device in 0..<superblock.extraDevices {
      let at = Int(superblock.deviceTableOffset) + DeviceSlotRecord.byteCount * device
      let slot = StoredRecord<DeviceSlotRecord>(image[at..<at + DeviceSlotRecord.byteCount])
      #expect(slot.rewritten.bytes[DeviceSlotRecord.tagBytes...] == slot.bytes[DeviceSlotRecord.tagBytes...])
    }
  }

  func checkInodes() throws {
    var pending = [superblock.rootNID]
    if superblock.packedNID != 0 { pending.append(superblock.packedNID) }
    if let nid = superblock.metaboxNID { pending.append(nid) }
    var seen: Set<UInt64> = []
    while let nid = pending.popLast() {
      guard seen.insert(nid).inserted else { continue }
      let inode = try volume.inode(nid)
      inodes += 1
      let stream = inode.stream == .device ? image : metabox
      checkInode(inode, stream)
      if inode.kind == .directory { pending += try checkDirectory(inode) }
    }
  }

  private func checkInode(_ inode: Inode, _ stream: [UInt8]) {
    let at = Int(inode.offset)
    if inode.isExtended {
      let record = StoredRecord<ExtendedInodeRecord>(stream[at..<at + ExtendedInodeRecord.byteCount])
      #expect(record.rewritten == record, "inode \(inode.nid)")
      #expect(record[.linkCount] == inode.linkCount && record[.userID] == inode.userID)
    } else {
      let record = StoredRecord<CompactInodeRecord>(stream[at..<at + CompactInodeRecord.byteCount])
      #expect(record.rewritten == record, "inode \(inode.nid)")
      #expect(UInt32(record[.groupID]) == inode.groupID && record[.serialNumber] == inode.serialNumber)
    }
    if inode.xattrBytes > 0 { checkXattrs(inode, stream) }
    guard inode.hasData else { return }
    if inode.layout == .chunked { checkChunks(inode, stream) }
    if inode.isCompressed { checkIndex(inode, stream) }
  }

  private func checkXattrs(_ inode: Inode, _ stream: [UInt8]) {
    let start = Int(inode.xattrOffset)
    #expect(XattrHeaderRecord.count(areaBytes: inode.xattrBytes) == inode.words[.xattrCount])
    var area = XattrArea()
    area.filter = XattrFilter(raw: stream[.nameFilter, of: XattrHeaderRecord.self, at: start])
    var at = start + XattrHeaderRecord.byteCount
    for _ in 0..<stream[.sharedCount, of: XattrHeaderRecord.self, at: start] {
      area.shared.append(stream[.id, of: SharedXattrRecord.self, at: at])
      at += SharedXattrRecord.byteCount
    }
    while at < start + inode.xattrBytes {
      let sizes = XattrEntrySizes(raw: stream[.sizes, of: XattrEntryRecord.self, at: at])
      let name = at + XattrEntryRecord.byteCount
      let value = name + Int(sizes.nameBytes)
      area.entries.append(
        XattrEntry(
          XattrNameIndex(raw: UInt8(sizes.nameIndex)), name: Array(stream[name..<value]),
          value: Array(stream[value..<value + Int(sizes.valueBytes)])))
      at += sizes.entryBytes
    }
    #expect(area.bytes == Array(stream[start..<start + inode.xattrBytes]), "xattrs of \(inode.nid)")
  }

  private func checkChunks(_ inode: Inode, _ stream: [UInt8]) {
    guard inode.words.chunkFormat.hasIndexes else { return }
    let count = Int((inode.size - 1) >> UInt64(inode.shift)) + 1
    for number in 0..<count {
      let at = Int(inode.table) + ChunkIndexRecord.byteCount * number
      let record = StoredRecord<ChunkIndexRecord>(stream[at..<at + ChunkIndexRecord.byteCount])
      #expect(record.rewritten == record, "chunk \(number) of \(inode.nid)")
    }
  }

  private func checkIndex(_ inode: Inode, _ stream: [UInt8]) {
    let start = Int((inode.xattrOffset + UInt64(inode.xattrBytes)).aligned(to: UInt64(MapHeaderRecord.alignment)))
    let record = StoredRecord<MapHeaderRecord>(stream[start..<start + MapHeaderRecord.byteCount])
    #expect(record.rewritten == record && record.bytes.number(at: 0, as: UInt64.self) == inode.header)
    let header = MapHeader(raw: inode.header)
    let count = Int((inode.size - 1) >> UInt64(inode.shift)) + 1
    let table = Int(inode.table)
    if inode.isFragment {
      #expect(MapHeader(fragmentAt: header.wholeFragmentOffset) == header)
    } else if inode.hasEncodedExtents {
      checkExtents(inode, stream, header, header.recordBytes < 16 ? count : Int(header.extentCount))
    } else if inode.layout == .compressedFull {
      let bytes = stream[table..<table + LclusterRecord.byteCount * count]
      let entries = (0..<count).map { number -> StoredRecord<LclusterRecord> in
        let at = table + LclusterRecord.byteCount * number
        return StoredRecord<LclusterRecord>(stream[at..<at + LclusterRecord.byteCount]).rewritten
      }
      #expect(LclusterIndex.full(entries) == Array(bytes), "index of \(inode.nid)")
    } else {
      checkCompact(inode, stream, header, count)
    }
  }

  private func checkCompact(_ inode: Inode, _ stream: [UInt8], _ header: MapHeader, _ count: Int) {
    let hasLargePacks = header.advise.contains(.compact2B)
    let width = CompactEntry.valueWidth(blockShift: superblock.blockShift)
    var entries: [CompactEntry] = []
    var bases: [UInt32] = []
    var end = 0
    for number in 0..<count {
      let pack = LclusterPack(of: UInt64(number), inode.table, UInt64(count), hasLargePacks: hasLargePacks)
      let place = pack.place(of: pack.index)
      var word: UInt32 = 0
      for byte in (0..<3).reversed() { word = word << 8 | UInt32(stream[Int(place.offset) + byte]) }
      entries.append(
        CompactEntry(bits: word >> place.bit & ((1 << UInt32(pack.bits)) - 1), width: width))
      bases.append(stream.number(at: Int(pack.baseOffset), as: UInt32.self))
      end = Int(pack.offset + pack.byteCount)
    }
    let bytes = LclusterIndex.compact(
      entries, at: inode.table, blockShift: superblock.blockShift, hasLargePacks: hasLargePacks,
      base: { bases[$0] })
    var stored = Array(stream[Int(inode.table)..<end])
    // What the last pack has after the last entry of the file says nothing.
    let last = LclusterPack(of: UInt64(count - 1), inode.table, UInt64(count), hasLargePacks: hasLargePacks)
    if last.index < last.last {
      for byte in (last.index + 1) * last.bits / 8..<Int(last.entryBytes) {
        stored[Int(last.offset - inode.table) + byte] = 0
      }
    }
    #expect(bytes == stored, "index of \(inode.nid)")
  }

  private func checkExtents(_ inode: Inode, _ stream: [UInt8], _ header: MapHeader, _ count: Int) {
    let size = Int(header.recordBytes)
    var at = Int(inode.table)
    var first: UInt64 = 0
    if size == 4 {
      first = stream.number(at: at, as: UInt64.self)
      at += EncodedExtentRecord.firstAddressBytes
    }
    let extents = (0..<count).map { number -> EncodedExtent in
      let bytes = Array(stream[at + size * number..<at + size * (number + 1)])
      let record = StoredRecord<EncodedExtentRecord>(
        bytes + [UInt8](repeating: 0, count: EncodedExtentRecord.byteCount - size))
      let address = size == 4 ? first : UInt64(record[.addressHigh]) << 32 | UInt64(record[.addressLow])
      return EncodedExtent(
        start: UInt64(record[.startHigh]) << 32 | UInt64(record[.startLow]),
        length: EncodedLength(raw: record[.length]),
        address: address)
    }
    let end = at + size * count
    #expect(
      EncodedExtent.table(extents, recordBytes: size) == Array(stream[Int(inode.table)..<end]),
      "extents of \(inode.nid)")
  }

  /// The blocks of a directory, written anew; returns the NIDs in it.
  private func checkDirectory(_ inode: Inode) throws -> [UInt64] {
    let stored = try content(of: inode)
    var nids: [UInt64] = []
    for start in stride(from: 0, to: stored.count, by: superblock.blockSize) {
      let block = Array(stored[start..<min(stored.count, start + superblock.blockSize)])
      let count = Int(block[.nameOffset, of: DirectoryRecord.self, at: 0]) / DirectoryRecord.byteCount
      func offset(_ number: Int) -> Int {
        Int(block[.nameOffset, of: DirectoryRecord.self, at: DirectoryRecord.byteCount * number])
      }
      let names = (0..<count).map { number -> DirectoryName in
        let at = DirectoryRecord.byteCount * number
        var name = block[offset(number)..<(number + 1 < count ? offset(number + 1) : block.count)]
        if number + 1 == count, let end = name.firstIndex(of: 0) { name = name[..<end] }
        return DirectoryName(
          Array(name), nid: block[.nid, of: DirectoryRecord.self, at: at],
          kind: block[.kind, of: DirectoryRecord.self, at: at])
      }
      var written = DirectoryName.block(names)
      written += [UInt8](repeating: 0, count: block.count - written.count)
      #expect(written == block, "block at \(start) of directory \(inode.nid)")
      nids += names.map(\.nid)
    }
    return nids
  }
}
