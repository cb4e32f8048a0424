// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// What an inode is.
@frozen
public enum InodeKind: UInt8, Sendable, CaseIterable {
  // The values are those of the type byte of directory entries.
  case regular = 1
  case directory = 2
  case characterDevice = 3
  case blockDevice = 4
  case fifo = 5
  case socket = 6
  case symbolicLink = 7

  /// From the type bits of a POSIX mode; nil for a type that does not exist.
  @inlinable
  public init?(mode: UInt16) {
    switch mode & 0o170000 {
    case 0o100000: self = .regular
    case 0o040000: self = .directory
    case 0o020000: self = .characterDevice
    case 0o060000: self = .blockDevice
    case 0o010000: self = .fifo
    case 0o140000: self = .socket
    case 0o120000: self = .symbolicLink
    default: return nil
    }
  }
}

/// How an inode's data is stored, by the number on disk.
@frozen
public enum DataLayout: UInt8, Sendable, CaseIterable {
  case flatPlain = 0
  case compressedFull = 1
  case flatInline = 2
  case compressedCompact = 3
  case chunked = 4

  var isCompressed: Bool {
    @inline(__always) get { self == .compressedFull || self == .compressedCompact }
  }
}

/// A device number, taken apart.
@frozen
public struct DeviceNumber: Equatable, Sendable {
  public let major: UInt32
  public let minor: UInt32

  @inlinable
  public init(major: UInt32, minor: UInt32) {
    self.major = major
    self.minor = minor
  }

  /// From the 32 bits on disk.
  @inlinable
  public init(stored value: UInt32) {
    major = (value &>> 8) & 0xFFF
    minor = (value & 0xFF) | ((value &>> 12) & 0xFFF00)
  }
}

/// A stream of bytes that inodes and what hangs on them live in.
@frozen
public enum MetadataStream: UInt8, Sendable {
  /// The primary device.
  case device
  /// The decoded content of the metabox inode.
  case metabox

  #if EROFS_BASIC_IMAGES
    /// Something for each stream: images with a metabox are refused.
    typealias All<Element: ~Copyable> = InlineArray<1, Element>
    var index: Int { 0 }
  #else
    /// Something for each stream, in the order of their numbers.
    typealias All<Element: ~Copyable> = InlineArray<2, Element>
    var index: Int { @inline(__always) get { Int(rawValue) } }
  #endif

  /// How a ``Failure`` writes it down.
  var device: Int32 { -Int32(rawValue) }

  func position(_ offset: FileOffset) -> Position {
    switch self {
    case .device: .device(0, offset: UInt64(offset))
    case .metabox: .metabox(offset: UInt64(offset))
    }
  }
}

/// An inode, checked as far as it says anything by itself.
public struct Inode: Sendable {
  public internal(set) var nid: UInt64 = 0
  /// Its first 48 bytes, those of a compact one widened to the extended form: see ``InodeWords``.
  var words = InodeWords()
  /// The map header of a compressed one; else 0.
  var header: UInt64 = 0
  /// Where in the stream its tail, chunk table, index or extent table starts, or would start; 0 where it has no data.
  var table: FileOffset = 0
  /// Where the inode lies.
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
  /// log2 of a chunk's or an lcluster's size. It leaves no gap behind it: what has none is cleared in one piece.
  #if EROFS_BASIC_IMAGES
    var shift: UInt16 = 0
  #else
    var shift: UInt8 = 0
  #endif

