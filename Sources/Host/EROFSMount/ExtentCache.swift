// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import HostSupport

/// Decoded extents, limited in bytes; the least recently used ones are removed first.
///
/// What has been read to its last byte is in the kernel's cache, or its reader has it. Such an extent goes before all
/// others, when the next one is decoded, and to the same memory: pages that the system has cleared and mapped already, and
/// that are in the processor's caches.
///
/// So every small read of a large pcluster but the first one costs a copy. If several threads need the same extent at
/// once, one of them decodes it, and the others wait.
final class ExtentCache: @unchecked Sendable {
  /// What identifies decoded bytes: where they are stored, and how many of them were decoded. Files that share data share
  /// them here too.
  struct Key: Hashable, Sendable {
    /// Device number, or -1 for what is stored in the metabox.
    let device: Int32
    let address: UInt64
    let length: UInt32
    let algorithm: UInt8
  }

  /// Decoded bytes, which do not change while anyone has a reference. They may be used after they have been removed from the
  /// cache.
  final class Content: @unchecked Sendable {
    fileprivate(set) var bytes: UnsafeMutableRawBufferPointer
    fileprivate let capacity: Int

    init(count: Int) {
      capacity = Self.capacity(count)
      let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 64)
      bytes = UnsafeMutableRawBufferPointer(rebasing: memory[..<count])
    }

    deinit { bytes.deallocate() }

    /// Large extents differ in length by a few pages, and can follow one another in the same memory.
    static func capacity(_ count: Int) -> Int { count <= 65536 ? count : (count + 65535) & ~65535 }

    /// Whether the system gives such memory page by page, and takes it back at once.
    fileprivate var isLarge: Bool { capacity > 65536 }

    /// Whether it has room for an extent, and not much more.
    fileprivate func suits(_ wanted: Int) -> Bool { capacity >= wanted && capacity / 2 <= wanted }

