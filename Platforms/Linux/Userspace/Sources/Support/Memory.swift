// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Whole pages from the kernel, zeroed. A small machine may have none left: then the program ends, with an error.
@inline(never)
func mapped(_ count: Int) -> Bytes {
  let address = linux_map(count)
  guard address < -4095 || address > 0, let start = Bytes(bitPattern: address) else { outOfMemory() }
  return start
}

@inline(never)
func outOfMemory() -> Never {
  _ = writeAll(2, Text("out of memory\n"))
  exit(2)
}
func exit(_ status: Int32) -> Never { linux_exit(status) }

let pageSize = 4096

/// Memory that is given back all at once: blocks of at least a page, from the last to the first. No run of memory is
/// longer than the longest thing in it, so that a machine whose memory is in pieces can still give it.
struct Arena {
  fileprivate struct Block {
    var before: UnsafeMutablePointer<Block>?
    var size: Int
  }
  /// What is in use at some time, to go back to.
  struct Mark {
    fileprivate var block: UnsafeMutablePointer<Block>?
    fileprivate var used: Int
  }

  private var block: UnsafeMutablePointer<Block>?
  private var used = 0

  @inline(never)
  mutating func allocate(_ count: Int) -> Bytes {
    precondition(count >= 0 && count < 1 << 28)
    let whole = (count + 7) & ~7
    if block == nil || whole > block.unsafelyUnwrapped.pointee.size - used {
      let header = (MemoryLayout<Block>.size + 7) & ~7
      let size = (whole + header + pageSize - 1) & ~(pageSize - 1)
      let next = UnsafeMutableRawPointer(mapped(size)).bindMemory(to: Block.self, capacity: 1)
      next.pointee = Block(before: block, size: size)
      block = next
      used = header
    }
    let place = UnsafeMutableRawPointer(block.unsafelyUnwrapped) + used
    used += whole
    return place.assumingMemoryBound(to: UInt8.self)
  }
  /// For one value of a type, which is not initialized.
  @inline(never)
  mutating func allocate<T>(_ type: T.Type) -> UnsafeMutablePointer<T> {
    UnsafeMutableRawPointer(allocate(MemoryLayout<T>.stride)).bindMemory(to: type, capacity: 1)
  }
  /// A C string of the same bytes, and of `more` behind them.
  @inline(never)
  mutating func copy(_ text: Text, _ more: Text = Text("")) -> CString {
    let place = allocate(text.count + more.count + 1)
    place.update(from: text.start, count: text.count)
    (place + text.count).update(from: more.start, count: more.count)
    place[text.count + more.count] = 0
    return place
  }

  var mark: Mark { Mark(block: block, used: used) }
  @inline(never)
  mutating func release(to mark: Mark) {
    while let last = block, last != mark.block {
      block = last.pointee.before
      _ = linux_unmap(last, last.pointee.size)
    }
    used = mark.used
  }
  mutating func release() { release(to: Mark(block: nil, used: 0)) }
}

/// Bytes that grow, in one run. Given back with `free`.
struct Buffer {
  private(set) var start: Bytes
  private(set) var count = 0
  private var capacity: Int

  @inline(never)
  init() {
    start = mapped(pageSize)
    capacity = pageSize
  }
  var text: Text { Text(start, count) }

  @inline(never)
  mutating func append(_ byte: UInt8) {
    if count == capacity { grow(1) }
    start[count] = byte
    count &+= 1
  }
  @inline(never)
  mutating func append(_ text: Text) {
    if text.count > capacity - count { grow(text.count) }
    (start + count).update(from: text.start, count: text.count)
    count += text.count
  }
  mutating func append(_ literal: Literal) { append(Text(literal)) }
  @inline(never)
  mutating func shorten(to newCount: Int) {
    precondition(newCount >= 0 && newCount <= count)
    count = newCount
  }
  /// Reads more behind what is there: how much, 0 at the end, or a negated errno.
  @inline(never)
  mutating func read(_ descriptor: Int32) -> Int {
    if capacity - count < 512 { grow(512) }
    let got = readSome(descriptor, start + count, capacity - count)
    if got > 0 { count += got }
    return got
  }
  /// Removes so many bytes at the start.
  @inline(never)
  mutating func drop(_ first: Int) {
    precondition(first >= 0 && first <= count)
    start.update(from: start + first, count: count - first)
    count -= first
  }
  @inline(never)
  private mutating func grow(_ more: Int) {
    guard count + more < 1 << 27 else { outOfMemory() }
    var size = capacity
    while size - count < more { size += size }
    let place = mapped(size)
    place.update(from: start, count: count)
    free()
    start = place
    capacity = size
  }
  func free() { _ = linux_unmap(start, capacity) }
}
