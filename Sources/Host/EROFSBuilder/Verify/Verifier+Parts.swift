// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

extension Verifier {
  /// All metadata, then all contents, in the order in which they are stored: what several files have in an extent is decoded
  /// once. They are cut into jobs when those are asked for, because a file of terabytes has a million.
  struct Jobs {
    struct Part: Sendable {
      let file: Int
      let range: Range<UInt64>
      /// Of the parts of `range`, each as long as a segment.
      let sums: Range<Int>
      let segmentBytes: UInt64
    }

    struct Job: Sendable {
      /// Whose metadata is compared.
      var inodes = 0..<0
      var parts: [Part] = []
      var byteCount: UInt64 = 0
    }

    private static let batchInodes = 256
    private static let batchBytes: UInt64 = 256 << 10
    /// In a part; they may be stored as data, which other threads should decode too.
    private static let mostZeroSegments = 64

    private let build: BuildContext
    private let contents: ContentPass
    private var inodes: Range<Int>
    private var files: ArraySlice<(place: UInt64, number: Int)>
    /// Byte of the first of these files where its next part starts.
    private var start: UInt64 = 0
    /// Bytes of all of them.
    let total: UInt64

    init(_ build: BuildContext, _ contents: ContentPass) {
      self.build = build
      self.contents = contents
      var files: [(place: UInt64, number: Int)] = []
      var total: UInt64 = 0
      for (number, file) in contents.files.enumerated() where file.layout != .empty && !file.sums.isEmpty {
        var place = file.address
        if file.layout == .compressed, let first = contents.extents[file.extents].first { place = first.address }
        if case .packed(let fragment, _) = file.tail { place = 1 << 63 | contents.fragments.offset(of: fragment) }
        files.append((place, number))
        total += build.size(of: number)
      }
      files.sort { $0 < $1 }
      self.files = files[...]
      inodes = 0..<build.order.count
      self.total = total
    }

    mutating func next() -> Job? {
      if !inodes.isEmpty {
        defer { inodes = inodes.dropFirst(Self.batchInodes) }
        return Job(inodes: inodes.prefix(Self.batchInodes))
      }
      var job = Job()
      while job.byteCount < Self.batchBytes, let part = nextPart() {
        job.parts.append(part)
        job.byteCount += UInt64(part.range.count)
      }
      return job.parts.isEmpty ? nil : job
    }

    /// How many segments of zeros there are from one on; 1 if it is none. Holes are compared without being read.
    private func zeroSegments(from first: Int, _ file: StoredFile) -> UInt64 {
      guard file.sums.upperBound - first > 1 else { return 1 }
      let sums = contents.sums[first..<min(file.sums.upperBound, first + Self.mostZeroSegments)]
      var runs = sums.runs
      guard let run = runs.next(), run.count > 1, run.element == ContentSum.ofZeros(file.segmentBytes) else { return 1 }
      return UInt64(run.count)
    }

    private mutating func nextPart() -> Part? {
      guard let number = files.first?.number else { return nil }
      let file = contents.files[number]
      let size = build.size(of: number)
      let segment = file.sums.count == 1 ? size : file.segmentBytes
      let first = file.sums.lowerBound + Int(start / segment)
      // Only a compressed file has extents that end where its segments do.
      let end = file.layout == .compressed ? min(size, start + segment * zeroSegments(from: first, file)) : size
      let last = file.sums.lowerBound + Int((end - 1) / segment)
      let part = Part(file: number, range: start..<end, sums: first..<last + 1, segmentBytes: segment)
      start = end
      if end == size {
        files.removeFirst()
        start = 0
      }
      return part
    }
  }

  /// The sums of a part's segments, while its bytes come.
  struct Comparison {
    private var expected: RunList<ContentSum.Value>.Iterator
    private let segmentBytes: UInt64
    private var sum = ContentSum()
    private var filled: UInt64 = 0
    private var zeros: UInt64 = 0
    private var total: UInt64 = 0
    private var isEqual = true

    init(expected: RunList<ContentSum.Value>.Iterator, segmentBytes: UInt64) {
      self.expected = expected
      self.segmentBytes = segmentBytes
    }

    mutating func take(_ bytes: UnsafeRawBufferPointer) {
      takeZeros()
      var rest = bytes[...]
      while !rest.isEmpty {
        let part = rest.prefix(Int(min(UInt64(rest.count), segmentBytes - filled)))
        sum.update(UnsafeRawBufferPointer(rebasing: part))
        advance(UInt64(part.count))
        rest = rest.dropFirst(part.count)
      }
    }

    /// Zeros of several holes in a row are taken together, because the sums of whole segments of them are known.
    mutating func take(zeros count: UInt64) { zeros += count }

    private mutating func takeZeros() {
      while zeros > 0 {
        let part = min(zeros, segmentBytes - filled)
        zeros -= part
        if part == segmentBytes {
          if expected.next() != ContentSum.ofZeros(part) { isEqual = false }
          total += part
        } else {
          sum.update(zeros: part)
          advance(part)
        }
      }
    }

    private mutating func advance(_ count: UInt64) {
      filled += count
      total += count
      if filled == segmentBytes { endSegment() }
    }

    private mutating func endSegment() {
      if expected.next() != sum.value { isEqual = false }
      sum = ContentSum()
      filled = 0
    }

    mutating func finish(_ count: UInt64) -> Bool {
      takeZeros()
      if filled > 0 { endSegment() }
      return isEqual && expected.next() == nil && total == count
    }
  }
}
