// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

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
    // The last cluster of a segment is filled in part.
    case .compressed: min(max(32 * treatment.clusterSize, 16 << 20), 32 << 20)
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

/// The jobs of some files, in their order.
struct JobSource {
  private let build: BuildContext
  private let treatment: (Int) -> ContentJob.Treatment
  private var files: ArraySlice<Int>
  private var cutter: SegmentCutter?

  /// - Parameter treatment: of each file, by its number.
  init(_ build: BuildContext, _ files: [Int], treatment: @escaping (Int) -> ContentJob.Treatment) {
    self.build = build
    self.treatment = treatment
    self.files = files[...]
  }

  mutating func next() -> ContentJob? {
    while true {
      if let job = cutter?.next() { return job }
      guard let file = files.popFirst() else { return nil }
      cutter = SegmentCutter(file: file, size: build.size(of: file), treatment(file))
    }
  }
}
