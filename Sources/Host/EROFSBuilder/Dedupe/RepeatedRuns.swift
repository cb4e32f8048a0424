// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Runs of compressed files that are stored as parts of other files.
///
/// What is repeated is found in the contents alone. A file whose runs are stored elsewhere is encoded when those files have
/// been, so files come in levels: a level needs only files of the levels before it, and its files can be encoded by any
/// number of threads. A file that refers to a segment of its own from another is encoded in parts, each of which needs only
/// those before it.
struct RepeatedRuns {
  /// What is encoded by all threads, once the steps before it are done.
  struct Step {
    /// Numbers of inodes.
    var files: [Int]
    /// Which bytes of the only file; nil for all of each.
    var part: Range<UInt64>?
  }

  private(set) var steps: [Step]
  private var plan: DuplicatePlan?
  /// By number of the inode: its number in the plan.
  private var places: [Int: Int] = [:]
  private var files: [Int] = []
  /// By number of the inode, for the step that is encoded: what it shares, at its places in the file.
  private var references: [Int: [Reference]] = [:]

  private struct Reference {
    let start: UInt64
    let length: UInt64
    let source: Source

    enum Source {
      case extent(StoredExtent, hasSameOffset: Bool)
      /// The file's own bytes from there on.
      case file(at: UInt64)
    }
  }

  /// No file has any.
  init(files: [Int]) { steps = [Step(files: files)] }

  /// - Parameters:
  ///   - files: all that are to be encoded, in order.
  init(
    _ build: BuildContext, _ treatments: Treatments, files: [Int], _ progress: inout ProgressReporter
  ) throws {
    // There are many short runs, and most do not save what their cuts cost; looking at each takes time. Down to a quarter of a
    // cluster those that do are worth it.
    let shortest = max(4 * build.options.blockSize, treatments.largestCluster / 4)
    self.files = files.filter { treatments[$0].kind == .compressed && build.size(of: $0) >= UInt64(shortest) }
    for (place, file) in self.files.enumerated() { places[file] = place }
    let wanted = min(max(shortest / 4, 1024), 65_536)
    let average = 1 << (Int.bitWidth - 1 - wanted.leadingZeroBitCount)
    let contents = try Self.chunk(self.files, build, treatments, ContentChunker(average: average), &progress)
    var plan = DuplicatePlan(contents, shortestRun: UInt64(shortest)) { [places = self.files] in
      UInt64(SegmentCutter.length(treatments[places[$0]]))
    }
    try WorthwhileRuns(build, treatments, files: self.files).keep(in: &plan, &progress)
    self.plan = plan
    var level: [Int: Int] = [:]
    var levels: [(whole: [Int], inParts: [Step])] = []
    // A listed file is not encoded before one that is listed earlier, nor any other before all of them.
    var lowest = 0
    for file in files {
      var own = lowest
      var parts: [Step] = []
      if let place = places[file] {
        for run in plan.runs[place] where run.source != place {
          own = max(own, level[self.files[run.source], default: 0] + 1)
        }
        level[file] = own
        parts = Self.parts(
          of: file, size: build.size(of: file), segment: UInt64(SegmentCutter.length(treatments[file])),
          plan.runs[place].filter { $0.source == place })
      }
      while levels.count <= own { levels.append(([], [])) }
      if parts.count > 1 { levels[own].inParts += parts } else { levels[own].whole.append(file) }
      if build.storage.isListed(file) { lowest = parts.count > 1 ? own + 1 : own }
    }
    steps = levels.flatMap { [Step(files: $0.whole)] + $0.inParts }
  }

  /// Divides a file's segments so that none refers to another of its part. Most files are one part.
  ///
  /// - Parameter runs: those that refer to the file itself, in order; each is within one segment.
  private static func parts(of file: Int, size: UInt64, segment: UInt64, _ runs: [DuplicatePlan.Run]) -> [Step] {
    var parts: [Step] = []
    var start: UInt64 = 0
    for run in runs {
      let own = run.start / segment * segment
      if run.sourceStart < own, run.sourceStart + run.length > start, own > start {
        parts.append(Step(files: [file], part: start..<own))
        start = own
      }
    }
    return parts + [Step(files: [file], part: start..<size)]
  }

