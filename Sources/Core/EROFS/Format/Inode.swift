// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// An inode whose own fields have been checked; its data has not been looked at.
public struct Inode: Sendable {
  public internal(set) var nid: UInt64 = 0
  /// Its first 48 bytes, those of a compact one widened to the extended form: see ``InodeWords``.
  var words = InodeWords()
  /// The map header of a compressed one; else 0.
  var header: UInt64 = 0
  /// Where in the stream its tail, chunk table, index or extent table starts, or would start; 0 where it has no data.
  var table: FileOffset = 0
  /// Where the inode is.
  public internal(set) var offset: FileOffset = 0
  #if EROFS_BASIC_IMAGES
    public internal(set) var stream: MetadataStream {
      get { .device }
      set {}
    }
  #else
    public internal(set) var stream = MetadataStream.device
  #endif
  public internal(set) var kind = InodeKind.regular
  public internal(set) var layout = DataLayout.flatPlain
  /// log2 of a chunk's or an lcluster's size. It is wide enough to leave no gap after it: a structure without gaps is
  /// cleared by one call.
  #if EROFS_BASIC_IMAGES
    var shift: UInt16 = 0
  #else
    var shift: UInt8 = 0
  #endif

  /// Permission bits with set-user-id, set-group-id and sticky, 0 ... 0o7777.
  public var permissions: UInt16 { words[.mode] & 0o7777 }
  public var userID: UInt32 { words[.userID] }
  public var groupID: UInt32 { words[.groupID] }
  public var linkCount: UInt32 { words[.linkCount] }
  /// Bytes; at most Int64.max (Int32.max with a narrow ``FileOffset``). Of a directory: bytes of its blocks, of the last one
  /// those in use.
  public var size: FileOffset {
    @inline(__always) get { FileOffset(truncatingIfNeeded: words[.size]) }
  }
  /// Seconds since 1970, and nanoseconds, which should be 0 ... 999,999,999 but are not checked.
  public var modificationTime: (seconds: Int64, nanoseconds: UInt32) { (words[.modificationTime], words[.nanoseconds]) }
  /// Serial number, for stat on 32-bit systems only.
  public var serialNumber: UInt32 { words[.serialNumber] }
  /// Whether it takes 64 bytes instead of 32.
  public var isExtended: Bool { words.format.isExtended }
  /// Whether a directory has no `.` among its entries.
  public var omitsDot: Bool { words.format.omitsDot && kind == .directory }
  /// Number of a character or block device.
  public var deviceNumber: DeviceNumber? {
    kind == .characterDevice || kind == .blockDevice ? DeviceNumber(stored: words[.union]) : nil
  }
  /// Bytes of the xattr area, which follows the inode; 0 where it has none.
  public var xattrBytes: Int { XattrHeaderRecord.areaBytes(count: words[.xattrCount]) }
  public var position: Position { stream.position(offset) }
  /// Blocks that its data takes: of a compressed file as stated in the inode, else computed from the size.
  package func storedBlocks(_ superblock: Superblock) -> UInt64 {
    if isCompressed { return UInt64(words.hasHigh ? words[.high] : 0) &<< 32 | UInt64(words[.union]) }
    return (UInt64(size) &+ UInt64(superblock.blockMask)) &>> UInt64(superblock.blockShift)
  }

  var xattrOffset: FileOffset { offset &+ Self.recordBytes(isExtended: isExtended) }
  /// Bytes of an inode without xattrs, index and tail.
  @inline(__always)
  static func recordBytes(isExtended: Bool) -> FileOffset {
    FileOffset(truncatingIfNeeded: isExtended ? ExtendedInodeRecord.byteCount : CompactInodeRecord.byteCount)
  }
  /// A number that no other inode of the image has; never 0.
  var key: FileOffset {
    @inline(__always) get { offset | FileOffset(stream.rawValue) | 2 }
  }
  /// Whether it has data in one of the compressed layouts.
  var isCompressed: Bool {
    @inline(__always) get { hasData && layout.isCompressed }
  }
  var hasData: Bool {
    @inline(__always) get { table != 0 }
  }
}

extension Inode: Equatable {
  public static func == (a: Inode, b: Inode) -> Bool {
    a.nid == b.nid && a.words == b.words && a.header == b.header && a.offset == b.offset && a.stream == b.stream
      && a.kind == b.kind
  }
}

extension Inode {
  /// Makes the words that were read, 28 bytes of a compact inode or 48 of an extended one, an inode that has no data
  /// as yet.
  ///
  /// Not a method: there `self` is in a register that only the long instructions of Thumb reach.
  @inline(never)
  static func take(
    _ inode: inout Inode, _ kind: InodeKind, _ layout: DataLayout, _ superblock: inout Superblock
  ) {
    inode.words.swapToHost()
    inode.kind = kind
    inode.layout = layout
    inode.header = 0
    inode.table = 0
    if !inode.isExtended {
      inode.words.widen(
        hasHigh: inode.words.format.hasHighBits && kind != .directory, epoch: superblock.epoch,
        nanoseconds: superblock.fixedNanoseconds)
    }
  }
}

/// How to find an inode's data.
@frozen
public enum DataMap: Equatable, Sendable {
  /// It has none: a device, a fifo, a socket, or a size of 0.
  case empty
  /// All of it in one run, or a hole.
  case flat
  /// Whole blocks in one run, and the rest after the inode.
  case inline
  case chunked
  /// Compressed, with an lcluster index.
  case indexed
  /// Compressed, with encoded extents.
  case encoded
  /// All of it in the packed inode.
  case fragment
}

extension Inode {
  /// How to find its data.
  public var data: DataMap {
    guard hasData else { return .empty }
    return switch layout {
    case .flatPlain: .flat
    case .flatInline: .inline
    case .chunked: .chunked
    case .compressedFull, .compressedCompact:
      isFragment ? .fragment : hasEncodedExtents ? .encoded : .indexed
    }
  }

  /// Whether some of its data is in the packed inode.
  public var usesFragments: Bool {
    @inline(__always) get {
      isCompressed && (isFragment || MapHeader(header).advise.contains(.fragmentPcluster))
    }
  }

  var isFragment: Bool {
    @inline(__always) get { IncompatibleFeatures.known.contains(.fragments) && MapHeader(header).isFragment }
  }

  /// Whether a compressed inode has encoded extents where its index would be.
  var hasEncodedExtents: Bool {
    @inline(__always) get {
      IncompatibleFeatures.known.contains(.wide48Bit) && layout == .compressedFull
        && MapHeader(header).advise.contains(.extents)
    }
  }
}
