// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree
import Encoders

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

  /// Unless its extents are encoded, a compressed file has a record for each of its blocks, and zeros are stored too. If there
  /// is no room for large holes, that is said before hours are spent on them.
  ///
  /// - Parameter files: those that are compressed.
  func checkRoom(_ files: [Int]) throws(BuildError) {
    let large = files.filter { size(of: $0) >= 1 << 30 }
    guard options.index != .encoded, !large.isEmpty, let free = output.freeBytes else { return }
    // As few bytes as a record ever has.
    let record: UInt64 = options.index == .full ? 8 : options.blockShift <= 12 ? 2 : options.blockShift <= 14 ? 4 : 8
    var bytes: UInt64 = 0
    for number in large {
      bytes += (size(of: number) >> UInt64(options.blockShift)) * record
      // What is repeated is stored once.
      if !options.dedupes { bytes += size(of: number) / options.highestRatio }
    }
    guard bytes > free, let largest = large.max(by: { size(of: $0) < size(of: $1) }) else { return }
    throw .noRoom(bytes, free: free, largest: path(of: largest))
  }
}

extension BuildOptions {
  /// No stored byte stands for more bytes of a file.
  fileprivate var highestRatio: UInt64 {
    let ratios = encodings.map { encoding -> UInt64 in
      switch encoding.algorithm {
      case .lz4, .lz4hc: 255
      case .deflate, .libdeflate: 1032
      case .lzma, .zstd: UInt64(Encoder.longestExtent / blockSize)
      }
    }
    return ratios.max() ?? 1
  }
}
