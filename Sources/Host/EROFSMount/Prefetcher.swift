// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Decodes the next extent of files that are read from front to back, while the reader is busy with the present one.
///
/// Its threads start with the first such file, so that a process may still fork before.
final class Prefetcher: Sendable {
  private let work: Work

  init(_ pool: ReaderPool, _ cache: ExtentCache, _ counters: MountCounters, threads: Int) {
    work = Work(pool, cache, counters, threads: threads)
  }

  deinit { work.stop() }

  /// Learns that `range` of a file has been read.
  func note(_ inode: Inode, _ range: Range<UInt64>) { work.note(inode, range) }

  /// What the threads share; they keep it until they have ended.
  private final class Work: @unchecked Sendable {
    private struct Wish {
      let inode: Inode
      let offset: UInt64
    }

    private let pool: ReaderPool
    private let cache: ExtentCache
    private let counters: MountCounters
    private let threads: Int
    private let lock: UnsafeMutablePointer<pthread_mutex_t> = .allocate(capacity: 1)
    private let changed: UnsafeMutablePointer<pthread_cond_t> = .allocate(capacity: 1)
    // Under the lock:
    /// Where the latest read of each of some files ended.
    private var ends: [UInt64: UInt64] = [:]
    private var wishes: [Wish] = []
    private var isStarted = false
    private var isStopped = false

    private static let mostEnds = 256
    /// When so many wait, decoding ahead does not keep up, and readers do better alone.
    private static let mostWishes = 16

    init(_ pool: ReaderPool, _ cache: ExtentCache, _ counters: MountCounters, threads: Int) {
      self.pool = pool
      self.cache = cache
      self.counters = counters
      self.threads = threads
      pthread_mutex_init(lock, nil)
      pthread_cond_init(changed, nil)
    }

    deinit {
      pthread_mutex_destroy(lock)
      pthread_cond_destroy(changed)
      lock.deallocate()
      changed.deallocate()
    }

    func stop() {
      pthread_mutex_lock(lock)
      isStopped = true
      pthread_cond_broadcast(changed)
      pthread_mutex_unlock(lock)
    }

    func note(_ inode: Inode, _ range: Range<UInt64>) {
      pthread_mutex_lock(lock)
      defer { pthread_mutex_unlock(lock) }
      let isSequential = range.lowerBound > 0 && ends[inode.nid] == range.lowerBound
      if ends.count >= Self.mostEnds, ends[inode.nid] == nil { ends.removeAll(keepingCapacity: true) }
      ends[inode.nid] = range.upperBound
      guard isSequential, range.upperBound < inode.size, wishes.count < Self.mostWishes else { return }
      wishes.append(Wish(inode: inode, offset: range.upperBound))
      if !isStarted {
        isStarted = true
        for _ in 0..<threads { DetachedThread.start { [self] in serve() } }
      }
      pthread_cond_signal(changed)
    }

    private func serve() {
      while true {
        pthread_mutex_lock(lock)
        while wishes.isEmpty, !isStopped { pthread_cond_wait(changed, lock) }
        let wish = isStopped ? nil : wishes.removeFirst()
        pthread_mutex_unlock(lock)
        guard let wish else { return }
        // What cannot be read is an error for the reader that comes to it, and none here.
        pool.withReader { reader in try? decode(reader, wish.inode, wish.offset) }
      }
    }

    /// Decodes the extent that holds byte `offset` of a file, or the one after it where that is there already.
    private func decode(_ reader: MountReader, _ inode: Inode, _ offset: UInt64) throws(EROFSError) {
      var offset = offset
      for _ in 0..<2 {
        guard offset < inode.size, let extent = try reader.volume.extent(of: inode, at: offset) else { return }
        if case .packed(let start) = extent.place {
          guard let packed = try reader.volume.packedInode() else { return }
          return try decode(reader, packed, start + (offset - extent.start))
        }
        guard case .compressed = extent.encoding else { return }
        if !cache.contains(try reader.key(of: extent)) {
          _ = try reader.decoded(inode, extent, cache, counters)
          return
        }
        offset = extent.end
      }
    }
  }
}
