// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

/// What an image holds, counted.
public struct ImageStatistics: Sendable {
  /// A number of things, their bytes as files have them and as they are stored.
  public struct Amount: Sendable, Equatable {
    public internal(set) var count = 0
    public internal(set) var bytes: UInt64 = 0
    public internal(set) var storedBytes: UInt64 = 0

    fileprivate mutating func add(_ bytes: UInt64, _ stored: UInt64) {
      count += 1
      self.bytes &+= bytes
      storedBytes &+= stored
    }
  }

  /// How an extent is stored.
  public enum Storing: Hashable, Sendable {
    case plain, interlaced, compressed(Algorithm), inline, fragment, hole
  }

  /// Names of the tree, that of the root included, and inodes that they lead to.
  public private(set) var names = 0
  public private(set) var inodes = 0
  /// Names of inodes that had one already.
  public var hardLinks: Int { names - inodes }
  /// Inodes by what they are.
  public private(set) var kinds: [InodeKind: Int] = [:]
  /// Regular files, by whether they have a compressed layout. A fragment is stored where the packed inode stores it, so
  /// not here; what several files share is stored by the first of them.
  public private(set) var compressed = Amount()
  public private(set) var uncompressed = Amount()
  /// Regular files by size: at index 0 those below 1 KiB, at 1 below 2 KiB, at 2 below 4 KiB and so on; at the last index
  /// all that are larger.
  public private(set) var sizes = [Int](repeating: 0, count: sizeClasses)
  /// Regular files by what is after the last dot of their first name; those that have no dot, or only one in front,
  /// under nil.
  public private(set) var extensions: [[UInt8]?: Amount] = [:]
  /// Extents of all inodes that have data and of the packed inode, by how they are stored. What several of them share is
  /// stored once.
  public private(set) var extents: [Storing: Amount] = [:]
  /// Files that have a fragment.
  public private(set) var filesWithFragments = 0
  /// Bytes of the packed inode; 0 where there is none.
  public private(set) var packedBytes: UInt64 = 0
  /// Bytes of the image's devices.
  public let imageBytes: UInt64

  public static let sizeClasses = 17

  /// Bytes of all regular files, each inode once.
  public var fileBytes: UInt64 { compressed.bytes &+ uncompressed.bytes }
  /// Bytes that all data takes, directories and links included.
  public var storedBytes: UInt64 { extents.values.reduce(0) { $0 &+ $1.storedBytes } }

  private var seen: Set<StoredPlace> = []

  public init(of reader: ImageReader) throws(TreeError) {
    imageBytes = (0...reader.superblock.extraDevices).reduce(0) { $0 &+ reader.image.byteCount(ofDevice: $1) }
    var nids: Set<UInt64> = []
    for file in try reader.files() {
      names += 1
      guard nids.insert(file.inode.nid).inserted else { continue }
      inodes += 1
      kinds[file.inode.kind, default: 0] += 1
      let stored = try TreeError.naming(file.path) { () throws(EROFSError) in try addExtents(of: file.inode, reader) }
      guard file.inode.kind == .regular else { continue }
      sizes[Self.sizeClass(of: file.inode.size)] += 1
      switch file.inode.layout {
      case .compressedFull, .compressedCompact: compressed.add(file.inode.size, stored)
      case .flatPlain, .flatInline, .chunked: uncompressed.add(file.inode.size, stored)
      }
      extensions[Self.nameExtension(file.path), default: Amount()].add(file.inode.size, stored)
      if file.inode.usesFragments { filesWithFragments += 1 }
    }
    try TreeError.naming(Array("[packed]".utf8)) { () throws(EROFSError) in
      guard let packed = try reader.volume.packedInode() else { return }
      packedBytes = packed.size
      _ = try addExtents(of: packed, reader)
    }
    seen = []
  }

  /// The index of a size in ``sizes``.
  static func sizeClass(of size: UInt64) -> Int {
    let kibibytes = size >> 10
    return min(sizeClasses - 1, UInt64.bitWidth - kibibytes.leadingZeroBitCount)
  }

  /// What is after the last dot of the last name of a path.
  static func nameExtension(_ path: [UInt8]) -> [UInt8]? {
    let name = path[(path.lastIndex(of: 0x2F).map { $0 + 1 } ?? 0)...]
    guard let dot = name.lastIndex(of: 0x2E), dot > name.startIndex, dot + 1 < name.endIndex else { return nil }
    return Array(name[(dot + 1)...])
  }

  /// Counts the extents of an inode; returns the bytes that they store and nothing before them did.
  private mutating func addExtents(of inode: Inode, _ reader: ImageReader) throws(EROFSError) -> UInt64 {
    var total: UInt64 = 0
    for extent in try reader.extents(of: inode) {
      var stored: UInt64 = 0
      if let place = StoredPlace(extent.place), seen.insert(place).inserted { stored = extent.storedLength }
      extents[Storing(extent), default: Amount()].add(extent.length, stored)
      total &+= stored
    }
    return total
  }
}

/// Where something is stored, to know it again.
private struct StoredPlace: Hashable {
  /// -1 is the metabox.
  let device: Int
  let offset: UInt64

  /// Nil for what is stored nowhere, or by the packed inode.
  init?(_ place: Extent.Place) {
    switch place {
    case .device(let device, let address): (self.device, offset) = (device, address)
    case .metadata(.device, let offset): (device, self.offset) = (0, offset)
    case .metadata(.metabox, let offset): (device, self.offset) = (-1, offset)
    case .packed, .hole: return nil
    }
  }
}

extension ImageStatistics.Storing {
  public init(_ extent: Extent) {
    switch extent.place {
    case .hole: self = .hole
    case .packed: self = .fragment
    case .metadata, .device:
      switch extent.encoding {
      case .compressed(let algorithm): self = .compressed(algorithm)
      case .interlaced: self = .interlaced
      case .plain: if case .metadata = extent.place { self = .inline } else { self = .plain }
      }
    }
  }

  public var word: String {
    switch self {
    case .plain: "plain"
    case .interlaced: "interlaced"
    case .compressed(let algorithm): "\(algorithm.name)"
    case .inline: "inline"
    case .fragment: "fragment"
    case .hole: "hole"
    }
  }

  static let all: [Self] =
    Algorithm.allCases.map { .compressed($0) } + [.plain, .interlaced, .inline, .fragment, .hole]
}
