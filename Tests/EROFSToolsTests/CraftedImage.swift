// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import Foundation

/// An image put together byte by byte: what no mkfs would make. Blocks have 4 KiB; it has no checksum.
struct CraftedImage {
  static let rootNID: UInt64 = 64
  private static let block = 4096
  private(set) var bytes = [UInt8](repeating: 0, count: block)
  /// feature_incompat, and the bitmap of algorithms.
  var features: UInt32 = 0x05
  var algorithms: UInt16 = 0

  /// A name in a directory.
  struct Name {
    let name: [UInt8]
    let nid: UInt64
    let kind: InodeKind
  }

  static func number(_ value: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
  }

  /// Adds bytes behind all others; returns where they lie.
  @discardableResult
  mutating func add(_ new: [UInt8], alignment: Int = 1) -> Int {
    bytes += [UInt8](repeating: 0, count: (alignment - bytes.count % alignment) % alignment)
    defer { bytes += new }
    return bytes.count
  }

  mutating func put(_ new: [UInt8], at offset: Int) {
    bytes += [UInt8](repeating: 0, count: max(0, offset + new.count - bytes.count))
    bytes.replaceSubrange(offset..<offset + new.count, with: new)
  }

  /// An inode of 64 bytes.
  static func inode(
    _ layout: DataLayout, mode: UInt16, size: UInt64, union: UInt32 = .max, links: UInt32 = 1,
    attributeCount: UInt16 = 0
  ) -> [UInt8] {
    let isHole = layout != .chunked && union == .max
    var inode = number(UInt64(layout.rawValue) << 1 | 1, 2) + number(UInt64(attributeCount), 2)
    inode += number(UInt64(mode), 2) + (isHole ? [0xFF, 0xFF] : [0, 0]) + number(size, 8) + number(UInt64(union), 4)
    inode += [UInt8](repeating: 0, count: 24) + number(UInt64(links), 4) + [UInt8](repeating: 0, count: 16)
    return inode
  }

  static func nid(at offset: Int) -> UInt64 { UInt64(offset) / 32 }

  /// A directory's blocks; `names` in any order.
  static func directory(_ names: [Name]) -> [UInt8] {
    var content: [UInt8] = []
    var rest = names.sorted { $0.name.lexicographicallyPrecedes($1.name) }[...]
    repeat {
      var size = 0
      let part = rest.prefix {
        size += 12 + $0.name.count
        return size <= block
      }
      rest = rest.dropFirst(part.count)
      var offset = 12 * part.count
      content += [UInt8](repeating: 0, count: (block - content.count % block) % block)
      for name in part {
        content += number(name.nid, 8) + number(UInt64(offset), 2) + [name.kind.rawValue, 0]
        offset += name.name.count
      }
      for name in part { content += name.name }
    } while !rest.isEmpty
    return content
  }

  /// The whole image, with these names in its root.
  func complete(_ names: [Name]) -> [UInt8] {
    var image = self
    let dots = [[0x2E], [0x2E, 0x2E]].map { Name(name: $0, nid: Self.rootNID, kind: .directory) }
    let content = Self.directory(names + dots)
    let at = image.add(content, alignment: Self.block)
    let links = 2 + names.filter { $0.kind == .directory }.count
    image.put(
      Self.inode(
        .flatPlain, mode: 0o040755, size: UInt64(content.count), union: UInt32(at / Self.block), links: UInt32(links)),
      at: 2048)
    image.add([], alignment: Self.block)
    var superblock = Self.number(0xE0F5_E1E2, 4) + [UInt8](repeating: 0, count: 8) + [12, 0]
    superblock += Self.number(Self.rootNID, 2) + [UInt8](repeating: 0, count: 0x40)
    superblock += Self.number(UInt64(features), 4) + Self.number(UInt64(algorithms), 2)
    image.put(superblock, at: 1024)
    return image.bytes
  }
}
