// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree

/// The chunks of a file whose pieces are where they are: as large as the places of the pieces permit, because each takes 8
/// bytes.
struct ReferredChunks {
  /// log2 of the blocks of a chunk.
  let shift: UInt8
  private(set) var chunks = RunList<StoredChunk?>()

  /// Chunks of all files together: tables of 128 MiB. Only files with huge holes have so many.
  private static let most = 1 << 24
  /// What a chunk's format can say.
  private static let largestShift = 31

  /// - Parameters:
  ///   - pieces: in the order of their offsets; device 0 is the image.
  ///   - number: of the inode, for messages.
  ///   - count: chunks of other files.
  init(
    _ size: UInt64, _ pieces: [ReferredContent.Piece], _ build: BuildContext, _ number: Int, after count: Int
  ) throws {
    func failure(_ reason: String) -> BuildError { .unrepresentable(path: build.path(of: number), reason) }
    let block = UInt64(build.options.blockSize)
    guard let runs = Self.joined(pieces, size) else {
      throw failure("its pieces are not in order, or longer than it is")
    }
    // Chunks begin and end where runs do, except for the end of the file.
    var bounds: UInt64 = 0
    for run in runs {
      let end = run.offset + run.length
      bounds |= run.offset | (end == size ? 0 : end)
      guard (run.offset | run.place) % block == 0, end == size || end % block == 0 else {
        throw failure("what it consists of does not begin and end with blocks of \(block) bytes; take smaller blocks")
      }
    }
    var shift = 0
    while shift < Self.largestShift, bounds & (block << UInt64(shift)) == 0, block << UInt64(shift) < size {
      shift += 1
    }
    self.shift = UInt8(shift)
    let chunk = block << UInt64(shift)
    let needed = (size - 1) / chunk + 1
    guard needed <= UInt64(max(0, Self.most - count)) else {
      throw failure("a table of \(needed) chunks is too much, of which an image may have \(Self.most)")
    }
    for run in runs {
      try build.checkAddress(run.place + run.length)
      var offset = run.offset
      while offset < run.offset + run.length {
        chunks.append(nil, count: Int(offset / chunk) - chunks.count)
        chunks.append(
          StoredChunk(
            block: (run.place + (offset - run.offset)) >> UInt64(build.options.blockShift), device: run.device))
        offset += chunk
      }
    }
    chunks.append(nil, count: Int(needed) - chunks.count)
  }

  /// Without borders between pieces that follow each other on a device too; nil if they are not those of such a file.
  static func joined(_ pieces: [ReferredContent.Piece], _ size: UInt64) -> [ReferredContent.Piece]? {
    var runs: [ReferredContent.Piece] = []
    var end: UInt64 = 0
    for piece in pieces where piece.length > 0 {
      guard piece.offset >= end, piece.offset <= size, piece.length <= size - piece.offset,
        piece.place <= UInt64(Int64.max), piece.length <= UInt64(Int64.max) - piece.place
      else { return nil }
      if let last = runs.last, last.device == piece.device, end == piece.offset, last.place + last.length == piece.place
      {
        runs[runs.count - 1].length += piece.length
      } else {
        runs.append(piece)
      }
      end = piece.offset + piece.length
    }
    return runs
  }
}

extension BuildContext {
  func referred(of number: Int) -> ReferredContent? {
    tree.hasReferredContents ? tree.referred(of: inode(number)) : nil
  }

  /// Whether an inode can name the block before this byte.
  func checkAddress(_ end: UInt64) throws(BuildError) {
    let blocks = end >> UInt64(options.blockShift)
    guard blocks < (options.wideAddresses ? 1 << 48 - 1 : UInt64(UInt32.max)) else { throw .tooLarge(blocks: blocks) }
  }
}
