// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// What became of an image, for people and scripts.
public struct BuildSummary: Sendable, Hashable {
  /// 16 bytes in the order in which a UUID is written.
  public internal(set) var uuid: [UInt8] = []
  public internal(set) var blockSize = 0
  /// Blocks of the image.
  public internal(set) var blocks: UInt64 = 0
  /// Inodes that have a name in the tree.
  public internal(set) var inodes: UInt64 = 0
  /// Bytes of blocks that have metadata only, the superblock's among them.
  public internal(set) var metadataBytes: UInt64 = 0
  /// Bytes of blocks of file data.
  public internal(set) var dataBytes: UInt64 = 0
  /// Bytes of an image that was added to; 0 if there was none.
  public internal(set) var keptBytes: UInt64 = 0
  /// Bytes of the blob device; 0 if there is none.
  public internal(set) var deviceBytes: UInt64 = 0
  /// Bytes of contents that the image does not contain but refers to.
  public internal(set) var referredBytes: UInt64 = 0
  /// Bytes of the regular files, those with several names once.
  public internal(set) var contentBytes: UInt64 = 0
  /// Bytes of files that are stored only once although they occur several times.
  public internal(set) var sharedBytes: UInt64 = 0
  /// Bytes of files that are in the packed inode.
  public internal(set) var packedBytes: UInt64 = 0
  /// Regular files that were compared with the tree after the image was written, and their bytes; 0 if nothing was verified.
  public internal(set) var verifiedFiles: UInt64 = 0
  public internal(set) var verifiedBytes: UInt64 = 0
  /// Bytes of memory that reading takes, if ``BuildOptions/readerMemory`` was given, or there was a goal.
  public internal(set) var readerBytes: UInt64?
  /// Hashes behind the image, if ``BuildOptions/hasHashTree`` was given.
  public internal(set) var hashTree: HashTree?
  /// Wall time in seconds of each stage, in their order.
  public internal(set) var seconds: [Stage: Double] = [:]

  /// Bytes of the image.
  public var imageBytes: UInt64 { blocks * UInt64(blockSize) }

  /// The stages of a build.
  public enum Stage: String, Sendable, CaseIterable {
    /// An image that is added to is copied.
    case copying
    /// Files of equal size are compared by their digests.
    case comparing
    /// Contents are read, compressed and written.
    case contents
    /// The packed inode is compressed and written.
    case packing
    /// Inodes and directories are written.
    case metadata
    /// The image is read back.
    case verifying
    /// The image's blocks are hashed.
    case hashing
  }
}

/// How far a build is. Called on the thread that builds, some times a second at most.
public struct BuildProgress: Sendable {
  public let stage: BuildSummary.Stage
  /// Bytes of contents that are done, and all of this stage; of metadata, inodes.
  public let done: UInt64
  public let total: UInt64
  /// Bytes of the image so far.
  public let written: UInt64
}

/// Why no image was made.
public enum BuildError: Error, Sendable, CustomStringConvertible {
  /// What the format cannot hold: the path in the tree, and why.
  case unrepresentable(path: [UInt8], String)
  /// The image is larger than its addresses reach.
  case tooLarge(blocks: UInt64)
  /// Compressed files take more bytes than there are; `largest` is the path of the largest file.
  case noRoom(UInt64, free: UInt64, largest: [UInt8])
  /// What was read back is not what was written: a fault of this program or of the machine.
  case verification(path: [UInt8], String)
  /// Reading the file at `path` takes more memory than the image may need.
  case readerMemory(UInt64, limit: UInt64, path: [UInt8])
  /// The image is larger than it may be.
  case imageLimit(UInt64, limit: UInt64)
  /// Two of what is to be written, and the path that both have.
  case sameFile(String, String, String)
  /// A virtual disk needs the path of each extra device, and this one has none.
  case unknownDevice(Int)
  /// An image that is added to is copied first, which a block device has no room for.
  case baseOnDevice(String)
  /// The image that is added to was replaced while that was made.
  case baseChanged(String)
  /// The root's NID has 16 bits without 48-bit addresses.
  case rootIsFar
  /// The caller wanted no more of it.
  case cancelled

  public var description: String {
    switch self {
    case .unrepresentable(let path, let reason): "\(path.printablePath): \(reason)"
    case .tooLarge(let blocks):
      "the image would have \(blocks) blocks, more than its addresses reach: use 48-bit addresses"
    case .noRoom(let bytes, let free, let path):
      "compressed files, of which \(path.printablePath) is the largest, take at least \(bytes) bytes with their indexes, and "
        + "there are \(free); encoded extents (48bit, without ztailpacking and legacy-compress) take next to none for holes"
    case .verification(let path, let reason):
      "\(path.printablePath): the image reads back differently (\(reason)); this is a fault in swift-erofs or in the machine"
    case .readerMemory(let bytes, let limit, let path):
      "reading \(path.printablePath) takes \(bytes) bytes of memory, more than \(limit): use shorter extents"
    case .imageLimit(let bytes, let limit): "the image has \(bytes) bytes, and may have \(limit)"
    case .sameFile(let what, let other, let path): "\(path): \(what) and \(other) cannot be the same file"
    case .unknownDevice(let number):
      "extra device \(number) has no path, which a disk descriptor needs: give the source as a file"
    case .baseOnDevice(let path):
      "\(path): nothing can be added to an image on a block device, as it could not be kept until the new one is whole: use a "
        + "file"
    case .baseChanged(let path):
      "\(path): it was replaced while this was being added to it; nothing was changed: do it again"
    case .rootIsFar:
      "the root's inode would be too far from the others of the image that is added to: make the image anew, with 48-bit "
        + "addresses if there is to be more of this"
    case .cancelled: "cancelled"
    }
  }
}
