// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTree

/// The parts of one file, each a job.
struct SegmentCutter {
  private let file: Int
  private let size: UInt64
  private let treatment: ContentJob.Treatment
  private let length: UInt64
  private var offset: UInt64 = 0

  init(file: Int, size: UInt64, _ treatment: ContentJob.Treatment) {
    self.file = file
    self.size = size
    self.treatment = treatment
    length = UInt64(Self.length(treatment))
  }

  /// Bytes of a segment. It does not depend on the number of threads, because what is compressed does depend on it.
  static func length(_ treatment: ContentJob.Treatment) -> Int {
    switch treatment.kind {
    case .compressed: min(max(32 * treatment.clusterSize, 4 << 20), 32 << 20)
    case .plain, .packed: 4 << 20
    case .chunked: max(4 << 20, treatment.clusterSize)
    }
  }

  mutating func next() -> ContentJob? {
    guard offset < size else { return nil }
    let part = min(length, size - offset)
    defer { offset += part }
    return ContentJob(
      file: file, offset: offset, length: Int(part), isFirst: offset == 0, isLast: offset + part == size,
      treatment: treatment)
  }
}

/// All jobs of a tree, in the order of its files.
struct JobSource {
  /// Bytes of all jobs.
  let totalBytes: UInt64
  private(set) var largestCluster = 0
  private let build: BuildContext
  private let duplicates: DuplicateFiles
  private var number = 0
  private var cutter: SegmentCutter?
  private let treatments: [Int: ContentJob.Treatment]
  private let standard: ContentJob.Treatment

  init(_ build: BuildContext, _ duplicates: DuplicateFiles) {
    self.build = build
    self.duplicates = duplicates
    standard = Self.treatment(build, hint: nil)
    var treatments: [Int: ContentJob.Treatment] = [:]
    var total: UInt64 = 0
    for file in 0..<build.order.count where build.size(of: file) > 0 && duplicates.originals[file] == nil {
      total += build.size(of: file)
      if let hints = build.options.hints, let hint = hints.hint(for: build.path(of: file)) {
        let treatment = Self.treatment(build, hint: hint)
        treatments[file] = treatment
        largestCluster = max(largestCluster, treatment.clusterSize)
      }
    }
    self.treatments = treatments
    totalBytes = total
  }

  private static func treatment(_ build: BuildContext, hint: CompressHints.Hint?) -> ContentJob.Treatment {
    let options = build.options
    var plain = ContentJob.Treatment(kind: .plain)
    if options.inlinesData { plain.tail = build.inlineTail }
    if let chunkSize = options.chunkSize { return ContentJob.Treatment(kind: .chunked, clusterSize: chunkSize) }
    guard options.isCompressed, hint?.pclusterBytes != 0 else { return plain }
    if options.fragments == .all { return ContentJob.Treatment(kind: .packed) }
    var treatment = ContentJob.Treatment(kind: .compressed, clusterSize: options.cluster)
    if let hint {
      treatment.encoding = hint.algorithm
      let blocks = max(1, Int(hint.pclusterBytes) >> options.blockShift)
      treatment.clusterSize = min(blocks << options.blockShift, 1 << 20)
    }
    if options.fragments == .tails {
      treatment.tail = .packed
    } else if options.packsTails {
      treatment.tail = build.inlineTail
    }
    return treatment
  }

  mutating func next() -> ContentJob? {
    while true {
      if let job = cutter?.next() { return job }
      guard number < build.order.count else { return nil }
      defer { number += 1 }
      let size = build.size(of: number)
      guard size > 0, duplicates.originals[number] == nil else { continue }
      cutter = SegmentCutter(file: number, size: size, treatments[number] ?? standard)
    }
  }
}
