// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Gives inodes their places: one after the other, and where the rules leave a gap, what fits goes there later.
struct InodePlacer {
  struct Sizes {
    /// Bytes of the inode, its attributes and its index.
    var body: Int
    /// Bytes that follow and must be within one block.
    var tail: Int
    /// The whole must be within one block.
    var together: Bool
    /// The tail does not start where a block does, because Linux up to 6.18 at least does not decode it if that is the
    /// second block of a page. It must be 32 bytes shorter than a block.
    var tailIsCompressed: Bool

    fileprivate var slots: Int { (body + tail + 31) / 32 }
    fileprivate var isBound: Bool { tail > 0 || together }
  }

  /// Inodes of so many in a row may change places: enough for blocks to be filled, few enough for the inodes of a
  /// directory to remain near each other.
  static let window = 1024

  /// The order in which inodes are placed so that little is left of blocks: those that may not cross the end of a block,
  /// the largest first; then those that may.
  static func order(of sizes: [Sizes]) -> [Int] {
    sizes.indices.sorted { left, right in
      let (a, b) = (sizes[left], sizes[right])
      if a.isBound != b.isBound { return a.isBound }
      return a.isBound && a.slots != b.slots ? a.slots > b.slots : left < right
    }
  }

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
  mutating func place(_ sizes: Sizes) -> UInt64 {
    let (body, tail, together) = (sizes.body, sizes.tail, sizes.together)
    let total = body + tail
    let slots = sizes.slots
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
    if sizes.tailIsCompressed, (start + UInt64(body)) % block == 0 {
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
