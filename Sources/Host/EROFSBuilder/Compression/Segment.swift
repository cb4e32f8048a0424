// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

/// A part of a file that is encoded by itself, as far as possible: its bytes depend on nothing outside it.
struct Segment: Sendable {
  /// Whether the file ends with it.
  var isLast: Bool
  /// Whether the file starts with it too.
  var isWhole: Bool
  var tail = TailPolicy.stored
  /// Where extents should begin, counted from the segment's start; ascending. Those that the rules do not allow are
  /// passed over.
  var cuts: [Int] = []
  /// What is stored already is repeated there; ascending, without overlaps.
  var references: [Reference] = []

  struct Reference: Sendable {
    /// Where in the segment the data is repeated.
    let start: Int
    /// Bytes of it.
    let length: Int
    let source: Source
  }

  enum Source: Sendable {
    /// The first bytes of an extent that is stored already, of this file or another; and whether it begins at the same byte
    /// of a page there.
    case extent(StoredExtent, hasSameOffset: Bool)
    /// The bytes of this segment from there on, which begin before they are repeated.
    case segment(at: Int)
    /// Nothing: all of it is zeros, and the index says so.
    case zeros
  }
}

/// What became of a segment.
struct EncodedSegment: Sendable {
  var extents: [StoredExtent] = []
  /// The stored bytes of the extents that are not shared, padded as the rules say.
  var stored: [UInt8] = []
  var tail = Tail.none

  enum Tail: Equatable, Sendable {
    case none
    /// The file's last extent, not padded: `length` bytes of the file.
    case inline(bytes: [UInt8], length: Int, form: StoredExtent.Form)
    /// So many bytes at the end go to the packed inode.
    case packed(length: Int)
  }

  /// Whether nothing in it is compressed or shared.
  var isPlain: Bool { extents.allSatisfy { $0.isPlain && !$0.isShared } }
}

extension EncodedSegment {
  /// Its extents with the addresses that they have if it is stored at `base`, and what is stored there.
  ///
  /// Where all that DEFLATE decodes to is complete at the end of a page, and only the code for the end of the block, with what
  /// fills its last byte, is in the next page, Linux (6.6 to 7.2) takes the stream for damaged. It counts pages from the block
  /// in which the stream begins. That code and the rest have at most 22 bits. So a stream that would end 1 or 2 bytes behind
  /// a page's end begins 2 bytes later; with block addresses none ends there.
  func placed(at base: UInt64, blockSize: Int) -> (extents: [StoredExtent], stored: [UInt8]) {
    var (extents, stored) = (extents, stored)
    // Where bytes were inserted, counted without them; the addresses of what is stored here ascend.
    var insertions: [UInt64] = []
    func isDamaged(_ start: UInt64, _ bytes: UInt32) -> Bool {
      (1...2).contains((start % UInt64(blockSize) + UInt64(bytes)) % 4096)
    }
    for index in extents.indices where extents[index].isRelative {
      let place = extents[index].address
      if extents[index].isDeflate, !extents[index].isShared {
        while isDamaged(base + place + UInt64(2 * insertions.count), extents[index].storedBytes) {
          stored.insert(contentsOf: [0, 0], at: Int(place) + 2 * insertions.count)
          insertions.append(place)
        }
      }
      extents[index].address = base + place + UInt64(2 * insertions.count { $0 <= place })
      extents[index].isRelative = false
    }
    return (extents, stored)
  }
}

extension StoredExtent {
  fileprivate var isDeflate: Bool { form == .compressed && algorithm == Algorithm.deflate.rawValue }
}
