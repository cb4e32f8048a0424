// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import PageVectors

/// What is left of a path: of the caller's, and of the targets of the links that were met on the way. Of each target only
/// its link and the place in it are kept, so that following takes the same memory whatever its length.
@safe
struct PendingPath {
  /// As many links as Linux follows for one path.
  static var maximumLinks: Int { 40 }

  private let path: UnsafeRawBufferPointer
  private var at = 0
  private var links = InlineArray<40, UInt64>(repeating: 0)
  private var places = InlineArray<40, UInt16>(repeating: 0)
  private var sizes = InlineArray<40, UInt16>(repeating: 0)
  private var depth = 0
  /// Links that were met.
  private var count = 0
  /// The name that was taken last; one that is longer is no name.
  private var name = InlineArray<256, UInt8>(repeating: 0)

  init(_ path: UnsafeRawBufferPointer) { unsafe self.path = path }

  var isEmpty: Bool { unsafe depth == 0 && at == path.count }

  /// Goes on with the target of a link, and then with the rest.
  @inline(never)
  mutating func enter(_ link: Inode) throws(EROFSError) {
    guard link.size > 0, count < Self.maximumLinks else { throw .notFound }
    // No system follows a longer target.
    guard link.size < 4096 else { throw .unsupported(.pathLength, at: link.position) }
    links[depth] = link.nid
    places[depth] = 0
    sizes[depth] = UInt16(truncatingIfNeeded: link.size)
    depth += 1
    count += 1
  }

  /// Bytes from the place that was reached, to the buffer for a name; returns how many, 0 only at the end.
  @inline(never)
  private mutating func fetch<Source: Storage>(_ files: inout FileSystem<Source>) throws(EROFSError) -> Int {
    guard depth > 0 else {
      let part = unsafe UnsafeRawBufferPointer(rebasing: path[at..<min(path.count, at + 256)])
      unsafe withUnsafeMutableBytes(of: &name) { unsafe $0.copyMemory(from: part) }
      return part.count
    }
    let link = try files.volume.inode(links[depth - 1])
    try files.prepare(for: link)
    let place = FileOffset(places[depth - 1])
    return try unsafe withUnsafeMutableBytes(of: &name) { (buffer) throws(EROFSError) in
      try unsafe files.read(link, at: place, into: buffer)
    }
  }

  private mutating func advance(_ count: Int) {
    guard depth > 0 else {
      at += count
      return
    }
    places[depth - 1] &+= UInt16(truncatingIfNeeded: count)
    if places[depth - 1] >= sizes[depth - 1] { depth -= 1 }
  }

  /// Whether the target of the link that was entered last starts at the root.
  mutating func isAbsolute<Source: Storage>(_ files: inout FileSystem<Source>) throws(EROFSError) -> Bool {
    try fetch(&files) > 0 && name[0] == 0x2F
  }

  /// Takes the next name, which is to be looked for in `directory`; returns its length, 0 at the end.
  @inline(never)
  mutating func next<Source: Storage>(
    in directory: Inode, _ files: inout FileSystem<Source>
  ) throws(EROFSError) -> Int {
    while true {
      let available = try fetch(&files)
      guard available > 0 else {
        if depth == 0 { return 0 }
        // The link has become shorter since: on a damaged device.
        depth -= 1
        continue
      }
      var slashes = 0
      while slashes < available, name[slashes] == 0x2F { slashes += 1 }
      if slashes == 0 {
        var length = 0
        while length < available, name[length] != 0x2F { length += 1 }
        guard length < 256 else { throw .notFound }
        advance(length)
        return length
      }
      // What has a slash behind it is a directory, at the end too.
      guard directory.kind == .directory else { throw .notADirectory }
      advance(slashes)
    }
  }

  /// The entry of the name that was taken last: where it leads, nil where there is none.
  @inline(never)
  mutating func find<Source: Storage>(
    _ length: Int, in directory: Inode, _ files: inout FileSystem<Source>
  ) throws(EROFSError) -> UInt64? {
    let isDot = name[0] == 0x2E
    if isDot, length == 1 { return directory.nid }
    // Above the root there is the root, whatever its entry says.
    if isDot, length == 2, name[1] == 0x2E, directory.nid == files.volume.superblock.rootNID { return directory.nid }
    return try unsafe withUnsafeBytes(of: &name) { (bytes) throws(EROFSError) in
      let name = unsafe PageVector(unsafeContiguous: UnsafeRawBufferPointer(rebasing: bytes[..<length]))
      return try files.volume.entry(named: name, in: directory)?.nid
    }
  }
}

extension FileSystem {
  /// The inode at `path`, ready to be read, with symbolic links followed inside the image: its root is theirs. It takes 1.4 KB
  /// of stack more than ``open(_:)``.
  ///
  /// - Parameters:
  ///   - path: names with `/` between them, from the root; `..` is the directory above. One that ends with `/` means a
  ///     directory, also behind a link.
  ///   - last: whether the last name is followed too if it is a symbolic link.
  /// - Throws: `notFound`, also if more than 40 links would have to be followed; `notADirectory`;
  ///   `unsupported(.pathLength)` for a target of 4096 bytes or more; `memory` if the arena is too small for a file or
  ///   a directory on the way; other errors of the image or the storage.
  public mutating func follow(_ path: UnsafeRawBufferPointer, last: Bool = true) throws(EROFSError) -> Inode {
    var rest = unsafe PendingPath(path)
    var inode = try volume.inode(volume.superblock.rootNID)
    while true {
      try prepare(for: inode)
      if rest.isEmpty { return inode }
      let length = try rest.next(in: inode, &self)
      if length == 0 { continue }
      guard inode.kind == .directory else { throw .notADirectory }
      guard let nid = try rest.find(length, in: inode, &self) else { throw .notFound }
      let directory = inode.nid
      inode = try volume.inode(nid)
      guard inode.kind == .symbolicLink, last || !rest.isEmpty else { continue }
      try rest.enter(inode)
      inode = try volume.inode(rest.isAbsolute(&self) ? volume.superblock.rootNID : directory)
    }
  }
}