    fileprivate func setCount(_ count: Int) {
      bytes = UnsafeMutableRawBufferPointer(start: bytes.baseAddress, count: count)
    }
  }

  /// What it has done since the start.
  struct Counts: Sendable {
    var hits: UInt64 = 0
    var misses: UInt64 = 0
    /// Those of the hits that waited for another thread to decode.
    var waits: UInt64 = 0
    var evictions: UInt64 = 0
    /// Those of the misses that were decoded before anyone read of them; how many of them were read then, and how many were
    /// removed without that.
    var ahead: UInt64 = 0
    var aheadUsed: UInt64 = 0
    var aheadWasted: UInt64 = 0
    /// Bytes decoded, and bytes held now and at most.
    var decodedBytes: UInt64 = 0
    var heldBytes = 0
    var mostHeldBytes = 0
  }

  private struct Slot {
    /// Nil while a thread is decoding it.
    var content: Content?
    /// Neighbours in the order of use, -1 at the ends.
    var newer = -1
    var older = -1
    /// A bit for each 64th of the extent whose last byte has been read.
    var read: UInt64 = 0
    /// Whether nobody has read of it yet.
    var isAhead = false
    let key: Key
    var isSpent: Bool { read == .max }

    /// Notes that a range of the extent is read.
    mutating func note(_ range: Range<Int>) {
      let part = max(1, (Int(key.length) + 63) / 64)
      // Parts whose last byte is in the range; the last part may be shorter, or there are fewer than 64.
      let (first, end) = (range.lowerBound / part, range.upperBound == Int(key.length) ? 64 : range.upperBound / part)
      guard first < end else { return }
      if isSpent { read = 0 }
      read |= (.max << UInt64(first)) & (.max >> UInt64(64 - end))
    }
  }

  let limit: Int
  /// Bytes of memory without content that is kept for the next extents. A system takes as long to give large memory as LZ4
  /// takes to fill it, and several threads fill theirs in turns.
  private let mostSpareBytes: Int
  private let monitor = Monitor()
  // Protected by the lock. The slots form a list from the newest to the oldest one, without those that are being decoded.
  private var index: [Key: Int] = [:]
  private var slots: [Slot] = []
  private var free: [Int] = []
  private var newest = -1
  private var oldest = -1
  private var counts = Counts()
  /// Unused by anyone, the latest last.
  private var spare: [Content] = []
  private var spareBytes = 0

  /// - Parameter limit: in bytes; a small part of it is added for memory without content. An extent that is larger is not
  ///   kept: threads that need it at once decode it one after another.
  init(limit: Int) {
    self.limit = limit
    mostSpareBytes = min(limit / 32, 2 << 20)
  }

  var statistics: Counts {
    monitor.lock()
    defer { monitor.unlock() }
    return counts
  }

  /// Whether the extent is in the cache, or being decoded.
  func contains(_ key: Key) -> Bool {
    monitor.lock()
    defer { monitor.unlock() }
    return index[key] != nil
  }

  /// The bytes of `key`; `decode` fills them if they are not in the cache.
  ///
  /// - Parameter range: what of them will be read now; nil for nothing yet.
  /// - Throws: what `decode` throws. A thread that waited for it then decodes itself.
  func content<Failure: Error>(
    _ key: Key, reading range: Range<Int>? = nil, decode: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) -> Content {
    monitor.lock()
    var hasWaited = false
    while let number = index[key] {
      if let content = slots[number].content {
        counts.hits += 1
        if hasWaited { counts.waits += 1 }
        unlink(number)
        if let range {
          slots[number].note(range)
          if slots[number].isAhead { counts.aheadUsed += 1 }
          slots[number].isAhead = false
        }
        link(number)
        monitor.unlock()
        return content
      }
      if !hasWaited {
        hasWaited = true
        monitor.unlock()
        ServingThread.willBeBusy()
        monitor.lock()
      } else {
        monitor.wait()
      }
    }
    counts.misses += 1
    let number: Int
    if let last = free.popLast() {
      number = last
      slots[number] = Slot(content: nil, key: key)
    } else {
      number = slots.count
      slots.append(Slot(content: nil, key: key))
    }
    index[key] = number
    let length = Int(key.length)
    let reused = makeRoom(length)
    monitor.unlock()

    let content = reused ?? Content(count: length)
    do throws(Failure) {
      try decode(content.bytes)
    } catch {
      monitor.lock()
      remove(number)
      monitor.wakeAll()
      monitor.unlock()
      throw error
    }
    monitor.lock()
    slots[number].content = content
    if let range {
      slots[number].note(range)
    } else {
      slots[number].isAhead = true
      counts.ahead += 1
    }
    link(number)
    counts.decodedBytes += UInt64(key.length)
    counts.heldBytes += content.capacity
    while counts.heldBytes > limit, oldest >= 0 { _ = evict() }
    counts.mostHeldBytes = max(counts.mostHeldBytes, counts.heldBytes)
    monitor.wakeAll()
    monitor.unlock()
    return content
  }

  /// Removes what is spent, and what is too much with another extent of `length` bytes.
  ///
  /// - Returns: memory of what was removed, if it suits the extent and nobody uses it.
  private func makeRoom(_ length: Int) -> Content? {
    let wanted = Content.capacity(length)
    while oldest >= 0, slots[oldest].isSpent || counts.heldBytes + wanted > limit {
      var content = evict()
      if isKnownUniquelyReferenced(&content), let content, content.isLarge {
        spare.append(content)
        spareBytes += content.capacity
      }
    }
    var suitable: Content?
    if let number = spare.lastIndex(where: { $0.suits(wanted) }) {
      suitable = spare.remove(at: number)
      suitable?.setCount(length)
      spareBytes -= suitable?.capacity ?? 0
    }
    while spareBytes > mostSpareBytes { spareBytes -= spare.removeFirst().capacity }
    return suitable
  }

  /// Removes the oldest extent.
  private func evict() -> Content? {
    let victim = oldest
    unlink(victim)
    let content = slots[victim].content
    counts.heldBytes -= content?.capacity ?? 0
    counts.evictions += 1
    if slots[victim].isAhead { counts.aheadWasted += 1 }
    remove(victim)
    return content
  }

  private func remove(_ number: Int) {
    index[slots[number].key] = nil
    slots[number].content = nil
    free.append(number)
  }

  /// Puts an extent in its place: what is spent is the oldest at once.
  private func link(_ number: Int) {
    if slots[number].isSpent {
      slots[number].older = -1
      slots[number].newer = oldest
      if oldest >= 0 { slots[oldest].older = number } else { newest = number }
      oldest = number
    } else {
      slots[number].older = newest
      slots[number].newer = -1
      if newest >= 0 { slots[newest].newer = number } else { oldest = number }
      newest = number
    }
  }

  private func unlink(_ number: Int) {
    let (newer, older) = (slots[number].newer, slots[number].older)
    if newer >= 0 { slots[newer].older = older } else { newest = older }
    if older >= 0 { slots[older].newer = newer } else { oldest = newer }
  }
}
