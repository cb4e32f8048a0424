// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import HostSupport

extension BuildContext {
  /// Does jobs with all threads, each of which has a worker of its own.
  ///
  /// - Parameters:
  ///   - next: gives the next job, and nil after the last. It is called on the calling thread.
  ///   - perform: does one job.
  ///   - take: gets the results, in the order of the jobs, on the calling thread.
  /// - Throws: what `take` throws, or what the first job throws that fails; no result after it is taken.
  func run<Output: Sendable>(
    next: () throws -> ContentJob?, perform: @escaping @Sendable (ContentWorker, ContentJob) throws -> Output,
    take: (Output) throws -> Void
  ) throws {
    let (options, tree, order) = (options, tree, order)
    try OrderedWork<ContentJob, Output>.run(
      threads: threads, limit: memory,
      // What is read, and what is made of it, which may be as much.
      next: { try next().map { ($0, 2 * $0.length + 4096) } },
      worker: {
        let worker = ContentWorker(options, tree, order)
        return { try perform(worker, $0) }
      },
      take: take)
  }

  /// Encodes bytes that are no file of the tree, segment by segment.
  ///
  /// - Parameters:
  ///   - file: the number that the jobs have.
  ///   - size: bytes of it.
  ///   - read: fills a buffer with the bytes from an offset on. It is called by several threads at once.
  func encode(
    asFile file: Int, size: UInt64, _ treatment: ContentJob.Treatment,
    read: @escaping @Sendable (UnsafeMutableRawBufferPointer, UInt64) throws -> Void,
    take: (ContentResult) throws -> Void
  ) throws {
    var segments = SegmentCutter(file: file, size: size, treatment)
    try run(
      next: { segments.next() },
      perform: { worker, job in
        var bytes = [UInt8](repeating: 0, count: job.length)
        try bytes.withUnsafeMutableBytes { try read($0, job.offset) }
        return try bytes.withUnsafeBytes { try worker.encode(job, $0) }
      },
      take: take)
  }
}
