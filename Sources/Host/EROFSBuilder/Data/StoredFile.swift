// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Where the content of a regular file went; its inode is written from that.
struct StoredFile {
  enum Layout: UInt8 {
    case empty, flat, compressed, chunked
    /// Wholly in the packed inode.
    case fragment
  }

  enum Tail {
    case none
    /// The last `length` bytes of the file are `byteCount` bytes of the spool, to be stored beside the inode.
    case inline(spool: UInt64, byteCount: UInt32, length: UInt32, form: StoredExtent.Form)
    /// They are a fragment.
    case packed(fragment: Int, length: UInt64)
  }

  var layout = Layout.empty
  var tail = Tail.none
  /// Of ``ContentPass/extents``; of a chunked file, of ``ContentPass/chunks``.
  var extents = 0..<0
  /// Of ``ContentPass/sums``: one for each segment.
  var sums = 0..<0
  /// Bytes of a segment, except for the last.
  var segmentBytes: UInt64 = 0
  /// Of a flat file: byte of the image where its blocks start.
  var address: UInt64 = 0
  /// Of a compressed one: ids of its algorithms, of which the first is that of its tail. They are equal if it has only one.
  var algorithms: (UInt8, UInt8) = (0, 0)
  /// Of a chunked one: log2 of the blocks of a chunk.
  var chunkShift: UInt8 = 0
}

/// Where a chunk starts.
struct StoredChunk: Hashable {
  var block: UInt64
  /// 0 for the image.
  var device = 0
}

/// What belongs to one part of a file that a thread reads and encodes.
struct ContentJob: Sendable {
  /// Number of the inode.
  let file: Int
  var offset: UInt64
  let length: Int
  /// So many parts of that length in a row, if they were found to be a hole; else 1.
  var holes = 1
  let isFirst: Bool
  let isLast: Bool
  let treatment: Treatment
  /// Where extents should begin, and extents of other files that are repeated; see ``Segment``.
  var cuts: [Int] = []
  var references: [Segment.Reference] = []

  /// What is to be done with a file.
  struct Treatment: Sendable, Hashable {
    enum Kind: UInt8 { case plain, compressed, packed, chunked }
    var kind: Kind
    /// Place of the encoding among the options' ones.
    var encoding = 0
    /// The same of the second one, if it may have two.
    var second: Int?
    var clusterSize = 0
    var tail = TailPolicy.stored
  }
}

struct ContentResult: Sendable {
  var job: ContentJob
  var segment = EncodedSegment()
  /// What goes to the packed inode.
  var packed: [UInt8] = []
  /// Of the whole job.
  let sum: ContentSum.Value
  /// Of `packed`.
  var packedDigest: ContentDigest?
  var kind = ContentKind.other
  /// All of the job is zeros that need not be written: it has no segment.
  var isHole = false
  var chunks: [Chunk] = []

  struct Chunk: Sendable {
    /// nil for zeros.
    let digest: ContentDigest?
    /// Bytes of ``ContentResult/segment``'s stored ones, unless it is of zeros.
    let length: Int
  }
}

/// What a content looks like; similar contents compress better next to each other.
enum ContentKind: UInt8, Sendable, Comparable {
  case program, script, text, other, directory

  init(_ bytes: UnsafeRawBufferPointer) {
    if bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46]) {
      self = .program
    } else if bytes.starts(with: [0x23, 0x21]) {
      self = .script
    } else {
      self = bytes.prefix(1024).contains(0) ? .other : .text
    }
  }

  static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}
