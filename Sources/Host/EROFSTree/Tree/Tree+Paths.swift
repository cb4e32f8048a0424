// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

extension Tree {
  /// From the root, without a slash in front; empty for the root.
  public func path(of entry: EntryID) -> [UInt8] {
    var names: [EntryID] = []
    var step = entry
    while step != Self.root {
      names.append(step)
      step = parent(of: step)
    }
    var path: [UInt8] = []
    for step in names.reversed() {
      if !path.isEmpty { path.append(0x2F) }
      path += name(of: step)
    }
    return path
  }

  /// Of a name that need not be there.
  func path(of name: some Collection<UInt8>, in directory: EntryID) -> [UInt8] {
    directory == Self.root ? Array(name) : path(of: directory) + [0x2F] + name
  }

  /// The child of a directory with this name.
  public func child(_ name: some Collection<UInt8>, of directory: EntryID) -> EntryID? {
    let name = ArraySlice(name)
    return names.find(NameTable.hash(parent: directory.number, name: name)) { number in
      entries[Int(number)].parent == directory.number && pool[entries[Int(number)].name] == name
    }.map(EntryID.init)
  }

  /// What is at a path. Slashes in front, at the end and repeated do not count, nor do names `.`; no symbolic link is
  /// followed, and `..` is found nowhere.
  public func entry(at path: some Collection<UInt8>) -> EntryID? {
    var entry = Self.root
    for name in path.split(separator: 0x2F) where !name.elementsEqual([0x2E]) {
      guard let child = child(name, of: entry) else { return nil }
      entry = child
    }
    return entry
  }

  public func entry(at path: String) -> EntryID? { entry(at: Array(path.utf8)) }

  /// In the order of their bytes. Empty for what is no directory.
  public func children(of directory: EntryID) -> [EntryID] {
    let inode = inodes[Int(entries[Int(directory.number)].inode)]
    guard InodeKind(mode: inode.mode) == .directory else { return [] }
    var children: [EntryID] = []
    var next = UInt32(truncatingIfNeeded: inode.payload)
    while next != Self.none {
      // Those that were removed remain in the list.
      if entries[Int(next)].inode != Self.none { children.append(EntryID(next)) }
      next = entries[Int(next)].next
    }
    return inode.flags & Self.sorted != 0 ? children : inOrder(children)
  }

  private func inOrder(_ children: [EntryID]) -> [EntryID] {
    // The first eight bytes decide mostly.
    var keyed = children.map { child in
      let name = name(of: child)
      var key: UInt64 = 0
      for byte in name.prefix(8) { key = key << 8 | UInt64(byte) }
      return (key: key << UInt64(8 * (8 - min(8, name.count))), child: child)
    }
    keyed.sort { left, right in
      if left.key != right.key { return left.key < right.key }
      return name(of: left.child).lexicographicallyPrecedes(name(of: right.child))
    }
    return keyed.map(\.child)
  }

  /// Puts every directory in order once, so that `children` need not each time. To be called when the tree is complete.
  public mutating func sort() {
    for index in 0..<entries.count {
      let number = entries[index].inode
      guard number != Self.none, InodeKind(mode: inodes[Int(number)].mode) == .directory,
        inodes[Int(number)].flags & Self.sorted == 0
      else { continue }
      let children = children(of: EntryID(UInt32(index)))
      for (child, next) in zip(children, children.dropFirst()) { entries[Int(child.number)].next = next.number }
      if let last = children.last { entries[Int(last.number)].next = Self.none }
      let (first, last) = (children.first?.number ?? Self.none, children.last?.number ?? Self.none)
      inodes[Int(number)].payload = UInt64(last) << 32 | UInt64(first)
      inodes[Int(number)].flags |= Self.sorted
    }
  }

  /// All entries with their paths, each directory before what it holds and children in the order of their bytes, the root
  /// first. Memory follows the depth and the width of the directories that are open.
  public func walk(from start: EntryID = Tree.root) -> Walk { Walk(tree: self, start: start) }

  public struct Walk: Sequence, IteratorProtocol {
    private let tree: Tree
    private var levels: [(children: [EntryID], next: Int, pathCount: Int)] = []
    private var path: [UInt8]
    private var pending: EntryID?

    init(tree: Tree, start: EntryID) {
      self.tree = tree
      path = tree.path(of: start)
      pending = start
    }

    public mutating func next() -> (entry: EntryID, path: [UInt8])? {
      if let start = pending {
        pending = nil
        enter(start)
        return (start, path)
      }
      while let level = levels.last {
        path.removeLast(path.count - level.pathCount)
        guard level.next < level.children.count else {
          levels.removeLast()
          continue
        }
        let entry = level.children[level.next]
        levels[levels.count - 1].next += 1
        if !path.isEmpty { path.append(0x2F) }
        path += tree.name(of: entry)
        enter(entry)
        return (entry, path)
      }
      return nil
    }

    private mutating func enter(_ entry: EntryID) {
      let children = tree.children(of: entry)
      if !children.isEmpty { levels.append((children, 0, path.count)) }
    }
  }
}
