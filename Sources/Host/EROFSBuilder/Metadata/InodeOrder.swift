// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTree

/// The inodes of a tree with the numbers that they get in the image, from 0 for the root.
///
/// The children of a directory have numbers in a row, in the order of their names, because whoever lists a directory reads
/// all their inodes; then come those of its first subdirectory.
struct InodeOrder {
  /// By number: the first name that leads to it.
  private(set) var entries: [Tree.EntryID] = []
  /// By number: link count.
  private(set) var links: [UInt32] = []
  /// Directories in the order in which they are walked.
  private(set) var directories: [UInt32] = []
  /// By the inode's number in the tree.
  private var numbers: [UInt32]

  init(_ tree: Tree) {
    numbers = Array(repeating: .max, count: tree.inodeLimit)
    entries.reserveCapacity(tree.inodeLimit)
    links.reserveCapacity(tree.inodeLimit)
    add(Tree.root, tree)
    var stack = [Tree.root]
    while let directory = stack.popLast() {
      let own = number(of: directory, in: tree)
      directories.append(own)
      let first = stack.count
      for child in tree.children(of: directory) {
        if tree.kind(of: child) == .directory {
          links[Int(own)] += 1
          stack.append(child)
        }
        add(child, tree)
      }
      stack[first...].reverse()
    }
  }

  var count: Int { entries.count }

  private mutating func add(_ entry: Tree.EntryID, _ tree: Tree) {
    let inode = tree.inode(of: entry)
    guard numbers[Int(inode.number)] == .max else { return }
    numbers[Int(inode.number)] = UInt32(entries.count)
    entries.append(entry)
    links.append(tree.kind(of: inode) == .directory ? 2 : UInt32(tree.linkCount(of: inode)))
  }

  func number(of inode: Tree.InodeID) -> UInt32 { numbers[Int(inode.number)] }
  func number(of entry: Tree.EntryID, in tree: Tree) -> UInt32 { number(of: tree.inode(of: entry)) }
}
