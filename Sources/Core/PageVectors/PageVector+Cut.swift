// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// Operations that are worth one copy in a program rather than one at each place that needs them.

extension PageVector {
  /// ``slice(at:count:)``, called rather than inlined.
  @usableFromInline @inline(never)
  package func cut(at position: Int, count length: Int) -> PageVector { slice(at: position, count: length) }

  /// The little-endian integer of `size` (at most 4) bytes at `position`; bytes outside the vector count as 0.
  @inline(never)
  package func word(at position: Int, _ size: Int) -> UInt32 {
    var value: UInt32 = 0
    var i = size
    while i > 0 {
      i &-= 1
      value = value &<< 8 | UInt32(byte(at: position &+ i) ?? 0)
    }
    return value
  }

  /// Compares as memcmp does, a prefix before the longer one: negative if this vector comes before the other, 0 if they are
  /// equal, positive if it comes after.
  @inline(never)
  package func compare(to other: PageVector) -> Int {
    var i = 0
    while i < count, i < other.count {
      let order = Int(byte(at: i) ?? 0) &- Int(other.byte(at: i) ?? 0)
      if order != 0 { return order }
      i &+= 1
    }
    return count &- other.count
  }

  /// The first position in `start ..< end` (cut to the vector) where one of two bytes is; `end` where there is none.
  @inline(never)
  package func index(of a: UInt8, or b: UInt8, from start: Int, to end: Int) -> Int {
    let end = min(end, count)
    var position = max(start, 0)
    while position < end {
      let run = unsafe unsafeRun(at: position)
      var i = 0
      while i < run.count, position < end {
        let byte = unsafe run.start.load(fromByteOffset: i, as: UInt8.self)
        if byte == a || byte == b { return position }
        i &+= 1
        position &+= 1
      }
    }
    return end
  }

  /// How many of the first `limit` bytes are 0 before one is not.
  @inline(never)
  package func leadingZeros(upTo limit: Int) -> Int {
    let limit = min(limit, count)
    var position = 0
    while position < limit {
      let run = unsafe unsafeRun(at: position)
      let end = min(run.count, limit &- position)
      var i = 0
      while i &+ 8 <= end, unsafe run.start.loadUnaligned(fromByteOffset: i, as: UInt64.self) == 0 { i &+= 8 }
      while i < end, unsafe run.start.load(fromByteOffset: i, as: UInt8.self) == 0 { i &+= 1 }
      position &+= i
      if i < end { break }
    }
    return position
  }
}

extension MutablePageVector {
  /// ``slice(at:count:)``, called rather than inlined.
  @usableFromInline @inline(never)
  package func cut(at position: Int, count length: Int) -> MutablePageVector {
    MutablePageVector(readOnly.slice(at: position, count: length))
  }
}
