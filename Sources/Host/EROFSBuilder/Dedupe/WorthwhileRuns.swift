// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Encoders

/// Which runs of a plan make the image smaller.
///
/// The rule: a run is kept if its bytes would take more than its cuts cost, and a file's runs are kept if they save more
/// together than its larger index costs.
///
/// - What the bytes would take is what LZ4's fast compressor makes of them, because that is known at once, and of that
///   ``percentOfOthers`` for other algorithms. That is a guess, but most runs save either much or nothing. Where ends of
///   files are packed, the last cluster of the source is packed, and nothing can refer to that.
/// - A cut is where an extent has to end: where the run begins in its source, and at both ends of the run, unless the file
///   begins or ends there. The extent fills a part of its last block, half of it on average. With byte addresses nothing is
///   padded, but there is one record more, and the compressor begins anew, without what it knew.
/// - A compact index cannot say that an extent is stored elsewhere, so all blocks of the file need the records of a full
///   one. In a metabox that costs nothing, because such records are alike and compress well.
struct WorthwhileRuns {
  private let build: BuildContext
  private let treatments: Treatments
  /// The plan's contents, as numbers of inodes.
  private let files: [Int]
  private let cutCost: Int
  private let indexCostOfBlock: Int
  /// Percent of LZ4's size: programs and libraries take as much with Zstandard and DEFLATE at 64 KiB, a little less with LZMA.
  private static let percentOfOthers = 70
  /// Of what follows a run in its source.
  private static let longestLook: UInt64 = 1 << 20

  init(_ build: BuildContext, _ treatments: Treatments, files: [Int]) {
    self.build = build
    self.treatments = treatments
    self.files = files
    let options = build.options
    cutCost = options.index == .encoded ? 256 : options.blockSize / 2
    // Blocks that are too large for a compact index have a full one anyway.
    let isCompact = options.index == .compact && options.blockShift <= 14 && options.metabox == nil
    // 8 bytes instead of 2 or 4.
    indexCostOfBlock = isCompact ? (options.blockShift <= 12 ? 6 : 4) : 0
  }

  /// Removes the other runs from a plan. Which those are depends on the contents and on options only.
  func keep(in plan: inout DuplicatePlan, _ progress: inout ProgressReporter) throws {
    let runs = plan.runs
    // What comes before a cut, or before a run that is stored elsewhere, is not the end of a file.
    let ends = runs.indices.map { max(plan.cuts[$0].last ?? 0, runs[$0].last?.start ?? 0) }
    // A run that pays for everything by itself need not be looked at any further.
    var enough: [Int: Int] = [:]
    for number in runs.indices where !runs[number].isEmpty {
      enough[files[number]] = 3 * cutCost + indexCost(of: number) + 1 + treatments.largestCluster
    }
    let (limits, cluster) = (enough, treatments.largestCluster)
    let isLZ4 = build.options.encodings.allSatisfy { $0.algorithm.format == Encoding.Algorithm.lz4.format }
    let percent = isLZ4 ? 100 : Self.percentOfOthers
    var gains = runs.map { Array(repeating: 0, count: $0.count) }
    var (next, judged) = (Cursor(), Cursor())
    var taken = 0
    try build.run(
      next: {
        guard let (place, isRest) = next.advance(in: runs) else { return nil }
        let run = runs[place.content][place.run]
        return isRest ? lookAfter(run, ends[run.source]) : look(at: run, of: place.content)
      },
      perform: { try $0.compressedSize(of: $1, upTo: $1.isLast ? cluster : limits[$1.file]!) }
    ) { size in
      // The bytes were counted when they were compared.
      try progress.advance(by: 0, written: 0)
      let (place, isRest) = judged.advance(in: runs)!
      let run = runs[place.content][place.run]
      if !isRest {
        taken = size
      } else {
        let isInside = ends[run.source] >= run.sourceStart + run.length
        let saved = isInside ? taken : min(taken, stored(of: files[run.source], upTo: taken + size))
        let shared = isShareable(run, by: place.content) ? saved * percent / 100 : 0
        gains[place.content][place.run] = shared - cutCost * cuts(for: run, of: place.content)
      }
    }
    let worth = gains.indices.map { gains[$0].reduce(0) { $0 + max(0, $1) } > indexCost(of: $0) }
    plan.keep { worth[$0] && gains[$0][$1] > 0 }
  }

  private func look(at run: DuplicatePlan.Run, of content: Int) -> ContentJob {
    ContentJob(
      file: files[content], offset: run.start, length: Int(run.length), isFirst: false, isLast: false,
      treatment: .init(kind: .plain))
  }

  /// Of a run in another file, nothing can be shared if that has an algorithm that this one does not use.
  private func isShareable(_ run: DuplicatePlan.Run, by content: Int) -> Bool {
    guard run.source != content else { return true }
    let own = treatments[files[content]]
    let formats = [own.encoding, own.second ?? own.encoding].map { build.options.encoding(at: $0).algorithm.format }
    let source = treatments[files[run.source]].encoding
    return formats.contains(build.options.encoding(at: source).algorithm.format)
  }

  /// At what follows in the run's source, if that says how much of the run is outside its last cluster.
  private func lookAfter(_ run: DuplicatePlan.Run, _ lastCut: UInt64) -> ContentJob {
    let source = files[run.source]
    let end = run.sourceStart + run.length
    let isOpen = treatments[source].tail == .packed && lastCut < end
    let length = isOpen ? min(build.size(of: source) - end, Self.longestLook) : 0
    return ContentJob(
      file: source, offset: end, length: Int(length), isFirst: false, isLast: true, treatment: .init(kind: .plain))
  }

  /// Of so many stored bytes up to the file's end, those that are outside its last cluster, if that is packed.
  private func stored(of file: Int, upTo end: Int) -> Int {
    let treatment = treatments[file]
    return treatment.tail == .packed ? end / treatment.clusterSize * treatment.clusterSize : end
  }

  private func cuts(for run: DuplicatePlan.Run, of number: Int) -> Int {
    let edges = [run.sourceStart > 0, run.start > 0, run.start + run.length < build.size(of: files[number])]
    return edges.count(where: { $0 })
  }

  private func indexCost(of number: Int) -> Int {
    indexCostOfBlock * Int(build.size(of: files[number]) >> UInt64(build.options.blockShift))
  }

  /// Goes through the runs of all contents, with two steps for each.
  private struct Cursor {
    private var content = 0
    private var step = 0

    mutating func advance(in runs: [[DuplicatePlan.Run]]) -> (place: (content: Int, run: Int), isRest: Bool)? {
      while content < runs.count {
        if step < 2 * runs[content].count {
          defer { step += 1 }
          return ((content, step / 2), step % 2 == 1)
        }
        (content, step) = (content + 1, 0)
      }
      return nil
    }
  }
}