  private static func chunk(
    _ files: [Int], _ build: BuildContext, _ treatments: Treatments, _ chunker: ContentChunker,
    _ progress: inout ProgressReporter
  ) throws -> [ChunkedContent] {
    progress.start(.comparing, total: files.reduce(0) { $0 + build.size(of: $1) })
    var contents: [ChunkedContent] = []
    contents.reserveCapacity(files.count)
    var source = JobSource(build, files) { treatments[$0] }
    try build.run(next: { try source.next() }, perform: { ($1, try $0.chunks(of: $1, chunker)) }) { job, chunks in
      if job.isFirst {
        contents.append(chunks)
      } else {
        contents[contents.count - 1].lengths += chunks.lengths
        contents[contents.count - 1].digests += chunks.digests
      }
      try progress.advance(by: UInt64(job.length), written: 0)
    }
    return contents
  }

  // MARK: Encoding

  /// Looks up where the runs of a step's files are stored, once all steps before are done.
  ///
  /// - Parameter stored: the extents of a file, in order; a flat file's are its blocks.
  mutating func begin(_ step: Step, extents stored: (Int) -> [StoredExtent]) {
    references = [:]
    guard let plan else { return }
    // Runs in a row often have one source.
    var source = (file: -1, extents: [StoredExtent](), starts: [UInt64]())
    for file in step.files {
      guard let place = places[file], !plan.runs[place].isEmpty else { continue }
      var own: [Reference] = []
      let part = step.part ?? 0..<UInt64.max
      for run in plan.runs[place] where part.overlaps(run.start..<run.start + run.length) {
        // In a part, what the parts before it store has its place by now.
        if run.source == place, run.sourceStart >= part.lowerBound {
          own.append(Reference(start: run.start, length: run.length, source: .file(at: run.sourceStart)))
          continue
        }
        if source.file != run.source {
          source = (run.source, stored(files[run.source]), [])
          source.starts.reserveCapacity(source.extents.count)
          var next: UInt64 = 0
          for extent in source.extents {
            source.starts.append(next)
            next += UInt64(extent.length)
          }
        }
        let end = run.sourceStart + run.length
        let hasSameOffset = (run.start &- run.sourceStart) % UInt64(StoredExtent.pageBytes) == 0
        for index in source.starts.firstIndex(from: run.sourceStart)..<source.starts.count {
          let start = source.starts[index]
          if start >= end { break }
          let extent = source.extents[index]
          if extent.form == .hole { continue }
          own.append(
            Reference(
              start: run.start + (start - run.sourceStart), length: min(UInt64(extent.length), end - start),
              source: .extent(extent, hasSameOffset: hasSameOffset)))
        }
      }
      references[file] = own
    }
  }

  /// Adds to a job where its extents should begin, and which it shares.
  func prepare(_ job: inout ContentJob) {
    guard let plan, let place = places[job.file] else { return }
    let range = job.offset..<job.offset + UInt64(job.length)
    let cuts = plan.cuts[place]
    for cut in cuts[cuts.firstIndex(from: range.lowerBound + 1)...].prefix(while: { $0 < range.upperBound }) {
      job.cuts.append(Int(cut - range.lowerBound))
    }
    let own = references[job.file] ?? []
    for reference in own[own.firstIndex(from: range.lowerBound, by: \.start)...] {
      guard reference.start < range.upperBound else { break }
      let source: Segment.Source
      switch reference.source {
      case .extent(let extent, let hasSameOffset): source = .extent(extent, hasSameOffset: hasSameOffset)
      case .file(let at):
        guard at >= range.lowerBound else { continue }
        source = .segment(at: Int(at - range.lowerBound))
      }
      job.references.append(
        Segment.Reference(
          start: Int(reference.start - range.lowerBound),
          length: Int(min(reference.length, range.upperBound - reference.start)), source: source))
    }
  }
}

extension Array {
  /// Index of the first element of an ascending list whose key is not below `bound`.
  fileprivate func firstIndex<Key: Comparable>(from bound: Key, by key: (Element) -> Key) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if key(self[middle]) < bound { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

extension Array where Element: Comparable {
  fileprivate func firstIndex(from bound: Element) -> Int { firstIndex(from: bound, by: { $0 }) }
}
