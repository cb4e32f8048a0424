// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSFormatWriting
import EROFSTree

/// One inode with all that follows it, except for the bytes of its tail.
struct InodeBody {
  var metadata: Metadata
  var links: UInt32
  var content = InodeForm.Content()
  /// The xattr area.
  var attributes: [UInt8] = []
  /// A map header with an index, or a chunk table.
  var index = Index.none
  var tail = Tail.none
  /// The tail must be in the inode's block.
  var isTogether: Bool { metadata.kind == .symbolicLink }

  enum Index {
    case none
    case file(FileIndex)
    case chunks(RunList<StoredChunk?>.Part, recordBytes: Int)
  }

  enum Tail {
    case none
    case bytes([UInt8])
    case spooled(at: UInt64, byteCount: Int)

    var byteCount: Int {
      switch self {
      case .none: 0
      case .bytes(let bytes): bytes.count
      case .spooled(_, let count): count
      }
    }
  }

  /// Bytes of all but the tail.
  func byteCount(isCompact: Bool) -> Int {
    let inode = isCompact ? CompactInodeRecord.byteCount : ExtendedInodeRecord.byteCount
    let count = inode + attributes.count
    switch index {
    case .none: return count
    case .file(let index): return index.end(after: count)
    case .chunks(let chunks, let recordBytes):
      return (count + recordBytes - 1) / recordBytes * recordBytes + chunks.count * recordBytes
    }
  }

  private static let pieceBytes = 64 << 10

  /// Gives all but the tail to `take`, piece by piece.
  func write(_ form: InodeForm, number: UInt32, isCompact: Bool, to take: ([UInt8]) throws -> Void) rethrows {
    var bytes = form.bytes(
      metadata, links: links, number: number, attributeBytes: attributes.count, isCompact: isCompact, content)
    bytes += attributes
    switch index {
    case .none: try take(bytes)
    // What an index starts at counts modulo 32 only, and that is the same for the inode and for the image.
    case .file(let index): try index.write(after: bytes, to: take)
    case .chunks(let chunks, let recordBytes):
      bytes.align(to: recordBytes)
      for chunk in chunks {
        if bytes.count >= Self.pieceBytes {
          try take(bytes)
          bytes.removeAll(keepingCapacity: true)
        }
        if recordBytes == ChunkBlockRecord.byteCount {
          var record = StoredRecord<ChunkBlockRecord>()
          record[.block] = chunk.map { UInt32($0.block) } ?? HoleBlock.low
          bytes += record.bytes
        } else {
          var place = ChunkPlace(raw: 0)
          place.blockHigh =
            form.options.wideAddresses ? UInt32(chunk.map { $0.block >> 32 } ?? UInt64(HoleBlock.high)) : 0
          if let chunk { place.device = UInt32(chunk.device) }
          var record = StoredRecord<ChunkIndexRecord>()
          record[.place] = place.raw
          record[.block] = chunk.map { UInt32(truncatingIfNeeded: $0.block) } ?? HoleBlock.low
          bytes += record.bytes
        }
      }
      try take(bytes)
    }
  }
}
