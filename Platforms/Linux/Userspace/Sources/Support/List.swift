// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Things of an arena, in a row: each knows the next.
struct List<Item> {
  struct Node {
    var next: UnsafeMutablePointer<Node>?
    var item: Item
  }
  typealias Pointer = UnsafeMutablePointer<Node>
  private(set) var first: Pointer?
  private(set) var last: Pointer?

  @inline(never)
  mutating func append(_ item: Item, _ arena: inout Arena) {
    let node = arena.allocate(Node.self)
    node.initialize(to: Node(next: nil, item: item))
    if let last { last.pointee.next = node } else { first = node }
    last = node
  }
  @inline(never)
  /// A node that is in no list yet.
  mutating func append(_ node: Pointer) {
    if let last { last.pointee.next = node } else { first = node }
    last = node
  }
  mutating func removeFirst() { if let first { remove(first) } }
  mutating func remove(_ node: Pointer) {
    var before: Pointer?
    var here = first
    while let this = here, this != node {
      before = this
      here = this.pointee.next
    }
    if let before { before.pointee.next = node.pointee.next } else { first = node.pointee.next }
    if last == node { last = before }
  }
  mutating func prepend(_ item: Item, _ arena: inout Arena) {
    let node = arena.allocate(Node.self)
    node.initialize(to: Node(next: first, item: item))
    first = node
    if last == nil { last = node }
  }
  var count: Int {
    var count = 0
    var node = first
    while let here = node {
      count &+= 1
      node = here.pointee.next
    }
    return count
  }

  /// In order, by merging ever longer runs: no memory, no deep stack, and equal ones stay as they were.
  mutating func sort(by isBefore: (borrowing Item, borrowing Item) -> Bool) {
    var run = 1
    while true {
      var rest = first
      var merges = 0
      first = nil
      last = nil
      while let begin = rest {
        merges &+= 1
        var left: Pointer? = begin
        var right: Pointer? = begin
        var leftCount = 0
        while leftCount < run, let here = right {
          right = here.pointee.next
          leftCount &+= 1
        }
        var rightCount = run
        while leftCount > 0 || (rightCount > 0 && right != nil) {
          let takeRight =
            leftCount == 0
            || (rightCount > 0 && right != nil
              && isBefore(right.unsafelyUnwrapped.pointee.item, left.unsafelyUnwrapped.pointee.item))
          let node: Pointer
          if takeRight {
            node = right.unsafelyUnwrapped
            right = node.pointee.next
            rightCount &-= 1
          } else {
            node = left.unsafelyUnwrapped
            left = node.pointee.next
            leftCount &-= 1
          }
          if let last { last.pointee.next = node } else { first = node }
          last = node
        }
        rest = right
      }
      last?.pointee.next = nil
      if merges <= 1 { return }
      run *= 2
    }
  }
}
