// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// The head of a record that is found by an address.
@unsafe
struct AddressNode {
  var next: UnsafeMutablePointer<AddressNode>?
  var key: UInt
}

/// A hash table of records found by address: chains through the records themselves, hung on buckets whose number grows
/// with the records.
///
/// It allocates nothing: after an insertion its owner asks `growthWanted`, gets memory outside the lock, and hands it to
/// `adopt`, or says `growthFailed`, after which the chains are longer and all else is the same. Growth is spread over
/// later calls: each insertion and removal moves two old buckets, so none takes longer than another. With at least one
/// bucket to a record as long as there is memory, a search looks at a constant number of records on average.
///
/// Invariants: a record with key k is in bucket h(k) of `old` where that bucket has not been moved yet
/// (`moved <= h(k)`), otherwise of `current`. While `old` exists, `growthWanted` is nil.
@safe
struct AddressTable: ~Copyable {
  typealias Node = UnsafeMutablePointer<AddressNode>

  /// Buckets, 2 to the power of `bits`; without storage it is the one in the table itself.
  @safe
  struct Buckets {
    var storage: UnsafeMutablePointer<Node?>?
    var bits: Int
    var count: Int { 1 &<< bits }
    var bytes: Int { unsafe storage == nil ? 0 : count &* MemoryLayout<Node?>.stride }
  }

  /// log2 of the buckets that it grows to first, as soon as there are two records.
  private static var firstBits: Int { 4 }

  private var only: Node?
  private var current = unsafe Buckets(storage: nil, bits: 0)
  private var old = unsafe Buckets(storage: nil, bits: 0)
  private var isMoving = false
  private var moved = 0
  private var isGrowing = false
  private var growthThreshold = 1
  /// Records in the table.
  private(set) var count = 0
  /// Records that searches have looked at, and searches.
  private(set) var probes: UInt64 = 0
  private(set) var lookups: UInt64 = 0

  init() {}

  /// A hash whose every bit depends on every bit of the key's low and high half (the finalizer of MurmurHash3).
  private static func hash(_ key: UInt) -> UInt32 {
    var h = UInt32(truncatingIfNeeded: key) ^ UInt32(truncatingIfNeeded: UInt64(key) &>> 32)
    h = (h ^ (h &>> 16)) &* 0x85EB_CA6B
    h = (h ^ (h &>> 13)) &* 0xC2B2_AE35
    return h ^ (h &>> 16)
  }

  private static func index(_ key: UInt, _ bits: Int) -> Int {
    Int(truncatingIfNeeded: hash(key) & ((1 &<< UInt32(truncatingIfNeeded: bits)) &- 1))
  }

  private func head(_ buckets: Buckets, _ index: Int) -> Node? {
    if let storage = unsafe buckets.storage { return unsafe storage[index] }
    return unsafe only
  }

  private mutating func setHead(_ buckets: Buckets, _ index: Int, _ node: Node?) {
    if let storage = unsafe buckets.storage {
      unsafe storage[index] = node
    } else {
      unsafe only = node
    }
  }

  /// The buckets and the index in them where `key` is now.
  private func place(_ key: UInt) -> (buckets: Buckets, index: Int) {
    if isMoving {
      let index = Self.index(key, old.bits)
      if index >= moved { return (old, index) }
    }
    return (current, Self.index(key, current.bits))
  }

  /// The record inserted last of those with this key.
  mutating func find(_ key: UInt) -> Node? {
    lookups &+= 1
    let (buckets, index) = place(key)
    var node = unsafe head(buckets, index)
    while let candidate = unsafe node {
      probes &+= 1
      if unsafe candidate.pointee.key == key { return unsafe candidate }
      unsafe node = candidate.pointee.next
    }
    return nil
  }

  mutating func insert(_ node: Node) {
    moveSome()
    let (buckets, index) = unsafe place(node.pointee.key)
    unsafe node.pointee.next = head(buckets, index)
    unsafe setHead(buckets, index, node)
    count &+= 1
  }

