// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import PageVectors

extension ImageReader {
  /// Blocks of the primary device and of all that the device table lists, as the image announces them.
  public func announcedBlocks() throws(EROFSError) -> UInt64 {
    var blocks = superblock.blockCount
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 128, alignment: 8)
    defer { bytes.deallocate() }
    let slot = MutablePageVector(unsafeContiguous: bytes)
    for device in 0..<superblock.extraDevices {
      let offset = superblock.deviceTableOffset + 128 * UInt64(device)
      do throws(StorageError) {
        try image.read(device: 0, at: offset, into: slot)
      } catch { throw .storage(error, at: .device(0, offset: offset)) }
      blocks &+= UInt64(slot.readOnly.load(at: 0x40, as: UInt32.self) ?? 0)
      guard superblock.incompatible.contains(.wide48Bit) else { continue }
      blocks &+= UInt64(slot.readOnly.load(at: 0x48, as: UInt16.self) ?? 0) << 32
    }
    return blocks
  }

  /// The number of blocks that a compressed inode says it takes (i_u.compressed_blocks, with high bits where it has them);
  /// nil for an inode of another layout. Reading a file does not need it, so nobody has checked it.
  public func announcedBlocks(of inode: Inode) throws(EROFSError) -> UInt64? {
    guard inode.layout == .compressedFull || inode.layout == .compressedCompact else { return nil }
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 32, alignment: 8)
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
    // Bit 4 of a compact inode's format makes high bits of what else is its link count.
    let isWide = inode.isExtended || (bytes[0] & 0x10 != 0 && inode.kind != .directory)
    let low = raw.readOnly.load(at: 0x10, as: UInt32.self) ?? 0
    let high = raw.readOnly.load(at: 6, as: UInt16.self) ?? 0
    return UInt64(low) | (isWide ? UInt64(high) << 32 : 0)
  }
}
