// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree

/// The parts of one file, each a job.
struct SegmentCutter {
  private let file: Int
  private let size: UInt64
  private let treatment: ContentJob.Treatment
  private let length: UInt64
  private var offset: UInt64
  private let end: UInt64
  /// Where the hole ends that was looked for last, and up to where need not be looked again.
  private var holeEnd: UInt64 = 0
  private var knownUpTo: UInt64 = 0

  /// - Parameter part: bytes of the file, from the start of a segment to the end of one; without it, all of them.
  init(file: Int, size: UInt64, part: Range<UInt64>? = nil, _ treatment: ContentJob.Treatment) {
    self.file = file
    self.size = size
    (offset, end) = (part?.lowerBound ?? 0, part?.upperBound ?? size)
    self.treatment = treatment
    length = UInt64(Self.length(treatment))
  }

  /// Bytes of a segment. It does not depend on the number of threads, because what is compressed does depend on it.
  static func length(_ treatment: ContentJob.Treatment) -> Int {
    switch treatment.kind {
    // The last cluster of a segment is filled in part.
    case .compressed: min(max(32 * treatment.clusterSize, 16 << 20), 32 << 20)
    case .plain, .packed: 4 << 20
    case .chunked: max(4 << 20, treatment.clusterSize)
    }
  }

  mutating func next() -> ContentJob? {
    guard offset < end else { return nil }
    let part = min(length, size - offset)
    defer { offset += part }
    return ContentJob(
      file: file, offset: offset, length: Int(part), isFirst: offset == 0, isLast: offset + part == size,
      treatment: treatment)
  }

  /// Where it is to be looked for data, before ``nextHoles()`` is asked.
  var placeToLook: UInt64? { mayJoin && offset >= knownUpTo ? offset : nil }

  /// - Parameter start: where the next data starts, from ``placeToLook`` on; nil if there is none.
  mutating func found(dataAt start: UInt64?) {
    holeEnd = start ?? size
    // Within a part that has data, it is not asked again where the next data is.
    knownUpTo = max(holeEnd, offset + length)
  }

  /// Parts that are a hole, as one job. The first and the last part of a file are jobs of their own.
  mutating func nextHoles() -> ContentJob? {
    let end = min(holeEnd, size - 1)
    guard mayJoin, end > offset else { return nil }
    let count = min((end - offset) / length, Self.mostHoles)
    guard count > 1 else { return nil }
    defer { offset += count * length }
    return ContentJob(
      file: file, offset: offset, length: Int(length), holes: Int(count), isFirst: false, isLast: false,
      treatment: treatment)
  }

  private var mayJoin: Bool { size / length >= Self.fewestParts && offset > 0 && offset < size }

  /// Of a file with fewer parts, no holes are looked for.
  private static let fewestParts: UInt64 = 8
  private static let mostHoles: UInt64 = 1024
}

/// The jobs of some files, in their order.
struct JobSource: ~Copyable {
  private let build: BuildContext
  private let joinsHoles: Bool
  private var opener: ContentOpener
  private let treatment: (Int) -> ContentJob.Treatment
  private var files: ArraySlice<Int>
  private let part: Range<UInt64>?
  private var cutter: SegmentCutter?
  private var current = 0

  /// - Parameters:
  ///   - part: of each file, as ``SegmentCutter`` takes it.
  ///   - joinsHoles: whether parts of large holes are one job, in which each costs next to nothing.
  ///   - treatment: of each file, by its number.
  init(
    _ build: BuildContext, _ files: [Int], part: Range<UInt64>? = nil, joinsHoles: Bool = false,
    treatment: @escaping (Int) -> ContentJob.Treatment
  ) {
    self.build = build
    self.treatment = treatment
    self.files = files[...]
    self.part = part
    self.joinsHoles = joinsHoles
    opener = ContentOpener(build.tree)
  }

  mutating func next() throws -> ContentJob? {
    while true {
      if let job = try nextHoles() ?? cutter?.next() { return job }
      guard let file = files.popFirst() else { return nil }
      current = file
      cutter = SegmentCutter(file: file, size: build.size(of: file), part: part, treatment(file))
    }
  }

  private mutating func nextHoles() throws -> ContentJob? {
    guard joinsHoles, cutter != nil else { return nil }
    if let place = cutter!.placeToLook {
      // Whoever reads there reports what is wrong, after what is wrong before.
      cutter!.found(dataAt: (try? data(after: place)) ?? place)
    }
    return cutter!.nextHoles()
  }

  /// Where the current file has data again; its end if nowhere.
  private mutating func data(after place: UInt64) throws -> UInt64 {
    let reader = try opener.open(build.order.entries[current])
    let found = try reader.data(after: place)?.lowerBound
    try reader.finish()
    return found ?? build.size(of: current)
  }
}
