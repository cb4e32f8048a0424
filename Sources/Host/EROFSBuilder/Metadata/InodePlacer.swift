// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Gives inodes their places: one after the other, and where the rules leave a gap, what fits goes there later.
struct InodePlacer {
  /// Byte of the image after the last inode.
  private(set) var end: UInt64
  private let block: UInt64
  /// By size in slots of 32 bytes: where gaps of that size start. None crosses the end of a block.
  private var gaps: [[UInt64]]
  private static let slot: UInt64 = 32

  /// - Parameter start: byte of the image from which on all is free.
  init(start: UInt64, blockSize: Int) {
    end = (start + 31) & ~31
    block = UInt64(blockSize)
    gaps = Array(repeating: [], count: blockSize / 32 + 1)
  }

  /// Makes free bytes known that are before the start.
  mutating func addGap(from start: UInt64, to end: UInt64) {
    var at = (start + 31) & ~31
    while at + Self.slot <= end {
      let stop = min(end, (at / block + 1) * block)
      let slots = Int((stop - at) / Self.slot)
      if slots > 0 { gaps[slots].append(at) }
      at = (stop + 31) & ~31
    }
  }

  /// The byte at which an inode starts.
  ///
  /// - Parameters:
  ///   - body: bytes of the inode, its attributes and its index.
  ///   - tail: bytes that follow and must be within one block.
  ///   - together: the whole must be within one block.
  ///   - tailIsCompressed: the tail does not start where a block does, because Linux up to 6.18 at least does not decode it
  ///     if that is the second block of a page. It must be 32 bytes shorter than a block.
  mutating func place(body: Int, tail: Int, together: Bool, tailIsCompressed: Bool) -> UInt64 {
    let total = body + tail
    let slots = (total + 31) / 32
    if slots < gaps.count, let start = takeGap(slots) { return start }
    var start = end
    let mustFit = together ? 0 : UInt64(body)
    if tail > 0 || together {
      let length = together ? total : tail
      if (start + mustFit) % block + UInt64(length) > block {
        // What must be within a block starts at the next one, or a little after its start.
        let boundary = ((start + mustFit) / block + 1) * block
        start = max(start, (boundary - mustFit + 31) & ~31)
        addGap(from: end, to: start)
      }
    }
    if tailIsCompressed, (start + UInt64(body)) % block == 0 {
      addGap(from: start, to: start + Self.slot)
      start += Self.slot
    }
    end = (start + UInt64(total) + 31) & ~31
    return start
  }

  /// From the smallest gap that is large enough; what remains of it is a gap still.
  private mutating func takeGap(_ slots: Int) -> UInt64? {
    guard let size = (slots..<gaps.count).first(where: { !gaps[$0].isEmpty }) else { return nil }
    let start = gaps[size].removeLast()
    if size > slots { gaps[size - slots].append(start + UInt64(slots) * Self.slot) }
    return start
  }
}
