// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// The block of a directory that is at hand.
@safe
struct DirectoryWindow {
  let buffer: MutablePageVector
  private(set) var bytes = PageVector()
  private var nid: UInt64 = .max
  private var start: UInt64 = .max
  /// Entries in the block.
  private(set) var count = 0

  init(_ buffer: MutablePageVector) { self.buffer = buffer }

  func holds(_ nid: UInt64, at start: UInt64) -> Bool { self.nid == nid && self.start == start }

  mutating func forget() {
    nid = .max
    start = .max
    count = 0
    bytes = PageVector()
  }

  mutating func show(_ bytes: PageVector, of nid: UInt64, at start: UInt64, count: Int) {
    self.bytes = bytes
    self.nid = nid
    self.start = start
    self.count = count
  }

  /// Bytes of an entry without its name.
  static let entrySize = 12

  /// Name of entry `index`, which the block has: its length was checked when the block was read.
  func name(_ index: Int) -> PageVector {
    let at = nameOffset(index)
    if index + 1 < count { return bytes.slice(at: at, count: nameOffset(index + 1) - at) }
    // The last name ends with the block, or at the first NUL.
    let rest = bytes.dropFirst(at)
    var length = 0
    while length < rest.count, length < 256, rest.byte(at: length) != 0 { length += 1 }
    return rest.prefix(length)
  }

  func nameOffset(_ index: Int) -> Int {
    Int(bytes.load(at: index * Self.entrySize + 8, as: UInt16.self) ?? 0)
  }
}

/// An entry of a directory.
@safe
public struct DirectoryEntry: Sendable {
  public let nid: UInt64
  /// What the directory says that the entry is; nil where it does not say. The inode's own word counts.
  public let kind: InodeKind?
  /// 1 ... 255 bytes, none of them `/` or 0. They lie in the reader's memory, and are good until its next operation.
  public let name: PageVector

  public var isDotOrDotDot: Bool {
    name.byte(at: 0) == 0x2E && (name.count == 1 || (name.count == 2 && name.byte(at: 1) == 0x2E))
  }
}

/// A place in a directory, to go on from.
@frozen
public struct DirectoryCursor: Sendable {
  @usableFromInline var block: UInt64 = 0
  @usableFromInline var index = 0

  @inlinable
  public init() {}
}

extension Volume {
  /// The next entry of a directory in the order in which they are stored (by bytes of their names), `.` and `..` among
  /// them; nil behind the last.
  ///
  /// - Throws: ``EROFSError/notADirectory``; `corrupt` where a block of the directory breaks its rules.
  @specialized(where Source == MappedStorage)
  public mutating func nextEntry(
    of directory: Inode, _ cursor: inout DirectoryCursor
  ) throws(EROFSError) -> DirectoryEntry? {
    guard directory.kind == .directory else { throw .notADirectory }
    let blockSize = UInt64(superblock.blockSize)
    while cursor.block &* blockSize < directory.size {
      try showBlock(cursor.block, of: directory)
      if cursor.index < directoryWindow.count {
        let entry = try entry(cursor.index, of: directory)
        cursor.index += 1
        return entry
      }
      cursor.block += 1
      cursor.index = 0
    }
    return nil
  }

  /// The entry of that name, nil where there is none. `.` is found only where the directory stores it.
  @specialized(where Source == MappedStorage)
  public mutating func entry(
    named name: PageVector, in directory: Inode
  ) throws(EROFSError) -> DirectoryEntry? {
    guard directory.kind == .directory else { throw .notADirectory }
    let shift = UInt64(superblock.blockShift)
    // The last block whose first name is not behind the one that is looked for.
    var low: UInt64 = 0
    var high = directory.size == 0 ? 0 : (directory.size - 1) &>> shift + 1
    while low < high {
      let middle = low + (high - low) / 2
      try showBlock(middle, of: directory)
      if Self.isOrdered(name, before: directoryWindow.name(0)) { high = middle } else { low = middle + 1 }
    }
    guard low > 0 else { return nil }
    try showBlock(low - 1, of: directory)
    var first = 0
    var last = directoryWindow.count
    while first < last {
      let middle = first + (last - first) / 2
      let candidate = directoryWindow.name(middle)
      if candidate.elementsEqual(name) { return try entry(middle, of: directory) }
      if Self.isOrdered(candidate, before: name) { first = middle + 1 } else { last = middle }
    }
    return nil
  }

