// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Jobs that several threads do side by side, with results that are taken in the order of the jobs.
///
/// Jobs are asked for only as fast as results are taken: the weights of those under way, and of results not yet taken, stay
/// below a limit, so that memory does not grow with the work. What comes out does not depend on the number of threads.
package final class OrderedWork<Job: Sendable, Output: Sendable>: @unchecked Sendable {
  private let monitor = Monitor()
  // Under the lock:
  /// Jobs that no thread has taken: those from `nextWaiting` on.
  private var waiting: [Int: Job] = [:]
  private var nextWaiting = 0
  private var done: [Int: Result<Output, any Error>] = [:]
  private var isStopped = false

  private init() {}

  /// Does all jobs.
  ///
  /// - Parameters:
  ///   - threads: how many work at once, the calling one among them; at least 1.
  ///   - limit: the most weight that is under way at once. One job may always be, however heavy.
  ///   - next: gives the next job and its weight, and nil after the last. It is called on the calling thread.
  ///   - worker: makes what does jobs on one thread, for instance with a compressor's memory.
  ///   - take: gets the results, in the order of the jobs, on the calling thread.
  /// - Throws: what `next` or `take` throws, or what the first job throws that fails; no result after it is taken.
  package static func run(
    threads: Int, limit: Int, next: () throws -> (job: Job, weight: Int)?,
    worker: @escaping @Sendable () -> (Job) throws -> Output, take: (Output) throws -> Void
  ) throws {
    let work = OrderedWork()
    var failure: (any Error)?
    Threads.run(
      max(1, threads),
      first: {
        defer { work.stop() }
        do { try work.feed(limit, next, worker(), take) } catch { failure = error }
      },
      { work.serve(worker) })
    if let failure { throw failure }
  }

  /// The calling thread: asks for jobs, takes results, and works itself when there is nothing else to do.
  private func feed(
    _ limit: Int, _ next: () throws -> (job: Job, weight: Int)?, _ perform: (Job) throws -> Output,
    _ take: (Output) throws -> Void
  ) throws {
    var weights: [Int: Int] = [:]
    var added = 0
    var taken = 0
    var weight = 0
    var hasMore = true
    var held: (job: Job, weight: Int)?
    while true {
      while hasMore {
        if held == nil { held = try next() }
        guard let job = held else {
          hasMore = false
          break
        }
        guard added == taken || weight + job.weight <= limit else { break }
        held = nil
        weight += job.weight
        weights[added] = job.weight
        monitor.withLock {
          waiting[added] = job.job
          monitor.wakeAll()
        }
        added += 1
      }
      if taken == added { return }
      if let result = monitor.withLock({ done.removeValue(forKey: taken) }) {
        weight -= weights.removeValue(forKey: taken) ?? 0
        taken += 1
        try take(result.get())
        continue
      }
      if let (number, job) = monitor.withLock({ takeWaiting() }) {
        finish(number, Result { try perform(job) })
        continue
      }
      monitor.withLock { while done[taken] == nil { monitor.wait() } }
    }
  }

  /// Another thread: does jobs until there are no more.
  private func serve(_ worker: () -> (Job) throws -> Output) {
    var perform: ((Job) throws -> Output)?
    while true {
      let job = monitor.withLock { () -> (number: Int, job: Job)? in
        while !isStopped {
          if let job = takeWaiting() { return job }
          monitor.wait()
        }
        return nil
      }
      guard let (number, job) = job else { return }
      let own = perform ?? worker()
      perform = own
      finish(number, Result { try own(job) })
    }
  }

  /// With the lock held.
  private func takeWaiting() -> (number: Int, job: Job)? {
    guard let job = waiting.removeValue(forKey: nextWaiting) else { return nil }
    defer { nextWaiting += 1 }
    return (nextWaiting, job)
  }

  private func finish(_ number: Int, _ result: Result<Output, any Error>) {
    monitor.withLock {
      done[number] = result
      monitor.wakeAll()
    }
  }

  private func stop() {
    monitor.withLock {
      isStopped = true
      monitor.wakeAll()
    }
  }
}
