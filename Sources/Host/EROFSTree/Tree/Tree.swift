// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

/// A tree of names and inodes from any source, from which an image is made: directories of a disk, archives, lists.
///
/// It holds no content, only where that comes from. A name takes 16 bytes, its own bytes and about 6 in the table that
/// finds it; an inode 40, and one with content 32 more. Two trees that were filled differently and hold the same give the
/// same answers in the same order: children are in the order of their bytes.
public struct Tree: Sendable {
  /// A name in a directory. Ids stay valid until the entry is removed, and are used for nothing else after.
  public struct EntryID: Sendable, Hashable {
    let number: UInt32
    init(_ number: UInt32) { self.number = number }
  }

  /// What names refer to; two names with the same inode are hard links of each other.
  public struct InodeID: Sendable, Hashable {
    /// Below ``inodeLimit``.
    package let number: UInt32
    init(_ number: UInt32) { self.number = number }
  }

  /// The name of the root is empty, and it is its own parent.
  public static var root: EntryID { EntryID(0) }
  static var none: UInt32 { .max }

  struct EntryRecord: Sendable {
    /// Its place in the pool.
    var name: UInt32
    var parent: UInt32
    /// The next child of the same parent.
    var next: UInt32
    /// `none` for a name that was removed.
    var inode: UInt32
  }

  struct InodeRecord: Sendable {
    var seconds: Int64
    /// Regular: the content's number, or `none`. Directory: first child, and last in the upper half. Symbolic link: place
    /// of the target in the pool. Device: minor, and major in the upper half.
    var payload: UInt64
    var user: UInt32
    var group: UInt32
    var nanoseconds: UInt32
    var links: UInt32
    /// The number of the set of attributes.
    var attributes: UInt32
    /// With the bits of the kind.
    var mode: UInt16
    var flags: UInt16
  }

  /// The directory's children are in order.
  static var sorted: UInt16 { 1 }
  /// The directory was made because a name in it was given, not itself.
  static var implied: UInt16 { 2 }

  var entries = SegmentedArray<EntryRecord>()
  var inodes = SegmentedArray<InodeRecord>()
  var contents = SegmentedArray<ContentRecord>()
  var pool = BytePool()
  var stores: [ContentStore] = []
  var pieces: [[ContentPiece]] = []
  var referred: [ReferredContent] = []
  var attributeSets: [[ExtendedAttribute]] = [[]]
  var attributeNumbers: [[ExtendedAttribute]: UInt32] = [[]: 0]
  var names = NameTable()
  var removed = 0

  /// A tree with nothing in its root, which has permissions 755, the owner 0 and the time 0 until something states them: it
  /// ``isImplied(_:)``.
  public init() {
    self.init(root: Metadata(kind: .directory, permissions: 0o755))
    inodes[0].flags |= Self.implied
  }

  /// A tree with nothing in its root.
  ///
  /// - Parameter root: of a directory.
  public init(root: Metadata) {
    precondition(root.kind == .directory)
    inodes.append(Self.record(root))
    inodes[0].links = 1
    entries.append(EntryRecord(name: pool.add([])!, parent: 0, next: Self.none, inode: 0))
  }

  static func record(_ metadata: Metadata) -> InodeRecord {
    let payload: UInt64 =
      switch metadata.kind {
      case .characterDevice, .blockDevice:
        UInt64(metadata.device.major) << 32 | UInt64(metadata.device.minor)
      default: .max
      }
    return InodeRecord(
      seconds: metadata.time.seconds, payload: payload, user: metadata.user, group: metadata.group,
      nanoseconds: metadata.time.nanoseconds, links: 0, attributes: 0, mode: metadata.mode,
      flags: metadata.kind == .directory ? sorted : 0)
  }

  // MARK: What is in it

  /// Names, the root's included.
  public var entryCount: Int { entries.count - removed }

  /// More than the number of any inode.
  package var inodeLimit: Int { inodes.count }

  /// The number of the set of attributes of an inode: inodes with equal attributes have the same.
  package func attributeSet(of inode: InodeID) -> Int { Int(inodes[Int(inode.number)].attributes) }

  public func inode(of entry: EntryID) -> InodeID { InodeID(entries[Int(entry.number)].inode) }
  public func parent(of entry: EntryID) -> EntryID { EntryID(entries[Int(entry.number)].parent) }
  public func name(of entry: EntryID) -> ArraySlice<UInt8> { pool[entries[Int(entry.number)].name] }
  public func kind(of inode: InodeID) -> InodeKind { InodeKind(mode: inodes[Int(inode.number)].mode)! }
  public func kind(of entry: EntryID) -> InodeKind { kind(of: inode(of: entry)) }

