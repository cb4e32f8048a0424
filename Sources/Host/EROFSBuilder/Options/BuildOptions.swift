// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree
import Encoders
import SystemPackage

/// What an image shall be like. What is set here applies to the whole image; contents, owners and times come with the tree.
///
/// ``check()`` says whether the options go together; the builder calls it first.
public struct BuildOptions: Sendable {
  /// Bytes, a power of two, 512 ... 65536. Linux mounts images whose blocks are no larger than its pages.
  public var blockSize = 4096

  // MARK: Compression

  /// The first is the one for all files that no hint is for; hints name the others by their place. None: files are not
  /// compressed. At most 15.
  public var encodings: [Encoding] = []
  /// A second one for all files, of which each extent takes the one that suits it. nil for none.
  public var secondEncoding: SecondEncoding?
  /// The most stored bytes of an extent: whole blocks, up to 1 MiB. nil for one block.
  public var clusterSize: Int?
  /// The same for the packed inode. nil for ``clusterSize``.
  public var packedClusterSize: Int?
  /// The most bytes that an extent decodes to: at least a block, up to 12 MiB. nil for no other limit than the format's. It
  /// bounds the memory that a reader needs.
  public var extentLimit: Int?
  public var index = IndexForm.compact
  /// The last extent of a file is stored beside its inode if that saves a block (Linux 5.17).
  public var packsTails = false
  public var fragments = Fragments.none
  /// What is equal is stored once (Linux 6.1 for compressed files).
  public var dedupes = false
  /// Patterns of paths that choose the algorithm and the cluster size.
  public var hints: CompressHints?

  /// An algorithm that is decoded faster, for what it stores about as small.
  public struct SecondEncoding: Sendable, Hashable {
    /// Place in ``BuildOptions/encodings``, from 1 on. Files whose first one is of the same format have no second one.
    public var place: Int
    /// It is taken where it needs at most so many percent more than the file's first one, 0 ... 1000.
    public var within: Int

    public init(place: Int = 1, within: Int) { (self.place, self.within) = (place, within) }
  }

  /// How the extents of a compressed file are listed.
  public enum IndexForm: Sendable, Hashable {
    /// 2 or 4 bytes for a block of the file if that can say it, else 8 (Linux 5.3).
    case compact
    /// 8 bytes for a block of the file (Linux 4.19).
    case full
    /// 4 to 32 bytes for an extent, which may begin and end at any byte of the image (Linux 6.15). Needs ``wideAddresses``.
    case encoded
  }

  /// Which parts of files are in the packed inode, where they are compressed together, equal ones once (Linux 6.1).
  public enum Fragments: Sendable, Hashable {
    case none
    /// The last part of a file that does not fill a cluster.
    case tails
    /// Every file; but of a file that is larger than 64 MiB only its last part.
    case all
  }

  // MARK: Layout

  /// Uncompressed files as chunks of so many bytes, of which equal ones are stored once and zeros are not: a power of two, at
  /// least a block (Linux 5.15). nil for contiguous files.
  public var chunkSize: Int?
  /// Chunk records of 8 bytes even if 4 would do.
  public var hasChunkIndexes = false
  /// The chunks are stored in this file or block device, which readers of the image need as its extra device (Linux 5.16);
  /// it gets its name, too, only when all is complete. Needs ``chunkSize``. nil for chunks in the image.
  public var blobDevice: FilePath?
  /// Extra devices that hold what `Content.referred` of the tree names (Linux 5.16), in the order of their numbers. They are
  /// neither read nor written. Their places in the unified address space follow each other after the image, so that Linux
  /// also finds them in one file with it.
  public var devices: [ExtraDevice] = []
  /// What `Content.referred` of the tree names has room in the image, where something else puts it, and ``devices`` has none
  /// of it. nil if the image refers to the devices.
  public var reserved: ReservedContents?
  /// The last bytes of uncompressed files, and of directories, are stored beside their inode. Files that shall be mapped
  /// directly from memory (FSDAX) must not have that; directories and link targets keep it.
  public var inlinesData = true
  /// Block addresses of 48 bits, and times in compact inodes (Linux 6.15).
  public var wideAddresses = false
  /// Directories have no entry `.` (Linux 6.15). Needs ``wideAddresses``.
  public var omitsDots = false
  public var inodes = InodeForm.automatic
  /// Inodes are compressed (Linux 6.17). Needs ``wideAddresses`` and compression. nil for inodes that are not.
  public var metabox: Metabox?
  /// The blocks of directories are fragments in the packed inode, compressed together (Linux 6.1). Needs compression.
  public var compressesDirectories = false
  /// The image starts so many bytes after the beginning of its file.
  public var offset: UInt64 = 0
  /// The size of the image is a multiple of so many blocks.
  public var sizeUnit: UInt64 = 1
  /// The data of each uncompressed file starts at a multiple of so many blocks.
  public var dataUnit: UInt64 = 1
  /// What is read first: the contents of these files are stored before all others, in this order, and their inodes near each
  /// other. Paths that the tree does not have count for nothing. nil, as an empty one: all is stored in the order of the
  /// tree.
  public var order: FileOrder?

  /// An extra device that exists already.
  public struct ExtraDevice: Sendable, Hashable {
    /// At most 64 bytes, none of them 0: the 32 digits of the UUID of the image on it, or a name. It identifies the device
    /// for those who look for it.
    public var tag: [UInt8]
    public var blocks: UInt64
    /// Where it is, for ``BuildOptions/diskDescriptor``.
    public var path: FilePath?

