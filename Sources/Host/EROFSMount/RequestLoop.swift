// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

#if canImport(CFuse)
  import CFuse
  import HostSupport

  /// Whether to ask for the next request again and again for a moment, instead of sleeping. To wake a thread takes as long
  /// as to answer from the cache, or three times as long in a virtual machine. So who reads one block after the other gets
  /// twice as many in a second; where requests come slowly, or the reader needs this processor, it is given up after a few
  /// attempts. Threads that decode ahead need a processor too.
  private struct Patience {
    static let nanoseconds: UInt64 = 40_000
    private static let most = 8
    private static let processors = Threads.available
    /// How often it has been, or would have been, worth it of late.
    private var credit = 0

    var isHopeful: Bool { credit > 0 && Self.processors > 1 + Prefetcher.busyThreads.load(ordering: .relaxed) }

    mutating func note(waited: UInt64) {
      credit = waited < Self.nanoseconds * 2 ? min(credit + 1, Self.most) : max(credit - 2, 0)
    }
  }

  /// The threads that serve a session.
  ///
  /// One thread takes a request and answers it, as long as answers are copies: one that is awake and has everything in its
  /// processor's caches. Threads that all wait for requests are woken in turns, so each request would wake another one. A
  /// second thread is woken when the first one begins to decode, or when a request is waiting already.
  final class RequestLoop: @unchecked Sendable {
    private let session: OpaquePointer
    private let server: any FileSystemOperations
    private let descriptor: Int32
    private let mostThreads: Int
    private let signals: SignalPipe
    private let monitor = Monitor()
    // Protected by the lock:
    /// Whether a thread takes requests, or will when it has answered its own.
    private var isLed = false
    private var isEnded = false
    private var threads = 1
    /// Threads that wait until they are needed.
    private var idle = 0
    private var outcome: Int32 = 0

    init(
      _ session: OpaquePointer, _ server: any FileSystemOperations, threads: Int, _ signals: SignalPipe
    ) {
      self.session = session
      self.server = server
      self.signals = signals
      mostThreads = max(1, threads)
      descriptor = fuse_session_fd(session)
    }

    private final class Worker: ServingThread {
      private let loop: RequestLoop
      /// Whether this thread is the one that takes requests.
      var leads = false
      var patience = Patience()
      init(_ loop: RequestLoop) { self.loop = loop }
      override func handOver() { if leads, loop.passOn() { leads = false } }
    }

    /// Serves until the end of the mount, on other threads, which have ended then.
    ///
    /// Not on this one: in a process that has forked, a `Mutex` takes it for the thread of the parent, as Swift keeps its
    /// number, and traps as soon as another thread wants the lock too. This thread has the signals, which the others block.
    ///
    /// - Returns: the signal that ended it, 0 if it was unmounted, or a negative errno.
    func run() -> Int32 {
      let flags = fcntl(descriptor, F_GETFL)
      guard flags >= 0, fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0 else { return -errno }
      guard DetachedThread.start({ [self] in work() }) else { return -EAGAIN }
      monitor.lock()
      while threads > 0 { monitor.wait() }
      monitor.unlock()
      return outcome
    }

    private func work() {
      let worker = Worker(self)
      ServingThread.run(worker) {
        var buffer = fuse_buf()
        while lead(worker) {
          while worker.leads, take(&buffer, &worker.patience) {
            if isMoreWaiting { worker.handOver() }
            fuse_session_process_buf(session, &buffer)
          }
        }
        free(buffer.mem)
      }
      monitor.lock()
      threads -= 1
      monitor.wakeAll()
      monitor.unlock()
    }

    /// Waits until no other thread takes requests; false at the end.
    private func lead(_ worker: Worker) -> Bool {
      monitor.lock()
      defer { monitor.unlock() }
      idle += 1
      while isLed, !isEnded { monitor.wait() }
      idle -= 1
      if isEnded { return false }
      isLed = true
      worker.leads = true
      return true
    }

    /// Lets another thread take requests; false if there is none.
    private func passOn() -> Bool {
      monitor.lock()
      defer { monitor.unlock() }
      if idle == 0 {
        guard threads < mostThreads, !isEnded, DetachedThread.start({ [self] in work() }) else { return false }
        threads += 1
      }
      isLed = false
      // Not one: the thread in `run()` waits here too.
      monitor.wakeAll()
      return true
    }

    private func end(_ result: Int32) -> Bool {
      monitor.lock()
      isEnded = true
      outcome = result
      monitor.wakeAll()
      monitor.unlock()
      return false
    }

    /// Receives a request; false at the end.
    private func take(_ buffer: inout fuse_buf, _ patience: inout Patience) -> Bool {
      var start: UInt64 = 0
      while true {
        let count = fuse_session_receive_buf(session, &buffer)
        if count > 0 {
          if start > 0 { patience.note(waited: monotonicNanoseconds() - start) }
          return true
        }
        switch -count {
        case EINTR: continue
        case EAGAIN:
          if start == 0 {
            if server.prepare() { continue }
            start = monotonicNanoseconds()
            if patience.isHopeful { continue }
          } else if patience.isHopeful, monotonicNanoseconds() - start < Patience.nanoseconds {
            continue
          }
          if let signal = wait() { return end(signal) }
        default: return end(count)
        }
      }
    }

    /// Waits for a request, or a signal, which it returns.
    private func wait() -> Int32? {
      var files = [
        pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
        pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
      ]
      let count = poll(&files, 2, -1)
      return count > 0 && files[1].revents != 0 ? signals.next() : nil
    }

    private var isMoreWaiting: Bool {
      var file = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      return mostThreads > 1 && poll(&file, 1, 0) > 0 && file.revents & Int16(POLLIN) != 0
    }
  }
#endif
