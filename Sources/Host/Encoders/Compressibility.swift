// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CLZ4

extension Encoder {
  /// Whether it is not worth compressing `input` into clusters of `clusterSize` bytes, by a look that takes a small part of
  /// the time that compressing takes.
  ///
  /// The rule: only the first `clusterSize` bytes count, because a cluster that does not hold more than its own size saves
  /// nothing. They are said not to compress when both are true:
  ///
  /// - LZ4's fast compressor saves less than 1/64 of them: there are hardly any matches.
  /// - An ideal code for single bytes saves less than 1/128 of them and 64 bytes. (It saves about 23 bytes of random data,
  ///   whatever their number, and must be described.) This does not count for `lz4` and `lz4hc`, which have no such code.
  ///
  /// Fewer than 256 bytes are never said not to compress. The answer depends on the arguments and the algorithm only.
  public func looksIncompressible(_ input: UnsafeRawBufferPointer, clusterSize: Int) -> Bool {
    let part = UnsafeRawBufferPointer(rebasing: input.prefix(max(0, min(clusterSize, Self.largestCluster))))
    guard part.count >= 256 else { return false }
    if encoding.algorithm != .lz4, encoding.algorithm != .lz4hc, ByteCounts(part).saving >= 64 + part.count / 128 {
      return false
    }
    let capacity = part.count - part.count / 64
    let room = trial.reserve(capacity)
    return LZ4_compress_default(
      part.baseAddress!.assumingMemoryBound(to: CChar.self), room.baseAddress!.assumingMemoryBound(to: CChar.self),
      CInt(part.count), CInt(capacity)) == 0
  }
}

/// Tells about how well data compresses.
package final class QuickCompressor {
  private let room = Scratch()

  package init() {}

  /// How many bytes `input` takes, compressed by LZ4's fast compressor, or as it is; most other compressors need fewer.
  package func compressedSize(of input: UnsafeRawBufferPointer) -> Int {
    guard !input.isEmpty else { return 0 }
    let room = room.reserve(input.count)
    let stored = LZ4_compress_default(
      input.baseAddress!.assumingMemoryBound(to: CChar.self), room.baseAddress!.assumingMemoryBound(to: CChar.self),
      CInt(input.count), CInt(input.count))
    return stored > 0 ? Int(stored) : input.count
  }
}

/// How often each byte occurs.
private struct ByteCounts {
  private var counts = [Int](repeating: 0, count: 256)
  private let total: Int

  init(_ bytes: UnsafeRawBufferPointer) {
    total = bytes.count
    // Two tables, so that equal neighbours do not wait for each other.
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 512) { tables in
      tables.initialize(repeating: 0)
      let tables = tables.baseAddress!
      var i = 0
      while i + 1 < bytes.count {
        tables[Int(bytes[i])] += 1
        tables[256 + Int(bytes[i + 1])] += 1
        i += 2
      }
      if i < bytes.count { tables[Int(bytes[i])] += 1 }
      for byte in 0..<256 { counts[byte] = Int(tables[byte] + tables[256 + byte]) }
    }
  }

  /// Bytes that an ideal code for single bytes would save, without its description.
  var saving: Int {
    var bits = 8 * total << 16 - total * Self.log2(total)
    for count in counts where count > 0 { bits += count * Self.log2(count) }
    return bits >> 19
  }

  /// log2 in units of 1/65536, rounded down: in whole numbers, so that it is the same on every machine.
  private static func log2(_ value: Int) -> Int {
    let floor = Int.bitWidth - 1 - value.leadingZeroBitCount
    var mantissa = UInt64(value) << UInt64(31 - floor)
    var result = floor
    for _ in 0..<16 {
      mantissa = (mantissa * mantissa) >> 31
      let isOver = mantissa >> 32
      result = result << 1 | Int(isOver)
      mantissa >>= isOver
    }
    return result
  }
}