    public init(tag: [UInt8] = [], blocks: UInt64, path: FilePath? = nil) {
      (self.tag, self.blocks, self.path) = (tag, blocks, path)
    }
  }

  /// Contents that something else puts into the image.
  public struct ReservedContents: Sendable, Hashable {
    /// A text that says what belongs where. A line is the first block and the number of blocks, as hexadecimal digits, the
    /// byte of the device where the contents are, as such too, and as decimal digits the zeros with which the last block
    /// ends.
    public var map: FilePath?

    public init(map: FilePath? = nil) { self.map = map }
  }

  /// How inodes are compressed.
  public struct Metabox: Sendable, Hashable {
    /// The most stored bytes of an extent: whole blocks, up to 1 MiB.
    public var clusterSize: Int
    /// nil for the first of ``BuildOptions/encodings``.
    public var encoding: Encoding?

    public init(clusterSize: Int, encoding: Encoding? = nil) {
      self.clusterSize = clusterSize
      self.encoding = encoding
    }
  }

  public enum InodeForm: Sendable, Hashable {
    /// 32 bytes if they hold all there is to say, else 64.
    case automatic
    /// 32 bytes; an inode that needs more is an error, except for its time, which is lost.
    case compact
    /// 64 bytes.
    case extended
  }

  // MARK: Metadata

  /// Inodes keep the times of the tree. If not, all have the build time.
  public var keepsTimes = true
  /// Attributes that more inodes than this have are stored once. nil: no attributes are stored.
  public var sharedAttributeThreshold: Int? = 2
  /// Inodes have a filter of their attributes' names, which saves readers many searches (Linux 6.6).
  public var hasAttributeFilter = true
  /// Beginnings of attribute names that are stored once (Linux 6.4), each of which begins with a namespace, as
  /// `trusted.overlay.`
  public var attributePrefixes: [[UInt8]] = []
  /// The image says that the table of those is not compressed, which it never is (Linux 6.17).
  public var hasPlainPrefixes = false
  /// Regular files have an attribute of this name with the SHA-256 of their contents, by which Linux 7.0 shares its page
  /// cache between images. A name without a namespace, as ``usualDigestAttribute``, is never listed. nil for none.
  public var digestAttribute: [UInt8]?
  /// The name that mkfs.erofs uses.
  public static let usualDigestAttribute = Array("erofs.fingerprint.v1".utf8)
  /// The root has room for so many bytes of attributes at least, its own and those that are written into the image later.
  public var rootAttributeBytes = 0
  /// A checksum of the superblock's block.
  public var hasChecksum = true
  /// At most 16 bytes, none of them 0.
  public var volumeName: [UInt8] = []
  public var uuid = UUIDChoice.ofContents
  /// Also what compact inodes have as their time if ``keepsTimes`` is false. nil for the latest time in the tree.
  public var buildTime: Time?

  public enum UUIDChoice: Sendable, Hashable {
    /// From the digest of all that is in the image: equal images have equal ones.
    case ofContents
    case random
    /// 16 bytes in the order in which they are written, as in 00112233-4455-....
    case bytes([UInt8])
  }

  // MARK: The work

  /// An image that is added to: what is made begins with all its bytes. ``ImageBase/adapt(_:)`` sets it, and what has to be
  /// the same. nil for an image that is made from the start.
  public var base: ImageBase?
  /// nil for one for each processor. The image does not depend on it.
  public var threads: Int?
  /// Bytes of memory for contents that are being compressed; at least one segment for each thread is taken. nil for 256 MiB.
  public var memory: Int?
  /// Everything is read back and compared before the image gets its name.
  public var verifies = true
  /// Hashes for dm-verity follow the image in its file: ``HashTree``.
  public var hasHashTree = false
  /// An image that takes more to read is an error.
  public var readerMemory: MemoryLimit?
  /// An image of more bytes is an error.
  public var imageLimit: UInt64?
  /// A text that says in which blocks each file is stored. nil for none.
  public var blockList: BlockList?

  /// A descriptor of a virtual disk that consists of the image and, if there is one, the blob device. nil for none.
  ///
  /// It names both by their paths, without a folder if that is its own, and gets its name just before the image.
  public var diskDescriptor: FilePath?

  /// Where a list of blocks goes.
  ///
  /// A line is `/PATH BLOCKS...`: the path below ``root``, and for each run of blocks its first, or `first-last`, in the
  /// order of the file's bytes. What has no blocks of its own (bytes beside the inode or in the packed inode, holes) is not
  /// listed, nor is a file that has none. Of a file with several names the first is listed. Blocks count from the start of
  /// the image. The list gets its name just before the image.
  public struct BlockList: Sendable, Hashable {
    public var path: FilePath
    /// In front of all paths, as `/system`.
    public var root: [UInt8]

    public init(_ path: FilePath, root: [UInt8] = []) { (self.path, self.root) = (path, root) }
  }

  public init() {}

  // What follows from the options.

  var blockShift: Int { blockSize.trailingZeroBitCount }
  var cluster: Int { clusterSize ?? blockSize }
  var packedCluster: Int { packedClusterSize ?? cluster }
  var longestExtent: Int { min(extentLimit ?? Encoder.longestExtent, Encoder.longestExtent) }
  var isCompressed: Bool { !encodings.isEmpty }
  /// Slots of the device table.
  var deviceCount: Int { blobDevice == nil ? devices.count : 1 }
}