  /// Permission bits with set-user-id, set-group-id and sticky, 0 ... 0o7777.
  public var permissions: UInt16 { words.mode & 0o7777 }
  public var userID: UInt32 { words.userID }
  public var groupID: UInt32 { words.groupID }
  public var linkCount: UInt32 { words.linkCount }
  /// Bytes; at most Int64.max (Int32.max with a narrow ``FileOffset``). Of a directory: bytes of its blocks, the last one
  /// as far as it is used.
  public var size: FileOffset {
    @inline(__always) get { FileOffset(truncatingIfNeeded: words.size) }
  }
  /// Seconds since 1970, and nanoseconds 0 ... 999,999,999 as its maker should have had it (not checked).
  public var modificationTime: (seconds: Int64, nanoseconds: UInt32) { (words.seconds, words.nanoseconds) }
  /// Serial number, for stat on 32-bit systems only.
  public var serialNumber: UInt32 { words.serialNumber }
  /// Whether it takes 64 bytes instead of 32.
  public var isExtended: Bool { words.format & 1 != 0 }
  /// Whether a directory has no `.` among its entries.
  public var omitsDot: Bool { words.format & 0x10 != 0 && kind == .directory }
  /// Number of a character or block device.
  public var deviceNumber: DeviceNumber? {
    kind == .characterDevice || kind == .blockDevice ? DeviceNumber(stored: words.union) : nil
  }
  /// Bytes of the xattr area, which follows the inode; 0 where it has none.
  public var xattrBytes: Int { words.xattrCount == 0 ? 0 : 8 &+ 4 &* Int(words.xattrCount) }
  public var position: Position { stream.position(offset) }
  /// Blocks that its data takes: as its maker counted them where it is compressed, else as its size says.
  package func storedBlocks(_ superblock: Superblock) -> UInt64 {
    if isCompressed { return UInt64(words.hasHigh ? words.high : 0) &<< 32 | UInt64(words.union) }
    return (UInt64(size) &+ UInt64(superblock.blockMask)) &>> UInt64(superblock.blockShift)
  }

  var xattrOffset: FileOffset { offset &+ (isExtended ? 64 : 32) }
  /// What no other inode of the image has; never 0.
  var key: FileOffset {
    @inline(__always) get { offset | FileOffset(stream.rawValue) | 2 }
  }
  /// Whether it has data that is not all stored as it is.
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

/// The first 48 bytes of an extended inode (format, section 7), as numbers.
struct InodeWords: Equatable, Sendable {
  /// A bit of the format that is 0 on disk: set where `high` is not part of an address.
  private static var noHigh: UInt64 { 0x8000 }

  private(set) var at0: UInt64 = 0, at8: UInt64 = 0, at10: UInt64 = 0
  private(set) var at18: UInt64 = 0, at20: UInt64 = 0, at28: UInt64 = 0

  var format: UInt16 { UInt16(truncatingIfNeeded: at0) }
  var xattrCount: UInt16 { UInt16(truncatingIfNeeded: at0 &>> 16) }
  var mode: UInt16 { UInt16(truncatingIfNeeded: at0 &>> 32) }
  /// The link count of a compact inode, or high bits of an address.
  var high: UInt16 { UInt16(truncatingIfNeeded: at0 &>> 48) }
  /// Whether an address has those; without, it has 32 bits.
  var hasHigh: Bool { at0 & Self.noHigh == 0 }
  var size: UInt64 { at8 }
  var union: UInt32 { UInt32(truncatingIfNeeded: at10) }
  var serialNumber: UInt32 { UInt32(truncatingIfNeeded: at10 &>> 32) }
  var userID: UInt32 { UInt32(truncatingIfNeeded: at18) }
  var groupID: UInt32 { UInt32(truncatingIfNeeded: at18 &>> 32) }
  var seconds: Int64 { Int64(bitPattern: at20) }
  var nanoseconds: UInt32 { UInt32(truncatingIfNeeded: at28) }
  var linkCount: UInt32 { UInt32(truncatingIfNeeded: at28 &>> 32) }

  /// Turns the words as they lie on disk into numbers.
  @inline(__always)
  mutating func swapToHost() {
    at0 = UInt64(littleEndian: at0)
    at8 = UInt64(littleEndian: at8)
    at10 = UInt64(littleEndian: at10)
    at18 = UInt64(littleEndian: at18)
    at20 = UInt64(littleEndian: at20)
    at28 = UInt64(littleEndian: at28)
  }

