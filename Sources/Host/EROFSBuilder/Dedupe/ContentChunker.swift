// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Cuts content into chunks at places that the content itself chooses, so that equal runs of two files are cut alike
/// wherever they start.
///
/// A gear hash rolls over the last 64 bytes; a chunk ends where its highest bits are all 0. Below the average length
/// two more bits have to be 0 and above it two fewer, which keeps most lengths near the average.
struct ContentChunker {
  /// Bytes of a chunk: at least a quarter of the average, except at the end of the content, and at most four times it.
  let average: Int
  private let strict: UInt64
  private let loose: UInt64

  /// - Parameter average: a power of two, 256 ... 1 << 20.
  init(average: Int) {
    precondition(average >= 256 && average <= 1 << 20 && average & (average - 1) == 0)
    self.average = average
    let bits = UInt64(average.trailingZeroBitCount)
    strict = ~(UInt64.max >> (bits + 2))
    loose = ~(UInt64.max >> (bits - 2))
  }

  var minimum: Int { average / 4 }
  var maximum: Int { average * 4 }

  /// Length of the chunk at the start of `content`.
  ///
  /// - Parameter content: all that follows, or at least ``maximum`` bytes of it.
  /// - Returns: 1 ... ``maximum``, or 0 for no content.
  func firstLength(of content: UnsafeRawBufferPointer) -> Int {
    // Once for a chunk: each access to it is a call that asks whether it has been made yet.
    Self.gear.withUnsafeBufferPointer { firstLength(of: content, gear: $0) }
  }

  private func firstLength(of content: UnsafeRawBufferPointer, gear: UnsafeBufferPointer<UInt64>) -> Int {
    guard content.count > minimum else { return content.count }
    var hash: UInt64 = 0
    // The hash has forgotten all but the last 64 bytes; what comes before them has no say.
    var at = max(0, minimum - 64)
    while at < minimum {
      hash = (hash &<< 1) &+ gear[Int(content[at])]
      at += 1
    }
    for (mask, end) in [(strict, min(average, content.count)), (loose, min(maximum, content.count))] {
      while at < end {
        hash = (hash &<< 1) &+ gear[Int(content[at])]
        at += 1
        if hash & mask == 0 { return at }
      }
    }
    return at
  }

  /// A random number for each byte: the first outputs of SplitMix64 from 0, the same on every machine and in every
  /// version, because images depend on them.
  private static let gear: [UInt64] = {
    var state: UInt64 = 0
    return (0..<256).map { _ in
      state &+= 0x9E37_79B9_7F4A_7C15
      var value = state
      value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
      value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
      return value ^ (value >> 31)
    }
  }()
}
