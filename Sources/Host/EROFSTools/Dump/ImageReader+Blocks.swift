// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import PageVectors

extension ImageReader {
  /// Blocks of the primary device and of all that the device table lists, as the image announces them.
  package func announcedBlocks() throws(EROFSError) -> UInt64 {
    try image.deviceTable(superblock).reduce(superblock.blockCount) { $0 &+ $1.blocks }
  }

  /// The number of blocks that a compressed inode says it takes (i_u.compressed_blocks, with high bits where it has them);
  /// nil for an inode of another layout. Reading a file does not need it, so it has not been checked.
  package func announcedBlocks(of inode: Inode) throws(EROFSError) -> UInt64? {
    guard inode.layout == .compressedFull || inode.layout == .compressedCompact else { return nil }
    let bytes = UnsafeMutableRawBufferPointer.allocate(
      byteCount: CompactInodeRecord.byteCount, alignment: 8)
    defer { bytes.deallocate() }
    let raw = MutablePageVector(unsafeContiguous: bytes)
    if inode.stream == .metabox, let box = superblock.metaboxNID {
      let stream = try volume.inode(box)
      _ = try volume.read(stream, at: inode.offset, into: raw)
    } else {
      do throws(StorageError) {
        try image.read(device: 0, at: inode.offset, into: raw)
      } catch { throw .storage(error, at: inode.position) }
    }
    // An extended inode has the same fields there.
    let record = RecordView<CompactInodeRecord>(unsafe: bytes)
    let isWide =
      inode.isExtended || (InodeFormat(raw: record[.format]).hasHighBits && inode.kind != .directory)
    return UInt64(record[.union]) | (isWide ? UInt64(record[.linkCountOrHigh]) << 32 : 0)
  }
}