  /// Widens the first 28 bytes of a compact inode; what lies behind them may be anything.
  @inline(__always)
  mutating func widen(hasHigh: Bool, epoch: Int64, nanoseconds: UInt32) {
    let links = hasHigh ? 1 : UInt32(high)
    if !hasHigh { at0 |= Self.noHigh }
    at20 = UInt64(bitPattern: epoch) &+ (at8 &>> 32)
    at28 = UInt64(links) &<< 32 | UInt64(nanoseconds)
    at8 &= 0xFFFF_FFFF
    at18 = (at18 & 0xFFFF) | (at18 & 0xFFFF_0000) &<< 16
  }
}

extension Inode {
  /// Makes the words that were read, 28 bytes of a compact inode or 48 of an extended one, an inode that has no data
  /// as yet.
  ///
  /// Not a method: there `self` lies in a register that only the long instructions of Thumb reach.
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
        hasHigh: inode.words.format & 0x10 != 0 && kind != .directory, epoch: superblock.epoch,
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
  /// Whole blocks in one run, and the rest behind the inode.
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

  /// Whether some of its data lies in the packed inode.
  public var usesFragments: Bool {
    isCompressed && (isFragment || MapHeader(header).advise.contains(.fragmentPcluster))
  }

  var isFragment: Bool {
    @inline(__always) get { IncompatibleFeatures.known.contains(.fragments) && header &>> 63 != 0 }
  }

  /// Whether a compressed inode has encoded extents where its index would be.
  var hasEncodedExtents: Bool {
    @inline(__always) get {
      IncompatibleFeatures.known.contains(.wide48Bit) && layout == .compressedFull
        && MapHeader(header).advise.contains(.extents)
    }
  }
}

/// The 8 bytes of a map header (format, section 10.1).
struct MapHeader {
  let value: UInt64
  @inline(__always)
  init(_ value: UInt64) { self.value = value }

  var low: UInt32 { UInt32(truncatingIfNeeded: value) }
  private var upper: UInt32 { UInt32(truncatingIfNeeded: value &>> 32) }
  var advise: MapAdvice {
    @inline(__always) get { MapAdvice(rawValue: UInt16(truncatingIfNeeded: upper)).subtracting(.unknown) }
  }
  /// Whether it says something that hangs on a feature which this reader does not know.
  func needsMore(_ layout: DataLayout) -> Bool {
    if !IncompatibleFeatures.known.contains(.fragments),
      value &>> 63 != 0 || upper & UInt32(MapAdvice.unknown.rawValue) != 0
    {
      return true
    }
    return !IncompatibleFeatures.known.contains(.wide48Bit) && layout == .compressedFull && advise.contains(.extents)
  }
  /// Algorithm id of HEAD1 or HEAD2, unchecked.
  func algorithm(_ kind: LclusterEntry.Kind) -> UInt8 {
    let both = UInt8(truncatingIfNeeded: upper &>> 16)
    return kind == .head1 ? both & 15 : both &>> 4
  }
  /// log2 of an lcluster's size, in blocks.
  var clusterBits: FileOffset { FileOffset((upper &>> 24) & 0x0F) }
  var reserved: UInt32 { (upper &>> 28) & 7 }
  /// Bytes of the tail-packed pcluster; 0 where there is none.
  var inlineBytes: UInt32 { advise.contains(.inlinePcluster) ? low &>> 16 : 0 }
  var hasBigPclusters: Bool { !advise.isDisjoint(with: [.bigPcluster1, .bigPcluster2]) }
  /// Bytes of a record of encoded extents: 4, 8, 16 or 32.
  var recordBytes: FileOffset { 4 &<< FileOffset((advise.rawValue &>> 1) & 3) }
}

/// h_advise of a map header.
struct MapAdvice: OptionSet, Sendable {
  let rawValue: UInt16

  /// Packs of 2 bytes an entry (in a compact index).
  static var compact2B: Self { Self(rawValue: 0x01) }
  /// Encoded extents (where a full index would be).
  static var extents: Self { Self(rawValue: 0x01) }
  static var bigPcluster1: Self { Self(rawValue: 0x02) }
  static var bigPcluster2: Self { Self(rawValue: 0x04) }
  static var inlinePcluster: Self { Self(rawValue: 0x08) }
  static var interlacedPcluster: Self { Self(rawValue: 0x10) }
  static var fragmentPcluster: Self { Self(rawValue: 0x20) }

  /// What hangs on a feature that this reader does not know.
  static var unknown: Self {
    @inline(__always) get {
      IncompatibleFeatures.known.contains(.fragments) ? [] : [.interlacedPcluster, .fragmentPcluster]
    }
  }
}
