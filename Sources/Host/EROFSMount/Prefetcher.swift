// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import HostSupport

/// Decodes the next extents of what is read in order, while its reader is busy with the current one.
///
/// A file is read in order, or the packed inode: files that are read in the order in which the image's maker packed them. Its
/// threads start with the first such reader, so the process can fork before that.
final class Prefetcher: Sendable {
  private let work: Work

  init(_ pool: ReaderPool, _ cache: ExtentCache, _ counters: MountCounters, threads: Int) {
    work = Work(pool, cache, counters, threads: threads)
  }

  deinit { work.stop() }

  /// Learns that `range` of a file has been read.
  func note(_ inode: Inode, _ range: Range<UInt64>) {
    // A file that was read at once has nothing that follows.
    if range.lowerBound > 0 || range.upperBound < inode.size { work.note(inode, range, isPacked: false) }
  }

  /// Learns that `range` of the packed inode has been read, for some file.
  func note(packed inode: Inode, _ range: Range<UInt64>) { work.note(inode, range, isPacked: true) }

  /// What the threads share, and keep until they have ended.
  private final class Work: @unchecked Sendable {
    /// What is known of a file that is being read.
    private struct Run {
      let inode: Inode
      let isPacked: Bool
      /// The end of the latest read, and how many reads have begun at the end of the read before them.
      var end: UInt64
      var streak = 0
      /// The first byte for which no thread has decoded ahead.
      var next: UInt64
      /// Ends of the extents that were decoded ahead, and are not read yet.
      var ahead: [UInt64] = []
      /// Threads that decode for it, or will.
      var helpers = 0
    }

    private let pool: ReaderPool
    private let cache: ExtentCache
    private let counters: MountCounters
    private let threads: Int
    private let monitor = Monitor()
    // Protected by the lock:
    private var runs: [UInt64: Run] = [:]
    /// NIDs of the runs that want a thread.
    private var waiting: [UInt64] = []
    private var isStarted = false
    private var isStopped = false

    private static let mostRuns = 256
    /// If so many are waiting, decoding ahead is too slow to be of use.
    private static let mostWaiting = 16
    /// Files that lie so far apart in the packed inode are still in order: another file between them may have been read before.
    private static let largestGap: UInt64 = 65536

    init(_ pool: ReaderPool, _ cache: ExtentCache, _ counters: MountCounters, threads: Int) {
      self.pool = pool
      self.cache = cache
      self.counters = counters
      self.threads = threads
    }

    func stop() {
      monitor.lock()
      isStopped = true
      monitor.wakeAll()
      monitor.unlock()
    }

    func note(_ inode: Inode, _ range: Range<UInt64>, isPacked: Bool) {
      monitor.lock()
      defer { monitor.unlock() }
      guard var run = runs[inode.nid] else {
        if runs.count >= Self.mostRuns { runs = runs.filter { $0.value.isPacked || $0.value.helpers > 0 } }
        runs[inode.nid] = Run(inode: inode, isPacked: isPacked, end: range.upperBound, next: range.upperBound)
        return
      }
      let gap = range.lowerBound &- run.end
      if gap <= (isPacked ? Self.largestGap : 0) {
        run.streak += 1
        run.next = max(run.next, range.upperBound)
        run.ahead.removeAll { $0 <= range.upperBound }
      } else {
        run.streak = 0
        run.next = range.upperBound
        run.ahead = []
      }
      run.end = range.upperBound
      if wants(run), run.helpers < threads, waiting.count < Self.mostWaiting {
        run.helpers += 1
        waiting.append(inode.nid)
        if !isStarted {
          isStarted = true
          for _ in 0..<threads { DetachedThread.start { [self] in serve() } }
        }
        monitor.wakeOne()
      }
      runs[inode.nid] = run
    }

    /// Whether another extent of it should be decoded now. Two files that are neighbours by chance are no order yet.
    private func wants(_ run: Run) -> Bool {
      run.streak >= (run.isPacked ? 2 : 1) && run.next < run.inode.size && run.ahead.count <= threads
        && run.next - run.end <= UInt64(cache.limit / 4)
    }

    private func serve() {
      monitor.lock()
      while true {
        while waiting.isEmpty, !isStopped { monitor.wait() }
        if isStopped { break }
        let nid = waiting.removeFirst()
        while !isStopped, let run = runs[nid], wants(run) {
          monitor.unlock()
          // An error is reported when the file's reader arrives there.
          let isDone = pool.withReader { reader in (try? decode(reader, run)) != nil }
          monitor.lock()
          if !isDone, runs[nid]?.next == run.next { runs[nid]?.next = .max }
        }
        runs[nid]?.helpers -= 1
      }
      monitor.unlock()
    }

    /// Decodes the next extent of a run, unless another thread takes it first.
    private func decode(_ reader: MountReader, _ run: Run) throws(EROFSError) {
      guard let extent = try reader.volume.extent(of: run.inode, at: run.next) else {
        throw .corrupt(.extentLength, at: run.inode.position)
      }
      monitor.lock()
      let isMine = runs[run.inode.nid]?.next == run.next
      if isMine {
        runs[run.inode.nid]?.next = extent.end
        runs[run.inode.nid]?.ahead.append(extent.end)
      }
      monitor.unlock()
      // What is packed is the matter of the packed inode's run.
      guard isMine, case .compressed = extent.encoding else { return }
      if case .packed = extent.place { return }
      if !cache.contains(try reader.key(of: extent)) { _ = try reader.decoded(run.inode, extent, cache, counters) }
    }
  }
}
