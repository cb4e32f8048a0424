// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSFormatWriting
import EROFSTree

/// The names in a directory as the image has them.
struct DirectoryContent {
  private(set) var names: [DirectoryName] = []

  /// - Parameter nid: of an inode by its number.
  init(of number: Int, _ build: BuildContext, nid: (UInt32) -> UInt64) {
    let (tree, order) = (build.tree, build.order)
    let entry = order.entries[number]
    let kind = InodeKind.directory.rawValue
    if !build.options.omitsDots { names.append(DirectoryName([0x2E], nid: nid(UInt32(number)), kind: kind)) }
    names.append(DirectoryName([0x2E, 0x2E], nid: nid(order.number(of: tree.parent(of: entry), in: tree)), kind: kind))
    let dots = names.count
    for child in tree.children(of: entry) {
      let inode = tree.inode(of: child)
      names.append(
        DirectoryName(
          Array(tree.name(of: child)), nid: nid(order.number(of: inode)), kind: tree.kind(of: inode).rawValue))
    }
    // Few names come before the dots.
    if names.count > dots, names[dots].name.lexicographicallyPrecedes(names[dots - 1].name) {
      names.sort { $0.name.lexicographicallyPrecedes($1.name) }
    }
  }

  func bytes(blockSize: Int) -> [UInt8] { DirectoryName.blocks(names, blockBytes: blockSize) }

  /// How many bytes that are.
  func size(blockSize: Int) -> Int {
    var full = 0
    var used = 0
    for name in names {
      let bytes = DirectoryRecord.byteCount + name.name.count
      if used + bytes > blockSize {
        full += blockSize
        used = 0
      }
      used += bytes
    }
    return full + used
  }
}
