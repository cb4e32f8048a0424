// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import SystemPackage

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Open directories of a tree that is being extracted, as many as one thread may keep open.
///
/// A directory is opened by its own name from its parent's descriptor, never by a path and never through a symbolic
/// link, so that nothing leads outside whatever happens to the tree meanwhile.
struct DirectoryCache: ~Copyable {
  private let tree: ScannedTree
  /// The directory that the tree's root is.
  private let root: Int32
  private var slots: [(node: Int, file: Int32, used: Int)] = []
  private var clock = 0
  private static let capacity = 32

  init(_ tree: ScannedTree, root: Int32) {
    self.tree = tree
    self.root = root
  }

  deinit { for slot in slots { close(slot.file) } }

  /// The descriptor of a directory node, good until the next call; of node 0 and of -1, the root's.
  mutating func descriptor(of node: Int) throws(Errno) -> Int32 {
    if node <= 0 { return root }
    clock += 1
    if let index = slots.firstIndex(where: { $0.node == node }) {
      slots[index].used = clock
      return slots[index].file
    }
    // The nearest directory above that is open, then down again.
    var missing = [node]
    var above = tree.nodes[node].parent
    var file = root
    while above > 0 {
      if let index = slots.firstIndex(where: { $0.node == above }) {
        slots[index].used = clock
        file = slots[index].file
        break
      }
      missing.append(above)
      above = tree.nodes[above].parent
    }
    for next in missing.reversed() {
      let opened = try HostFile.openDirectory(at: file, tree.nodes[next].name)
      keep(next, opened)
      file = opened
    }
    return file
  }

  /// Closes a directory that is about to go away.
  mutating func forget(_ node: Int) {
    guard let index = slots.firstIndex(where: { $0.node == node }) else { return }
    close(slots[index].file)
    slots.remove(at: index)
  }

  private mutating func keep(_ node: Int, _ file: Int32) {
    clock += 1
    if slots.count == Self.capacity, let oldest = slots.indices.min(by: { slots[$0].used < slots[$1].used }) {
      close(slots[oldest].file)
      slots[oldest] = (node, file, clock)
    } else {
      slots.append((node, file, clock))
    }
  }
}
