// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Decodes the next extent of files that are read in order, while their reader is busy with the current one.
///
/// Its threads start with the first such file, so the process can fork before that.
final class Prefetcher: Sendable {
  private let work: Work

  init(_ pool: ReaderPool, _ cache: ExtentCache, _ counters: MountCounters, threads: Int) {
    work = Work(pool, cache, counters, threads: threads)
  }

  deinit { work.stop() }

  /// Learns that `range` of a file has been read.
  func note(_ inode: Inode, _ range: Range<UInt64>) { work.note(inode, range) }

  /// What the threads share, and keep until they have ended.
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
    // Protected by the lock:
    /// For some files, the end of the latest read.
    private var ends: [UInt64: UInt64] = [:]
    private var wishes: [Wish] = []
    private var isStarted = false
    private var isStopped = false

    private static let mostEnds = 256
    /// If so many are waiting, decoding ahead is too slow to be of use.
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
        // An error is reported when the file's reader arrives there.
        pool.withReader { reader in try? decode(reader, wish.inode, wish.offset) }
      }
    }

    /// Decodes the extent that contains byte `offset` of a file, or the next one if the cache has that.
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
