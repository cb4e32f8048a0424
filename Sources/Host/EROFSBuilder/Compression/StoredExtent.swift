// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A range of a file's bytes and how it is stored.
struct StoredExtent: Equatable, Sendable {
  /// How the stored bytes become the file's.
  enum Form: UInt8, Sendable {
    /// Reads as zeros; nothing is stored.
    case hole
    /// As they are.
    case plain
    /// As they are, each at its file offset modulo the block size: the block is rotated.
    case interlaced
    case compressed
  }

  /// Bytes of the file, 1 ... 12 MiB.
  var length: UInt32
  /// Stored bytes, up to 1 MiB; with block addresses, whole blocks.
  var storedBytes: UInt32
  /// Byte address; see ``isRelative``.
  var address: UInt64
  var form: Form
  /// Of a compressed one: id of its algorithm.
  var algorithm: UInt8 = 0
  /// The stored bytes decode to more than ``length``: the extent shares another one's.
  var isPartial = false
  /// The stored bytes decode to zeros.
  var isZeros = false
  /// The stored bytes were written for another extent.
  var isShared = false
  /// The address counts from the start of the segment's stored bytes, because they have no place in the image yet.
  var isRelative = false

  /// Of most machines that read images.
  static let pageBytes = 4096

  var isPlain: Bool { form == .plain || form == .interlaced }
}

/// What extents of one image have to keep to.
struct ExtentRules: Equatable, Sendable {
  /// Bytes, a power of two, 512 ... 65536.
  let blockSize: Int
  /// The most stored bytes of an extent: whole blocks, up to 1 MiB.
  let clusterSize: Int
  /// The most bytes of a file that an extent has: at least a block, up to 12 MiB.
  let extentLimit: Int
  /// Stored bytes have byte addresses and need no padding (encoded extents), and extents may start and end anywhere.
  let hasByteAddresses: Bool
  /// The index can mark an extent whose bytes are all zeros, so that readers need not decode it.
  let marksZeros: Bool
  /// Plain blocks are interlaced, so that readers may use them in place.
  let interlacesPlain: Bool

  /// Whether an extent may start and end there.
  ///
  /// An lcluster has room for one start. So an extent ends in the lcluster where it starts only if the file does.
  func allows(_ start: Int, _ end: Int, fileEndsAt fileEnd: Int?) -> Bool {
    hasByteAddresses || end == fileEnd || end >= (start / blockSize + 1) * blockSize
  }

  /// Whether an index can say how many blocks an extent has that is stored in so many bytes: if there are several, the
  /// lcluster after its head says it, and must be its own. Extents that store fewer bytes than they have always have room.
  func hasRoom(forStored bytes: Int, from start: Int, to end: Int) -> Bool {
    hasByteAddresses || bytes <= blockSize || end / blockSize >= start / blockSize + 2
  }

  /// Stored bytes with the padding that they need.
  func padded(_ bytes: Int) -> Int { hasByteAddresses ? bytes : (bytes + blockSize - 1) / blockSize * blockSize }
}

/// Where the end of a file goes, when it does not fill a cluster.
enum TailPolicy: Hashable, Sendable {
  /// Into an extent like all the others.
  case stored
  /// Next to the inode, when it takes at most so many bytes.
  case inline(limit: Int)
  /// Into the packed inode.
  case packed
}
