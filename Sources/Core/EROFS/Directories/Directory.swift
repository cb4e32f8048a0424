// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// The block of a directory that was read last.
@safe
struct DirectoryWindow {
  var buffer = MutablePageVector()
  var bytes = PageVector()
  /// The inode's key, or 0.
  var key: FileOffset = 0
  var start: FileOffset = 0
  /// Entries in the block.
  var count = 0

  /// Replaces the buffer, and forgets the block in the old one.
  mutating func supply(_ buffer: MutablePageVector) {
    self.buffer = buffer
    key = 0
  }

  /// Bytes of an entry without its name.
  static var entrySize: Int { DirectoryRecord.byteCount }

  /// Name of entry `index`, which the block has: where it is was checked when the block was read.
  @inline(never)
  mutating func name(_ index: Int) -> PageVector {
    let at = nameOffset(index)
    var end = bytes.count
    if index &+ 1 < count {
      end = nameOffset(index &+ 1)
    } else {
      // The last name ends with the block, or at the first NUL.
      end = bytes.index(of: 0, or: 0, from: at, to: at &+ 256)
    }
    return bytes.cut(at: at, count: end &- at)
  }

  @inline(never)
  mutating func nameOffset(_ index: Int) -> Int {
    Int(truncatingIfNeeded: word(.nameOffset, index))
  }

  /// A field, of 4 bytes at most, of entry `index`.
  @inline(__always)
  func word<Value>(_ field: Field<DirectoryRecord, Value>, _ index: Int) -> UInt32 {
    bytes.word(at: index &* Self.entrySize &+ field.offset, field.byteCount)
  }
}

/// An entry of a directory.
@safe
public struct DirectoryEntry: Sendable {
  public let nid: UInt64
  /// The entry's kind as the directory states it; nil if it does not. If the inode says something else, that counts.
  public let kind: InodeKind?
  /// 1 ... 255 bytes, none of them `/` or 0. They are in the reader's memory, and are good until its next operation.
  public let name: PageVector

  public var isDotOrDotDot: Bool {
    name.byte(at: 0) == 0x2E && (name.count == 1 || (name.count == 2 && name.byte(at: 1) == 0x2E))
  }
}

/// A place in a directory, to go on from.
@frozen
public struct DirectoryCursor: Sendable {
  @usableFromInline var block: FileOffset = 0
  @usableFromInline var index = 0

  @inlinable
  public init() {}
}

extension DirectoryCursor {
  /// The place as one number, for callers that may keep nothing else: it ascends with the entries.
  package var place: UInt64 { UInt64(block) &<< 16 | UInt64(index) }

  /// - Parameter place: of a cursor of the same directory; another number leads to some entry or to the end.
  package init(place: UInt64) {
    block = FileOffset(truncatingIfNeeded: place &>> 16)
    // A block has fewer entries than that.
    index = Int(place & 0xFFFF)
  }
}

extension Volume {
  /// The next entry of a directory in the order in which they are stored (by bytes of their names), `.` and `..` among
  /// them; nil after the last.
  ///
  /// - Throws: ``EROFSError/notADirectory``; `corrupt` where a block of the directory breaks its rules.
  @specialized(where Source == MappedStorage)
  public mutating func nextEntry(
    of directory: Inode, _ cursor: inout DirectoryCursor
  ) throws(EROFSError) -> DirectoryEntry? {
    makeCurrent(directory)
    do throws(Fault) {
      while cursor.block < (try directoryBlocks()) {
        try showBlock(cursor.block)
        if cursor.index < self.directory.count {
          cursor.index &+= 1
          return try entry(cursor.index &- 1)
        }
        cursor.block &+= 1
        cursor.index = 0
      }
    } catch { throw failure.error }
    return nil
  }

  /// The entry of that name, nil where there is none. `.` is found only where the directory stores it.
  @specialized(where Source == MappedStorage)
  public mutating func entry(
    named name: PageVector, in directory: Inode
  ) throws(EROFSError) -> DirectoryEntry? {
    makeCurrent(directory)
    do throws(Fault) {
      guard let index = try search(name) else { return nil }
      return try entry(index)
    } catch { throw failure.error }
  }

  /// The inode at a path from the root: names with `/` between them. Empty names and `.` are skipped; `..` is the parent, of
  /// the root the root itself; symbolic links are not followed.
  ///
  /// - Throws: ``EROFSError/notFound``, ``EROFSError/notADirectory``, or an error of reading one of the directories.
  @specialized(where Source == MappedStorage)
  public mutating func inode(at path: PageVector) throws(EROFSError) -> Inode {
    do throws(Fault) { try follow(path) } catch { throw failure.error }
    return self[.file]
  }

  /// Reads the inode of the root, which must be a directory.
  package mutating func readRoot() throws(Fault) {
    try readInode(superblock.rootNID, .file)
    _ = try directoryBlocks()
  }

