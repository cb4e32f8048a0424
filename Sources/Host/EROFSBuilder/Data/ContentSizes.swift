// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree

extension BuildContext {
  /// Checks what all later sums of sizes and places rely on. An archive of a few hundred bytes may state any sizes, and the
  /// pieces of a content that is only referred to come from whoever made the tree.
  ///
  /// - Throws: `tooLarge` if all contents together have more than 2^63 - 1 bytes, and `unrepresentable` for pieces that are
  ///   not in order, longer than their file, or on a device that the options do not have.
  func checkSizes() throws(BuildError) {
    let most = UInt64(Int64.max)
    var total: UInt64 = 0
    for number in 0..<order.count {
      let size = size(of: number)
      if let content = referred(of: number) { try check(content, size, number) }
      guard size <= most - total else { throw .tooLarge(blocks: most >> UInt64(options.blockShift)) }
      total += size
    }
  }

  private func check(_ content: ReferredContent, _ size: UInt64, _ number: Int) throws(BuildError) {
    let tail = UInt64(content.tail.count)
    guard tail <= size, ReferredChunks.joined(content.pieces, size - tail) != nil else {
      throw .unrepresentable(path: path(of: number), "its pieces are not in order, or longer than it is")
    }
    guard options.reserved == nil else { return }
    for piece in content.pieces where piece.device < 1 || piece.device > options.devices.count {
      throw .unrepresentable(path: path(of: number), "it is on extra device \(piece.device), which is not given")
    }
  }
}
