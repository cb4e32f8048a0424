// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree

/// A part of a tree that is like the whole, for trials: some of its files, of large ones a part, all in memory.
struct SampleTree {
  let tree: Tree
  /// Whether it is the whole tree.
  let isWhole: Bool

  /// - Parameter bytes: about as many of contents are taken.
  init(of whole: Tree, bytes: UInt64) throws {
    var files: [(entry: Tree.EntryID, size: UInt64, chance: UInt64, place: Int)] = []
    var seen: Set<Tree.InodeID> = []
    var total: UInt64 = 0
    for (entry, path) in whole.walk() where whole.kind(of: entry) == .regular {
      guard seen.insert(whole.inode(of: entry)).inserted else { continue }
      let size = whole.size(of: whole.inode(of: entry))
      total += size
      files.append((entry, size, Self.chance(path), files.count))
    }
    isWhole = total <= bytes + bytes / 2
    guard !isWhole else {
      tree = whole
      return
    }
    // Which files are taken depends on their paths only, so that the same tree always gives the same sample.
    files.sort { ($0.chance, $0.place) < ($1.chance, $1.place) }
    let longest = max(1, bytes / 8)
    var sample = whole
    var opener = ContentOpener(whole)
    var left = bytes
    var kept: Set<Tree.InodeID> = []
    for (entry, size, _, _) in files where left > 0 && size > 0 {
      let count = min(size, longest, left)
      let reader = try opener.open(entry)
      var content = [UInt8](repeating: 0, count: Int(count))
      // The start of a large file is often a table.
      try content.withUnsafeMutableBytes { try reader.read(into: $0, at: (size - count) / 4) }
      try sample.set(.bytes(content), of: entry)
      kept.insert(whole.inode(of: entry))
      left -= count
    }
    for (entry, _) in whole.walk() where whole.kind(of: entry) == .regular && !kept.contains(whole.inode(of: entry)) {
      sample.remove(entry)
    }
    tree = sample
  }

  /// FNV-1a with a final mix: any spread of paths will do.
  private static func chance(_ path: [UInt8]) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in path { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    hash ^= hash >> 32
    return hash &* 0x9E37_79B9_7F4A_7C15
  }
}