  /// Reads the inode at a path.
  @inline(never)
  package mutating func follow(_ path: PageVector) throws(Fault) {
    try readInode(superblock.rootNID, .file)
    var at = 0
    while at < path.count {
      let start = at
      at = path.index(of: 0x2F, or: 0x2F, from: start, to: path.count)
      let name = path.cut(at: start, count: at &- start)
      at &+= 1
      if name.isEmpty { continue }
      _ = try directoryBlocks()
      if name.count == 1, name.byte(at: 0) == 0x2E { continue }
      guard name.count <= 255, let index = try search(name) else { throw fail(.notFound) }
      try readInode(try entryNID(index), .file)
    }
  }

  /// Whether `a` comes before `b` in a directory: by unsigned bytes, a prefix before the longer name.
  public static func isOrdered(_ a: PageVector, before b: PageVector) -> Bool { a.compare(to: b) < 0 }

  /// Blocks of the open directory. Fails if the open inode is not a directory.
  private mutating func directoryBlocks() throws(Fault) -> FileOffset {
    guard self[.file].kind == .directory else { throw fail(.notADirectory) }
    let shift = FileOffset(truncatingIfNeeded: superblock.blockShift)
    return self[.file].size == 0 ? 0 : (self[.file].size &- 1) &>> shift &+ 1
  }

  /// Searches the open directory for a name: the number of its entry in the block, which is then in the window.
  @inline(never)
  private mutating func search(_ name: PageVector) throws(Fault) -> Int? {
    // The last block whose first name is not after the one that is looked for.
    var low: FileOffset = 0
    var high = try directoryBlocks()
    while low < high {
      let middle = low &+ (high &- low) &>> 1
      try showBlock(middle)
      if name.compare(to: directory.name(0)) < 0 { high = middle } else { low = middle &+ 1 }
    }
    if low == 0 { return nil }
    try showBlock(low &- 1)
    var first = 0
    var last = directory.count
    while first < last {
      let middle = (first &+ last) &>> 1
      let order = name.compare(to: directory.name(middle))
      if order == 0 { return middle }
      if order > 0 { first = middle &+ 1 } else { last = middle }
    }
    return nil
  }

  private mutating func entry(_ index: Int) throws(Fault) -> DirectoryEntry {
    let nid = try entryNID(index)
    return DirectoryEntry(nid: nid, kind: InodeKind(rawValue: entryType(index)), name: directory.name(index))
  }

  /// Where entry `index` leads, whose type is checked.
  @inline(__always)
  private mutating func entryNID(_ index: Int) throws(Fault) -> UInt64 {
    guard entryType(index) <= 7 else { throw fail(.entryType, .file) }
    let low = directory.word(.nidLow, index)
    return UInt64(directory.word(.nidHigh, index)) &<< 32 | UInt64(low)
  }

  private func entryType(_ index: Int) -> UInt8 {
    UInt8(truncatingIfNeeded: directory.word(.kind, index))
  }

  /// Brings a block of the open directory to hand, and checks all its entries.
  @inline(never)
  private mutating func showBlock(_ number: FileOffset) throws(Fault) {
    let start = number &<< FileOffset(truncatingIfNeeded: superblock.blockShift)
    if directory.key == self[.file].key, directory.start == start { return }
    directory.key = 0
    let length = Int(truncatingIfNeeded: min(superblock.blockMask &+ 1, self[.file].size &- start))
    // In place, where the storage maps it.
    var extent = Extent()
    try findExtent(.file, start, &extent)
    var bytes = PageVector()
    if extent.form == .plain, extent.end &- start >= FileOffset(truncatingIfNeeded: length) {
      // Zeros are no entries, and take no block to find that out.
      guard extent.space != .hole else { throw fail(.directoryEntries, .file) }
      bytes = try mappedStored(&extent, start &- extent.start, length)
    }
    if bytes.isEmpty {
      let block = directory.buffer.prefix(length)
      guard block.count == length else { throw fail(need: Need.directory.rawValue, bytes: superblock.blockSize) }
      _ = try read(.file, at: start, into: block)
      bytes = block.readOnly
    }
    directory.bytes = bytes
    directory.start = start
    let first = directory.nameOffset(0)
    var count = 0
    var at = first
    while at >= DirectoryWindow.entrySize {
      at &-= DirectoryWindow.entrySize
      count &+= 1
    }
    guard at == 0, count > 0, first < length else { throw fail(.directoryEntries, .file) }
    directory.count = count
    var nameStart = first
    for index in 0..<count {
      let end = index &+ 1 < count ? directory.nameOffset(index &+ 1) : length
      guard nameStart < end, end <= length else { throw fail(.nameOffset, .file) }
      nameStart = end
      let name = directory.name(index)
      guard name.count >= 1, name.count <= 255 else { throw fail(.nameLength, .file) }
      guard name.index(of: 0, or: 0x2F, from: 0, to: name.count) == name.count else {
        throw fail(.nameCharacter, .file)
      }
    }
    directory.key = self[.file].key
  }
}