  /// The inode at a path from the root: names with `/` between them. Empty names and `.` stay where they are; `..` goes
  /// up, at the root nowhere; symbolic links are not followed.
  ///
  /// - Throws: ``EROFSError/notFound``, ``EROFSError/notADirectory``, or what reading the directories gives cause for.
  @specialized(where Source == MappedStorage)
  public mutating func inode(at path: PageVector) throws(EROFSError) -> Inode {
    var inode = try self.inode(superblock.rootNID)
    var rest = path
    while !rest.isEmpty {
      var length = 0
      while length < rest.count, rest.byte(at: length) != 0x2F { length += 1 }
      let name = rest.prefix(length)
      rest = rest.dropFirst(length + 1)
      if name.isEmpty { continue }
      guard inode.kind == .directory else { throw .notADirectory }
      if name.count == 1, name.byte(at: 0) == 0x2E { continue }
      guard name.count <= 255, let entry = try entry(named: name, in: inode) else { throw .notFound }
      inode = try self.inode(entry.nid)
    }
    return inode
  }

  /// Whether `a` comes before `b` in a directory: by unsigned bytes, a prefix before the longer name.
  public static func isOrdered(_ a: PageVector, before b: PageVector) -> Bool {
    let common = min(a.count, b.count)
    for i in 0..<common {
      let x = a.byte(at: i) ?? 0
      let y = b.byte(at: i) ?? 0
      if x != y { return x < y }
    }
    return a.count < b.count
  }

  private func entry(_ index: Int, of directory: Inode) throws(EROFSError) -> DirectoryEntry {
    let at = index * DirectoryWindow.entrySize
    let bytes = directoryWindow.bytes
    guard let nid = bytes.load(at: at, as: UInt64.self), let type = bytes.byte(at: at + 10) else {
      throw .corrupt(.directoryEntries, at: directory.position)
    }
    guard type <= 7 else { throw .corrupt(.entryType, at: directory.position) }
    return DirectoryEntry(nid: nid, kind: InodeKind(rawValue: type), name: directoryWindow.name(index))
  }

  /// Brings a block of a directory to hand, and checks all its entries.
  private mutating func showBlock(_ number: UInt64, of directory: Inode) throws(EROFSError) {
    let start = number &<< UInt64(superblock.blockShift)
    if directoryWindow.holds(directory.nid, at: start) { return }
    directoryWindow.forget()
    let length = Int(min(UInt64(superblock.blockSize), directory.size - start))
    let buffer = directoryWindow.buffer
    guard buffer.count >= length else { throw .memory(.directory, bytes: superblock.blockSize) }
    _ = try read(.file, directory, at: start, into: buffer.prefix(length))
    let bytes = buffer.readOnly.prefix(length)

    func offset(_ index: Int) -> Int {
      Int(bytes.load(at: index * DirectoryWindow.entrySize + 8, as: UInt16.self) ?? 0)
    }
    let first = offset(0)
    guard length >= DirectoryWindow.entrySize, first >= DirectoryWindow.entrySize, first < length,
      first % DirectoryWindow.entrySize == 0
    else { throw .corrupt(.directoryEntries, at: directory.position) }
    let count = first / DirectoryWindow.entrySize
    directoryWindow.show(bytes, of: directory.nid, at: start, count: count)
    do throws(EROFSError) {
      for index in 0..<count { try checkName(index, count, length, directory) }
    } catch {
      directoryWindow.forget()
      throw error
    }
  }

  private func checkName(_ index: Int, _ count: Int, _ length: Int, _ directory: Inode) throws(EROFSError) {
    let start = directoryWindow.nameOffset(index)
    let end = index + 1 < count ? directoryWindow.nameOffset(index + 1) : length
    guard start < end, end <= length else { throw .corrupt(.nameOffset, at: directory.position) }
    let name = directoryWindow.name(index)
    guard (1...255).contains(name.count) else { throw .corrupt(.nameLength, at: directory.position) }
    for i in 0..<name.count {
      let byte = name.byte(at: i)
      guard byte != 0, byte != 0x2F else { throw .corrupt(.nameCharacter, at: directory.position) }
    }
  }
}