  /// Takes out a record that is in the table.
  mutating func remove(_ node: Node) {
    moveSome()
    let (buckets, index) = unsafe place(node.pointee.key)
    var before: Node? = nil
    var at = unsafe head(buckets, index)
    while let candidate = unsafe at {
      if unsafe candidate == node {
        if let before = unsafe before {
          unsafe before.pointee.next = node.pointee.next
        } else {
          unsafe setHead(buckets, index, node.pointee.next)
        }
        count &-= 1
        return
      }
      unsafe before = candidate
      unsafe at = candidate.pointee.next
    }
  }

  /// Any record, nil where there is none. It takes as long as there are buckets.
  func first() -> Node? {
    guard count > 0 else { return nil }
    var index = 0
    while index < current.count {
      if let node = unsafe head(current, index) { return unsafe node }
      index &+= 1
    }
    index = moved
    while isMoving, index < old.count {
      if let node = unsafe head(old, index) { return unsafe node }
      index &+= 1
    }
    return nil
  }

  /// Whether `isWanted` holds for any record. It takes as long as there are buckets and records.
  func contains(where isWanted: (Node) -> Bool) -> Bool {
    var index = 0
    while index < current.count &+ (isMoving ? old.count : 0) {
      var node =
        unsafe index < current.count ? head(current, index) : head(old, index &- current.count)
      while let candidate = unsafe node {
        if unsafe isWanted(candidate) { return true }
        unsafe node = candidate.pointee.next
      }
      index &+= 1
    }
    return false
  }

  // MARK: Growth

  private mutating func moveSome() {
    guard isMoving else { return }
    var buckets = 0
    while buckets < 2, moved < old.count {
      var node = unsafe head(old, moved)
      unsafe setHead(old, moved, nil)
      while let next = unsafe node {
        unsafe node = next.pointee.next
        let index = unsafe Self.index(next.pointee.key, current.bits)
        unsafe next.pointee.next = head(current, index)
        unsafe setHead(current, index, next)
      }
      moved &+= 1
      buckets &+= 1
    }
  }

  /// log2 of the buckets to get memory for, where the table wants to grow; the caller then owes `adopt` or
  /// `growthFailed`.
  mutating func growthWanted() -> Int? {
    guard !isMoving, !isGrowing, count > growthThreshold, current.bits < 28 else { return nil }
    isGrowing = true
    var bits = max(Self.firstBits, current.bits &+ 1)
    while bits < 28, 1 &<< bits < count { bits &+= 1 }
    return bits
  }

  static func bytes(bits: Int) -> Int { unsafe MemoryLayout<Node?>.stride &<< bits }

  /// Takes memory of `bytes(bits:)` bytes, cleared.
  mutating func adopt(_ storage: UnsafeMutablePointer<Node?>, bits: Int) {
    old = current
    unsafe current = Buckets(storage: storage, bits: bits)
    isMoving = true
    moved = 0
    isGrowing = false
    growthThreshold = 1 &<< bits
  }

  mutating func growthFailed() {
    isGrowing = false
    // Not at once again, or every map would ask a machine without memory for more.
    growthThreshold = count &+ count / 2
  }

  /// Buckets that are no longer in use, for the caller to free outside the lock.
  mutating func takeRetired() -> (storage: UnsafeMutableRawPointer, bytes: Int)? {
    guard isMoving, moved >= old.count else { return nil }
    isMoving = false
    guard let storage = unsafe old.storage else { return nil }
    let bytes = old.bytes
    unsafe old = Buckets(storage: nil, bits: 0)
    return (UnsafeMutableRawPointer(storage), bytes)
  }

  /// Memory of a table without records, which is then as new.
  mutating func takeStorage() -> (storage: UnsafeMutableRawPointer, bytes: Int)? {
    while isMoving, moved < old.count { moveSome() }
    if let retired = unsafe takeRetired() { return unsafe retired }
    guard count == 0, let storage = unsafe current.storage else { return nil }
    let bytes = current.bytes
    unsafe current = Buckets(storage: nil, bits: 0)
    growthThreshold = 1
    return (UnsafeMutableRawPointer(storage), bytes)
  }
}
