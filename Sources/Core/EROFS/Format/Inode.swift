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

  @inlinable
  func position(_ offset: UInt64) -> Position {
    switch self {
    case .device: .device(0, offset: offset)
    case .metabox: .metabox(offset: offset)
    }
  }
}

/// An inode, checked as far as it says anything by itself.
@frozen
public struct Inode: Equatable, Sendable {
  public let nid: UInt64
  public let kind: InodeKind
  /// Permission bits with set-user-id, set-group-id and sticky, 0 ... 0o7777.
  public let permissions: UInt16
  public let userID: UInt32
  public let groupID: UInt32
  public let linkCount: UInt32
  /// Bytes; at most Int64.max. Of a directory: bytes of its blocks, the last one as far as it is used.
  public let size: UInt64
  /// Seconds since 1970, and nanoseconds 0 ... 999,999,999 as its maker should have had it (not checked).
  public let modificationTime: (seconds: Int64, nanoseconds: UInt32)
  /// Serial number, for stat on 32-bit systems only.
  public let serialNumber: UInt32
  public let layout: DataLayout
  /// Whether it takes 64 bytes instead of 32.
  public let isExtended: Bool
  /// Whether a directory has no `.` among its entries.
  public let omitsDot: Bool
  /// Number of a character or block device.
  public let deviceNumber: DeviceNumber?
  public let data: DataMap

  /// Where the inode lies.
  public let stream: MetadataStream
  public let offset: UInt64
  /// Bytes of the xattr area, which follows the inode; 0 where it has none.
  public let xattrBytes: Int

  var xattrOffset: UInt64 { offset + (isExtended ? 64 : 32) }

  public var position: Position { stream.position(offset) }

  public static func == (a: Inode, b: Inode) -> Bool {
    a.nid == b.nid && a.kind == b.kind && a.permissions == b.permissions && a.size == b.size && a.data == b.data
      && a.userID == b.userID && a.groupID == b.groupID && a.linkCount == b.linkCount && a.stream == b.stream
      && a.modificationTime == b.modificationTime && a.offset == b.offset && a.xattrBytes == b.xattrBytes
      && a.deviceNumber == b.deviceNumber
  }
}

/// How to find an inode's data.
@frozen
public enum DataMap: Equatable, Sendable {
  /// It has none: a device, a fifo, a socket, or a size of 0.
  case empty
  /// All of it from byte `address` on; nil: it reads as zeros.
  case flat(address: UInt64?)
  /// Whole blocks from byte `address` on, then `size - tail` … in the inode's stream at `tailOffset`.
  case inline(address: UInt64?, tailOffset: UInt64)
  case chunked(ChunkTable)
  case indexed(LclusterIndex)
  case encoded(ExtentTable)
  /// All of it in the packed inode, from `offset` on.
  case fragment(offset: UInt64)

  /// Whether some of it lies in the packed inode.
  public var usesFragments: Bool {
    switch self {
    case .fragment: true
    case .indexed(let index): index.advise.contains(.fragmentPcluster)
    case .encoded(let table): table.advise.contains(.fragmentPcluster)
    default: false
    }
  }
}

/// Where a chunk-based inode's entries lie, and of what kind they are (format, section 9).
@frozen
public struct ChunkTable: Equatable, Sendable {
  /// log2 of the chunk size in bytes.
  let chunkShift: Int
  /// 8-byte entries with device ids, rather than 4-byte ones.
  let hasIndexes: Bool
  /// Addresses of 48 bits.
  let isWide: Bool
  let offset: UInt64
}

/// Where a compressed inode's lcluster index lies, and what its map header says of it (format, section 10).
@frozen
public struct LclusterIndex: Equatable, Sendable {
  /// Offset of the first entry (or pack) in the inode's stream.
  let offset: UInt64
  /// Entries.
  let count: UInt64
  let lclusterShift: Int
  let isCompact: Bool
  let advise: MapAdvice
  /// Algorithm ids of HEAD1 and HEAD2, unchecked.
  let algorithms: (UInt8, UInt8)
  /// Bytes of the tail-packed pcluster; 0 where there is none.
  let inlineBytes: Int
  /// Low 32 bits of the fragment offset of the file's tail.
  let fragmentOffset: UInt32

  public static func == (a: LclusterIndex, b: LclusterIndex) -> Bool {
    a.offset == b.offset && a.count == b.count && a.lclusterShift == b.lclusterShift && a.isCompact == b.isCompact
      && a.advise == b.advise && a.algorithms == b.algorithms && a.inlineBytes == b.inlineBytes
      && a.fragmentOffset == b.fragmentOffset
  }
}

/// Where a compressed inode's encoded extents lie (format, section 12).
@frozen
public struct ExtentTable: Equatable, Sendable {
  /// Offset of the first record in the inode's stream.
  let offset: UInt64
  let count: UInt64
  /// 4, 8, 16 or 32.
  let recordBytes: Int
  /// log2 of the fixed decoded length, for records of 4 and 8 bytes.
  let lengthShift: Int
  let advise: MapAdvice
  /// Address of the first pcluster, for records of 4 bytes.
  let firstAddress: UInt64
}

/// h_advise of a map header.
@frozen
public struct MapAdvice: OptionSet, Sendable {
  public let rawValue: UInt16
  @inlinable
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// Packs of 2 bytes an entry (in a compact index).
  static var compact2B: Self { Self(rawValue: 0x01) }
  /// Encoded extents (where a full index would be).
  static var extents: Self { Self(rawValue: 0x01) }
  static var bigPcluster1: Self { Self(rawValue: 0x02) }
  static var bigPcluster2: Self { Self(rawValue: 0x04) }
  static var inlinePcluster: Self { Self(rawValue: 0x08) }
  static var interlacedPcluster: Self { Self(rawValue: 0x10) }
  static var fragmentPcluster: Self { Self(rawValue: 0x20) }
}
