// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSFormatWriting

/// The smallest image there is: a superblock and one compact inode, the root directory, in block 0. A fuzz target puts its
/// input into the blocks after it, or after the inode, so that no mutation is lost on the superblock.
///
/// It is public for the package in `Fuzzing`, which sees no declaration of the format itself.
public struct SmallImage {
  public static let blockBytes = 1 << blockShift
  public static let rootNID = UInt64(rootOffset >> Int(InodeSlot.shift))
  private static let blockShift = 12
  private static let rootOffset = 2048

  public private(set) var bytes: [UInt8]

  /// - Parameter blocks: of 4 KiB; 1 at least.
  public init(blocks: Int) {
    bytes = [UInt8](repeating: 0, count: blocks * Self.blockBytes)
    var superblock = StoredRecord<SuperblockRecord>()
    superblock[.magic] = SuperblockRecord.magic
    superblock[.blockShift] = UInt8(Self.blockShift)
    superblock[.rootOrBlocks] = UInt16(Self.rootNID)
    superblock[.inodeCount] = 1
    superblock[.blockCount] = UInt32(blocks)
    put(superblock.bytes, at: SuperblockRecord.start)
  }

  private mutating func put(_ new: some Collection<UInt8>, at offset: Int) {
    bytes.replaceSubrange(offset..<offset + new.count, with: new)
  }

  private mutating func putRoot(size: Int, xattrCount: UInt16) {
    var inode = StoredRecord<CompactInodeRecord>()
    inode[.xattrCount] = xattrCount
    inode[.mode] = InodeKind.directory.mode | 0o755
    inode[.linkCountOrHigh] = 2
    inode[.size] = UInt32(size)
    inode[.union] = 1
    put(inode.bytes, at: Self.rootOffset)
  }

  /// Makes the root a directory with that content, which is put into block 1 and those after it.
  ///
  /// - Parameter content: must fit the image.
  public mutating func putDirectory(_ content: some Collection<UInt8>) {
    putRoot(size: content.count, xattrCount: 0)
    put(content, at: Self.blockBytes)
  }

  /// Makes the root an empty directory with an xattr area, and block 1 the pool of shared attributes.
  ///
  /// - Parameters:
  ///   - areaBytes: bytes of the area, a multiple of 4, at most 1024; less than an inode can announce counts as that.
  ///   - content: the area, and then the pool; missing bytes are 0, and those after block 1 are left out.
  public mutating func putAttributes(areaBytes: Int, _ content: some Collection<UInt8>) {
    let least = XattrHeaderRecord.areaBytes(count: 1)
    let count = UInt16(1 + max(0, areaBytes - least) / XattrEntryRecord.alignment)
    let announced = XattrHeaderRecord.areaBytes(count: count)
    putRoot(size: 0, xattrCount: count)
    put(content.prefix(announced), at: Self.rootOffset + CompactInodeRecord.byteCount)
    put(content.dropFirst(announced).prefix(Self.blockBytes), at: Self.blockBytes)
    bytes[.xattrBlock, of: SuperblockRecord.self, at: SuperblockRecord.start] = 1
  }
}

extension SmallImage {
  /// The blocks of a directory.
  ///
  /// - Parameter names: in the order in which they are stored; `type` is 0 or the number of an `InodeKind`.
  public static func directory(_ names: [(name: [UInt8], nid: UInt64, type: UInt8)]) -> [UInt8] {
    DirectoryName.blocks(names.map { DirectoryName($0.name, nid: $0.nid, kind: $0.type) }, blockBytes: blockBytes)
  }

  /// An extended attribute, as it is stored in an area or in the shared pool.
  ///
  /// - Parameter index: what comes before the stored name (e_name_index).
  public static func attribute(_ index: UInt8, _ name: String, _ value: String) -> [UInt8] {
    entry(index, name, value).bytes
  }

  private static func entry(_ index: UInt8, _ name: String, _ value: String) -> XattrEntry {
    XattrEntry(XattrNameIndex(raw: index), name: Array(name.utf8), value: Array(value.utf8))
  }

  /// An xattr area: its filter of names, ids of shared attributes, and its own attributes.
  public static func attributes(
    filter: UInt32, shared: [UInt32], own: [(index: UInt8, name: String, value: String)]
  ) -> [UInt8] {
    var area = XattrArea()
    area.filter = XattrFilter(raw: filter)
    area.shared = shared
    area.entries = own.map { entry($0.index, $0.name, $0.value) }
    return area.bytes
  }
}
