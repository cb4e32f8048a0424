// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import HostSupport

/// Decoded extents, limited in bytes; the least recently used ones are removed first.
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

  /// Decoded bytes, which never change. They may be used after they have been removed from the cache.
  final class Content: @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer
    init(count: Int) { bytes = .allocate(byteCount: count, alignment: 64) }
    deinit { bytes.deallocate() }
  }

  /// What it has done since the start.
  struct Counts: Sendable {
    var hits: UInt64 = 0
    var misses: UInt64 = 0
    /// Those of the hits that waited for another thread to decode.
    var waits: UInt64 = 0
    var evictions: UInt64 = 0
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
    let key: Key
  }

  let limit: Int
  private let monitor = Monitor()
  // Protected by the lock. The slots form a list from the newest to the oldest one, without those that are being decoded.
  private var index: [Key: Int] = [:]
  private var slots: [Slot] = []
  private var free: [Int] = []
  private var newest = -1
  private var oldest = -1
  private var counts = Counts()

  /// - Parameter limit: in bytes. An extent that is larger is not kept: threads that need it at once decode it one after another.
  init(limit: Int) { self.limit = limit }

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
  /// - Throws: what `decode` throws. A thread that waited for it then decodes itself.
  func content<Failure: Error>(
    _ key: Key, decode: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) -> Content {
    monitor.lock()
    var hasWaited = false
    while let number = index[key] {
      if let content = slots[number].content {
        counts.hits += 1
        if hasWaited { counts.waits += 1 }
        unlink(number)
        link(number)
        monitor.unlock()
        return content
      }
      hasWaited = true
      monitor.wait()
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
    monitor.unlock()

    let content = Content(count: Int(key.length))
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
    link(number)
    counts.decodedBytes += UInt64(key.length)
    counts.heldBytes += Int(key.length)
    while counts.heldBytes > limit, oldest >= 0 {
      let victim = oldest
      unlink(victim)
      counts.heldBytes -= Int(slots[victim].key.length)
      counts.evictions += 1
      remove(victim)
    }
    counts.mostHeldBytes = max(counts.mostHeldBytes, counts.heldBytes)
    monitor.wakeAll()
    monitor.unlock()
    return content
  }

  private func remove(_ number: Int) {
    index[slots[number].key] = nil
    slots[number].content = nil
    free.append(number)
  }

  private func link(_ number: Int) {
    slots[number].older = newest
    slots[number].newer = -1
    if newest >= 0 { slots[newest].newer = number } else { oldest = number }
    newest = number
  }

  private func unlink(_ number: Int) {
    let (newer, older) = (slots[number].newer, slots[number].older)
    if newer >= 0 { slots[newer].older = older } else { newest = older }
    if older >= 0 { slots[older].newer = newer } else { oldest = newer }
  }
}
