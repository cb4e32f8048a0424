// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSFormatWriting

/// An image put together record by record: what no mkfs would make. Blocks have 4 KiB; it has no checksum.
package struct CraftedImage {
  package static let rootNID: UInt64 = 64
  package static let blockBytes = 4096
  package private(set) var bytes = [UInt8](repeating: 0, count: blockBytes)
  package var superblock: StoredRecord<SuperblockRecord>
  /// feature_incompat, and the bitmap of algorithms.
  package var features = IncompatibleFeatures([.zeroPadding, .chunkedFiles]).rawValue
  package var algorithms: UInt16 = 0

  /// A name in a directory.
  package struct Name {
    package let name: [UInt8]
    package let nid: UInt64
    package let kind: InodeKind

    package init(name: [UInt8], nid: UInt64, kind: InodeKind) { (self.name, self.nid, self.kind) = (name, nid, kind) }
  }

  package init() {
    superblock = StoredRecord()
    superblock[.magic] = SuperblockRecord.magic
    superblock[.blockShift] = 12
    superblock[.rootOrBlocks] = UInt16(Self.rootNID)
  }

  /// Adds bytes after all others; returns where they are.
  @discardableResult
  package mutating func add(_ new: [UInt8], alignment: Int = 1) -> Int {
    bytes.align(to: alignment)
    defer { bytes += new }
    return bytes.count
  }

  /// Adds an inode, and what follows it, at the next place where one may start; returns where it is.
  package mutating func addInode(_ bytes: [UInt8]) -> Int { add(bytes, alignment: 1 << Int(InodeSlot.shift)) }

  package mutating func put(_ new: [UInt8], at offset: Int) {
    bytes += [UInt8](repeating: 0, count: max(0, offset + new.count - bytes.count))
    bytes.replaceSubrange(offset..<offset + new.count, with: new)
  }

  /// An inode of 64 bytes.
  package static func inodeRecord(
    _ layout: DataLayout, mode: UInt16, size: UInt64, union: UInt32 = .max, links: UInt32 = 1,
    attributeCount: UInt16 = 0
  ) -> StoredRecord<ExtendedInodeRecord> {
    var format = InodeFormat(raw: 0)
    format.isExtended = true
    format.layout = layout.rawValue
    var inode = StoredRecord<ExtendedInodeRecord>()
    inode[.format] = format.raw
    inode[.xattrCount] = attributeCount
    inode[.mode] = mode
    if layout != .chunked, union == HoleBlock.low { inode[.high] = HoleBlock.high }
    inode[.size] = size
    inode[.union] = union
    inode[.linkCount] = links
    return inode
  }

  package static func inode(
    _ layout: DataLayout, mode: UInt16, size: UInt64, union: UInt32 = .max, links: UInt32 = 1,
    attributeCount: UInt16 = 0
  ) -> [UInt8] {
    inodeRecord(layout, mode: mode, size: size, union: union, links: links, attributeCount: attributeCount).bytes
  }

  /// The map header of encoded extents with records of that size.
  package static func extentHeader(recordBytes: Int, count: UInt32 = 0, clusterBits: UInt8 = 0) -> StoredRecord<
    MapHeaderRecord
  > {
    var advice: MapAdvice = .extents
    advice.recordShift = UInt16(recordBytes.trailingZeroBitCount - 2)
    var last = MapClusterBits(raw: 0)
    last.shift = clusterBits
    var header = StoredRecord<MapHeaderRecord>()
    header[.fragmentOrCount] = count
    header[.advice] = advice.raw
    header[.clusterBits] = last.raw
    return header
  }

  package static func nid(at offset: Int) -> UInt64 { UInt64(offset) >> InodeSlot.shift }

  /// What an inode with chunks of `1 << shift` blocks has in its union; the chunks have no device.
  package static func chunkUnion(shift: UInt16) -> UInt32 {
    var format = ChunkFormat(raw: 0)
    format.shift = shift
    return UInt32(format.raw)
  }

  /// The chunk table of such an inode; ``HoleBlock/low`` for a hole.
  package static func chunkTable(_ blocks: some Sequence<UInt32>) -> [UInt8] {
    blocks.flatMap {
      var record = StoredRecord<ChunkBlockRecord>()
      record[.block] = $0
      return record.bytes
    }
  }

  /// A directory's blocks; `names` in any order.
  package static func directory(_ names: [Name]) -> [UInt8] {
    let sorted = names.sorted { $0.name.lexicographicallyPrecedes($1.name) }
    return DirectoryName.blocks(
      sorted.map { DirectoryName($0.name, nid: $0.nid, kind: $0.kind.rawValue) }, blockBytes: blockBytes)
  }

  /// The whole image, with these names in its root.
  package func complete(_ names: [Name]) -> [UInt8] {
    var image = self
    let dots = [[0x2E], [0x2E, 0x2E]].map { Name(name: $0, nid: Self.rootNID, kind: .directory) }
    let content = Self.directory(names + dots)
    let at = image.add(content, alignment: Self.blockBytes)
    let links = 2 + names.filter { $0.kind == .directory }.count
    image.put(
      Self.inode(
        .flatPlain, mode: InodeKind.directory.mode | 0o755, size: UInt64(content.count),
        union: UInt32(at / Self.blockBytes), links: UInt32(links)),
      at: Int(Self.rootNID << InodeSlot.shift))
    image.add([], alignment: Self.blockBytes)
    var record = superblock
    record[.incompatible] = features
    record[.algorithmsOrDistance] = algorithms
    image.put(record.bytes, at: SuperblockRecord.start)
    return image.bytes
  }
}
