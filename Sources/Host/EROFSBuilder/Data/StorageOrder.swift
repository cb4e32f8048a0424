// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree

/// Which inodes are stored first because a list names them; all others follow by their numbers.
struct StorageOrder: Sendable {
  /// Inodes that are placed first: those that are listed, each after the directories that lead to it. Without the root,
  /// which is the first in every image.
  private(set) var firstInodes: [Int] = []
  /// Numbers of the listed inodes, in the list's order.
  private let listed: [Int]
  /// By number of a listed inode: its place in the list.
  private let ranks: [Int: Int]

  init(_ list: FileOrder?, _ tree: Tree, _ order: InodeOrder) {
    let entries = list?.entries(in: tree).entries ?? []
    listed = entries.map { Int(order.number(of: $0, in: tree)) }
    ranks = Dictionary(uniqueKeysWithValues: zip(listed, listed.indices))
    var seen: Set<Int> = [0]
    for entry in entries {
      var way: [Int] = []
      var step = entry
      while true {
        let number = Int(order.number(of: step, in: tree))
        guard seen.insert(number).inserted else { break }
        way.append(number)
        step = tree.parent(of: step)
      }
      firstInodes += way.reversed()
    }
  }

  /// The place of an inode in the list; `Int.max` if it is not there.
  func rank(of number: Int) -> Int { ranks[number] ?? .max }
  func isListed(_ number: Int) -> Bool { ranks[number] != nil }

  /// Numbers of inodes in ascending order, in the order in which their contents are stored.
  func sorted(_ numbers: [Int]) -> [Int] {
    if listed.isEmpty { return numbers }
    let wanted = Set(numbers)
    return listed.filter(wanted.contains) + numbers.filter { !isListed($0) }
  }
}