  /// How many names the inode has in this tree; 1 for directories.
  public func linkCount(of inode: InodeID) -> Int { Int(inodes[Int(inode.number)].links) }

  /// Whether a directory stands here only because a name in it was given.
  public func isImplied(_ entry: EntryID) -> Bool {
    inodes[Int(entries[Int(entry.number)].inode)].flags & Self.implied != 0
  }

  public subscript(inode: InodeID) -> Metadata {
    get {
      let record = inodes[Int(inode.number)]
      let kind = InodeKind(mode: record.mode)!
      return Metadata(
        kind: kind, permissions: record.mode & 0o7777, user: record.user, group: record.group,
        time: Time(seconds: record.seconds, nanoseconds: record.nanoseconds),
        device: kind.isDevice
          ? DeviceNumber(major: UInt32(record.payload >> 32), minor: UInt32(truncatingIfNeeded: record.payload))
          : DeviceNumber(major: 0, minor: 0))
    }
    /// The kind must remain the same.
    set {
      let index = Int(inode.number)
      precondition(newValue.mode & 0o170000 == inodes[index].mode & 0o170000)
      let record = Self.record(newValue)
      inodes[index].mode = record.mode
      inodes[index].user = record.user
      inodes[index].group = record.group
      inodes[index].seconds = record.seconds
      inodes[index].nanoseconds = record.nanoseconds
      if newValue.kind.isDevice { inodes[index].payload = record.payload }
    }
  }

  public subscript(entry: EntryID) -> Metadata { self[inode(of: entry)] }

  /// In the order of the names' bytes, each name once.
  public func attributes(of inode: InodeID) -> [ExtendedAttribute] {
    attributeSets[Int(inodes[Int(inode.number)].attributes)]
  }

  /// The names of all attributes that inodes have, or had before they were changed or removed.
  public var attributeNames: Set<[UInt8]> { Set(attributeSets.joined().map(\.name)) }

  public func attribute(_ name: String, of inode: InodeID) -> [UInt8]? {
    attributes(of: inode).first { $0.name.elementsEqual(name.utf8) }?.value
  }

  /// Of a symbolic link.
  public func target(of inode: InodeID) -> [UInt8] {
    precondition(kind(of: inode) == .symbolicLink)
    return Array(pool[UInt32(inodes[Int(inode.number)].payload)])
  }

  /// Bytes of a regular file or of a link's target; 0 for all else.
  public func size(of inode: InodeID) -> UInt64 {
    switch kind(of: inode) {
    case .regular: contentRecord(of: inode)?.size ?? 0
    case .symbolicLink: UInt64(pool[UInt32(inodes[Int(inode.number)].payload)].count)
    default: 0
    }
  }

  func contentRecord(of inode: InodeID) -> ContentRecord? {
    let number = inodes[Int(inode.number)].payload
    return number == .max ? nil : contents[Int(number)]
  }

  /// The content of a regular file that stays where it is; nil for all others.
  public func referred(of inode: InodeID) -> ReferredContent? {
    guard kind(of: inode) == .regular, let record = contentRecord(of: inode) else { return nil }
    switch stores[Int(record.store)] {
    case .device(let device):
      let piece = ReferredContent.Piece(offset: 0, length: record.size, device: device, place: record.first)
      return ReferredContent(size: record.size, pieces: [piece])
    case .referred: return referred[Int(record.second)]
    default: return nil
    }
  }

  /// The content of a regular file that something else reads, and its number there; nil for all others.
  public func foreign(of inode: InodeID) -> (contents: any ForeignContents, number: UInt64)? {
    guard kind(of: inode) == .regular, let record = contentRecord(of: inode),
      case .foreign(let contents) = stores[Int(record.store)]
    else { return nil }
    return (contents, record.first)
  }

  /// Whether some content stays where it is, or did before it was replaced.
  public var hasReferredContents: Bool {
    stores.contains {
      switch $0 {
      case .device, .referred: true
      default: false
      }
    }
  }

  // MARK: Whiteouts, as overlayfs has them

  /// Whether the entry hides one of the same name in the trees below: a character device 0, 0.
  public func isWhiteout(_ entry: EntryID) -> Bool {
    let metadata = self[entry]
    return metadata.kind == .characterDevice && metadata.device == DeviceNumber(major: 0, minor: 0)
  }

  /// Whether the directory hides what a directory of the same name holds in the trees below.
  public func isOpaque(_ entry: EntryID) -> Bool {
    kind(of: entry) == .directory && attribute("trusted.overlay.opaque", of: inode(of: entry)) == [0x79]
  }
}
