// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Zeros in contents, which an index can say instead of extents that are stored.
enum ZeroRuns {
  /// Fewer zeros than these take hardly more bytes in an extent than as one of their own, which also ends the one before.
  static let shortest = 1 << 16

  /// Where there are at least as many zeros in a row.
  static func all(in content: UnsafeRawBufferPointer) -> [Segment.Reference] {
    // A run of that length has all of one of these steps.
    let step = shortest / 2
    var holes: [Segment.Reference] = []
    var at = 0
    while at + step <= content.count {
      guard UnsafeRawBufferPointer(rebasing: content[at..<at + step]).isZero else {
        at += step
        continue
      }
      var (start, end) = (at, at + step)
      while start > 0, content[start - 1] == 0 { start -= 1 }
      while end + 8 <= content.count, content.loadUnaligned(fromByteOffset: end, as: UInt64.self) == 0 { end += 8 }
      while end < content.count, content[end] == 0 { end += 1 }
      if end - start >= shortest { holes.append(.init(start: start, length: end - start, source: .zeros)) }
      at = (end + step - 1) / step * step
    }
    return holes
  }
}

extension ExtentRules {
  /// Where extents have to begin so that some have all blocks of a hole and nothing else. It costs a part of a cluster, so
  /// that only large ones are worth it.
  func cuts(around holes: [Segment.Reference]) -> [Int] {
    var cuts: [Int] = []
    for hole in holes where hole.length >= max(1 << 18, 4 * clusterSize) {
      cuts.append((hole.start + blockSize - 1) / blockSize * blockSize)
      cuts.append((hole.start + hole.length) / blockSize * blockSize)
    }
    return cuts
  }
}

extension [Segment.Reference] {
  /// Both ascending lists as one.
  func merged(with others: Self) -> Self {
    if others.isEmpty { return self }
    return (self + others).sorted { ($0.start, $1.length) < ($1.start, $0.length) }
  }
}
