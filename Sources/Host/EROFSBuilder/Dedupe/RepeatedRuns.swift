// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import HostSupport

/// Runs of compressed files that are stored as parts of other files.
///
/// What is repeated is found in the contents alone. A file whose runs are stored elsewhere is encoded when those files have
/// been, so files come in levels: a level needs only files of the levels before it, and its files can be encoded by any
/// number of threads.
struct RepeatedRuns {
  /// Numbers of inodes.
  private(set) var levels: [[Int]]
  private var plan: DuplicatePlan?
  /// By number of the inode: its number in the plan.
  private var places: [Int: Int] = [:]
  private var files: [Int] = []
  /// By number of the inode, for the level that is encoded: extents that it shares, at their places in the file.
  private var references: [Int: [Reference]] = [:]

  private struct Reference {
    let start: UInt64
    let length: Int
    let extent: StoredExtent
  }

  /// No file has any.
  init(files: [Int]) { levels = [files] }

  /// - Parameters:
  ///   - files: all that are to be encoded, in order.
  init(
    _ build: BuildContext, _ treatments: Treatments, files: [Int], _ progress: inout ProgressReporter
  ) throws {
    // A cut costs a part of a cluster, which short runs do not save.
    let shortest = max(4 * build.options.blockSize, treatments.largestCluster)
    self.files = files.filter { treatments[$0].kind == .compressed && build.size(of: $0) >= UInt64(shortest) }
    for (place, file) in self.files.enumerated() { places[file] = place }
    let average =
      1
      << (min(max(shortest / 8, 1024), 65_536).bitWidth - 1 - min(max(shortest / 8, 1024), 65_536).leadingZeroBitCount)
    let contents = try Self.chunk(self.files, build, ContentChunker(average: average), &progress)
    let plan = DuplicatePlan(contents, shortestRun: UInt64(shortest))
    self.plan = plan
    var level: [Int: Int] = [:]
    levels = [[]]
    for file in files {
      var own = 0
      if let place = places[file] {
        for run in plan.runs[place] where run.source != place {
          own = max(own, level[self.files[run.source], default: 0] + 1)
        }
        level[file] = own
      }
      while levels.count <= own { levels.append([]) }
      levels[own].append(file)
    }
  }

  private static func chunk(
    _ files: [Int], _ build: BuildContext, _ chunker: ContentChunker, _ progress: inout ProgressReporter
  ) throws -> [ChunkedContent] {
    progress.start(.comparing, total: files.reduce(0) { $0 + build.size(of: $1) })
    var contents: [ChunkedContent] = []
    contents.reserveCapacity(files.count)
    var next = files[...]
    var cutter: SegmentCutter?
    let (options, tree, order) = (build.options, build.tree, build.order)
    try OrderedWork<ContentJob, (ContentJob, ChunkedContent)>.run(
      threads: build.threads, limit: build.memory,
      next: {
        while true {
          if let job = cutter?.next() { return (job, job.length) }
          guard let file = next.popFirst() else { return nil }
          cutter = SegmentCutter(file: file, size: build.size(of: file), ContentJob.Treatment(kind: .plain))
        }
      },
      worker: {
        let worker = ContentWorker(options, tree, order)
        return { ($0, try worker.chunks(of: $0, chunker)) }
      },
      take: { job, chunks in
        if job.isFirst {
          contents.append(chunks)
        } else {
          contents[contents.count - 1].lengths += chunks.lengths
          contents[contents.count - 1].digests += chunks.digests
        }
        try progress.advance(by: UInt64(job.length), written: 0)
      })
    return contents
  }

  // MARK: Encoding

  /// Looks up where the runs of a level's files are stored, once all levels before are encoded.
  ///
  /// - Parameter stored: the extents of a file, in order; a flat file's are its blocks.
  mutating func begin(level: Int, extents stored: (Int) -> [StoredExtent]) {
    references = [:]
    guard let plan else { return }
    for file in levels[level] {
      guard let place = places[file], !plan.runs[place].isEmpty else { continue }
      for run in plan.runs[place] where run.source != place {
        let end = run.sourceStart + run.length
        var start: UInt64 = 0
        for extent in stored(files[run.source]) {
          defer { start += UInt64(extent.length) }
          if start >= end { break }
          guard start >= run.sourceStart, extent.form != .hole else { continue }
          references[file, default: []].append(
            Reference(
              start: run.start + (start - run.sourceStart), length: Int(min(UInt64(extent.length), end - start)),
              extent: extent))
        }
      }
    }
  }

  /// Tells a job where its extents should begin, and which it shares.
  func prepare(_ job: inout ContentJob) {
    guard let plan, let place = places[job.file] else { return }
    let range = job.offset..<job.offset + UInt64(job.length)
    job.cuts = plan.cuts[place].filter { $0 > range.lowerBound && $0 < range.upperBound }.map {
      Int($0 - range.lowerBound)
    }
    for reference in references[job.file] ?? [] where range.contains(reference.start) {
      let length = min(reference.length, Int(range.upperBound - reference.start))
      job.references.append(
        Segment.Reference(start: Int(reference.start - range.lowerBound), length: length, extent: reference.extent))
    }
  }
}
