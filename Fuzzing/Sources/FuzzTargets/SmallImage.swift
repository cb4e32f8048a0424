// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import FuzzKit

/// The smallest image there is: a superblock, and one compact inode at byte 2048 (nid 64), the root directory. What a
/// target wants to be hostile is put into it, so that every mutation counts and none is lost on the superblock.
struct SmallImage {
  static let blockSize = 4096
  static let rootNID: UInt64 = 64
  static let rootOffset = 2048

  var bytes: [UInt8]

  init(blocks: Int) {
    bytes = [UInt8](repeating: 0, count: blocks * Self.blockSize)
    put(0xE0F5_E1E2, at: 1024, 4)
    bytes[1024 + 0x0C] = 12
    put(Self.rootNID, at: 1024 + 0x0E, 2)
    put(3, at: 1024 + 0x10, 8)
    put(UInt64(blocks), at: 1024 + 0x24, 4)
  }

  mutating func put(_ value: UInt64, at offset: Int, _ size: Int) {
    for i in 0..<size { bytes[offset + i] = UInt8(truncatingIfNeeded: value >> (8 * i)) }
  }

  /// The root inode: a directory whose blocks start at block 1.
  ///
  /// - Parameters:
  ///   - size: bytes of the directory.
  ///   - attributes: bytes of the xattr area behind the inode: 0, or 12 and a multiple of 4 more.
  mutating func root(size: Int, attributes: Int = 0) {
    let inode = Self.rootOffset
    // compact, flat plain
    put(0, at: inode, 2)
    put(attributes == 0 ? 0 : UInt64((attributes - 12) / 4 + 1), at: inode + 2, 2)
    put(0o040755, at: inode + 4, 2)
    put(2, at: inode + 6, 2)
    put(UInt64(size), at: inode + 8, 4)
    put(1, at: inode + 0x10, 4)
  }
}
