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
    case chunks([StoredChunk?], recordBytes: Int)
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

  /// All but the tail.
  func bytes(_ form: InodeForm, number: UInt32, isCompact: Bool) -> [UInt8] {
    var bytes = form.bytes(
      metadata, links: links, number: number, attributeBytes: attributes.count, isCompact: isCompact, content)
    bytes += attributes
    switch index {
    case .none: break
    // What an index starts at counts modulo 32 only, and that is the same for the inode and for the image.
    case .file(let index): bytes += index.bytes(after: FileOffset(bytes.count))
    case .chunks(let chunks, let recordBytes):
      bytes.align(to: recordBytes)
      for chunk in chunks {
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
    }
    return bytes
  }
}
