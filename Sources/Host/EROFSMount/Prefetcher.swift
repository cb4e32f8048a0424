// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import HostSupport
import Synchronization

/// Decodes the next extents of what is read in order, while its reader is busy with the current one.
///
/// A file is read in order, or the packed inode: files that are read in the order in which the image's maker packed them; or
/// a tree, file after file (``TreeWalk``). Its threads start with the first such reader, so the process can fork before
/// that.
final class Prefetcher: Sendable {
  private let work: Work
  /// Threads that decode ahead now, of all mounts of this process.
  static let busyThreads = Atomic<Int>(0)

  init(_ pool: ReaderPool, _ cache: ExtentCache, _ counters: MountCounters, threads: Int) {
    work = Work(pool, cache, counters, threads: threads)
  }

  deinit { work.stop() }

  /// Whether nothing is decoded ahead now, and nothing will be before somebody reads.
  var isIdle: Bool { work.isIdle }

  /// Decodes the next extent of a tree that is being read, on this thread, if that takes no longer than to wake another one;
  /// false if there is none. A system that calls this whenever it waits for a request needs no threads for such extents.
  func step() -> Bool { work.step() }

  /// Learns what a directory contains, as somebody listed it.
  func note(_ list: ListedEntries.List) { work.note(list) }

  /// Learns that `range` of a file is going to be read.
  func begin(_ inode: Inode, _ range: Range<UInt64>) {
    if inode.isDecoded { work.begin(inode, range) }
  }

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
    private var listed = ListedEntries()
    /// The one that read last is the last.
    private var walks: [TreeWalk] = []
    /// Threads that do not wait.
    private var working = 0
    private var isStarted = false
    private var isStopped = false
    /// Whether ``step()`` is called.
    private var isStepped = false

    private static let mostRuns = 256
    private static let mostWalks = 4
    /// If so many are waiting, decoding ahead is too slow to be of use.
    private static let mostWaiting = 16
    /// Files that lie so far apart in the packed inode are still in order: another file between them may have been read
    /// before.
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
        wakeThread()
      }
      runs[inode.nid] = run
    }

    /// Wakes a thread; the first time, starts all of them.
    private func wakeThread() {
      if !isStarted {
        isStarted = true
        for _ in 0..<threads { DetachedThread.start { [self] in serve() } }
      }
      monitor.wakeOne()
    }

    func note(_ list: ListedEntries.List) {
      monitor.lock()
      listed.add(list)
      monitor.unlock()
    }

    func begin(_ inode: Inode, _ range: Range<UInt64>) {
      monitor.lock()
      defer { monitor.unlock() }
      if range.lowerBound == 0 { listed.settle() }
      let entry = range.lowerBound == 0 ? listed[inode.nid] : nil
      let walk: TreeWalk
      if let number = walks.lastIndex(where: { $0.reach(inode.nid, range) }) {
        walk = walks.remove(at: number)
        if let entry { walk.note(entry) }
      } else if let entry {
        if let number = walks.lastIndex(where: { $0.isFollowed(by: entry) }) {
          walk = walks.remove(at: number)
          walk.move(to: entry, listed)
        } else {
          walk = TreeWalk(after: entry, threads: threads, mostBytes: UInt64(cache.limit / 4))
          if walks.count >= Self.mostWalks { walks.removeFirst() }
        }
      } else {
        return
      }
      walks.append(walk)
      if walk.wantsThread, !isQuick(walk) { wakeThread() }
    }

    /// Whether ``step()`` does what is next in a walk. What is not planned yet may be of any length.
    private func isQuick(_ walk: TreeWalk) -> Bool {
      isStepped && !walk.isFar && !counters.pace.isSlow(bytes: Int(clamping: walk.next?.extent.length ?? 65536))
    }

    func step() -> Bool {
      monitor.lock()
      defer { monitor.unlock() }
      isStepped = true
      guard let walk = walks.last(where: { isQuick($0) && follow($0, serves: true) }) else {
        // Decoding may have become slow since the latest read began.
        if working == 0, walks.contains(where: { $0.wantsThread && !isQuick($0) }) { wakeThread() }
        return false
      }
      if walk.wantsThread, !isQuick(walk) { wakeThread() }
      return true
    }

    /// Whether another extent of it should be decoded now. Two files that are neighbours by chance are no order yet.
    private func wants(_ run: Run) -> Bool {
      run.streak >= (run.isPacked ? 2 : 1) && run.next < run.inode.size && run.ahead.count <= threads
        && run.next - run.end <= UInt64(cache.limit / 4)
    }

    /// Whether no thread works, or is going to.
    var isIdle: Bool {
      monitor.withLock {
        working == 0 && waiting.isEmpty && !walks.contains(where: \.wantsThread)
      }
    }

    private func changeWorking(_ change: Int) {
      working += change
      Prefetcher.busyThreads.wrappingAdd(change, ordering: .relaxed)
    }

    private func serve() {
      monitor.lock()
      changeWorking(1)
      while true {
        while waiting.isEmpty, !isStopped {
          if walks.reversed().contains(where: { !isQuick($0) && follow($0) }) { continue }
          changeWorking(-1)
          monitor.wait()
          changeWorking(1)
        }
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
      changeWorking(-1)
      monitor.unlock()
    }

    /// Decodes the next part of what a walk will read, or extends its plan; false if it wants neither. Called, and returns,
    /// with the lock.
    ///
    /// - Parameter serves: whether requests may wait for this thread.
    private func follow(_ walk: TreeWalk, serves: Bool = false) -> Bool {
      if let part = walk.take() {
        monitor.unlock()
        // An error is reported when the reader arrives there.
        pool.withReader { reader in
          if let key = try? reader.key(of: part.extent), !cache.contains(key) {
            _ = try? reader.decoded(part.inode, part.extent, cache, counters)
          }
        }
        monitor.lock()
        return true
      }
      guard let plan = walk.beginPlanning() else { return false }
      var cursor = plan.cursor
      monitor.unlock()
      let step = pool.withReader { reader -> TreeWalk.Step? in
        let most = serves ? TreeCursor.fewEntries : TreeCursor.mostEntries
        guard let part = cursor.next(reader, most: most) else { return nil }
        let isTooLong = part.extent.length > UInt64(cache.limit / 8)
        let key = try? reader.key(of: part.extent)
        return .init(part: part, isTaken: isTooLong || key.map(cache.contains) ?? true)
      }
      monitor.lock()
      walk.endPlanning(step, cursor, goesOn: serves, generation: plan.generation)
      return true
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
