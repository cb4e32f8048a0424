// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Finds entries by parent and name: an open hash table of entry numbers, at most three quarters full. The hash is seeded
/// for each process, so that no source can choose names that collide; nothing depends on the order in the table.
struct NameTable: Sendable {
  static var free: UInt32 { .max }
  static var deleted: UInt32 { .max - 1 }

  private var slots: [UInt32] = []
  /// Slots that are not free, deleted ones included.
  private var used = 0

  static func hash(parent: UInt32, name: ArraySlice<UInt8>) -> Int {
    var hasher = Hasher()
    hasher.combine(parent)
    name.withUnsafeBytes { hasher.combine(bytes: $0) }
    return hasher.finalize()
  }

  /// The first entry with this hash for which `matches` holds.
  func find(_ hash: Int, _ matches: (UInt32) -> Bool) -> UInt32? {
    guard !slots.isEmpty else { return nil }
    var slot = hash & (slots.count - 1)
    while slots[slot] != Self.free {
      if slots[slot] != Self.deleted, matches(slots[slot]) { return slots[slot] }
      slot = (slot + 1) & (slots.count - 1)
    }
    return nil
  }

  /// `rehash` gives the hash of an entry that is in the table already.
  mutating func insert(_ entry: UInt32, _ hash: Int, rehash: (UInt32) -> Int) {
    if (used + 1) * 4 > slots.count * 3 {
      let old = slots.filter { $0 < Self.deleted }
      var count = 16
      while (old.count + 1) * 2 > count { count *= 2 }
      slots = Array(repeating: Self.free, count: count)
      used = 0
      for entry in old { place(entry, rehash(entry)) }
    }
    place(entry, hash)
  }

  private mutating func place(_ entry: UInt32, _ hash: Int) {
    var slot = hash & (slots.count - 1)
    while slots[slot] != Self.free { slot = (slot + 1) & (slots.count - 1) }
    slots[slot] = entry
    used += 1
  }

  mutating func remove(_ entry: UInt32, _ hash: Int) {
    var slot = hash & (slots.count - 1)
    while slots[slot] != entry {
      if slots[slot] == Self.free { return }
      slot = (slot + 1) & (slots.count - 1)
    }
    slots[slot] = Self.deleted
  }
}
