// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A tree from a directory on disk.
///
/// Only names are followed, never symbolic links, so nothing outside the directory is looked at, whatever changes it
/// meanwhile. The first thing that cannot be read ends it with an error; what is left out has to be excluded first. File
/// systems mounted inside are part of the tree. Two directories are open at a time at most, and depth takes no stack.
public struct DirectoryOrigin {
  /// Whether extended attributes are read.
  public var readsAttributes = true
  /// Called with each path before anything is read of it: false leaves it out, and all that is in it.
  public var includes: ((_ path: [UInt8]) throws(TreeError) -> Bool)?
  /// Called with what is wrong when the attributes of a file cannot be listed, or one of them cannot be read: true leaves
  /// them, or that one, out. Without it, as with false, reading ends with the error.
  public var skipsAttribute: ((TreeError) -> Bool)?

  private let root: OpenFile
  private var tree = Tree()
  /// The first name of every inode on disk that has several.
  private var links: [Identity: Tree.EntryID] = [:]

  struct Identity: Hashable {
    let device: UInt64
    let inode: UInt64

    init(_ status: stat) {
      device = UInt64(truncatingIfNeeded: status.st_dev)
      inode = UInt64(status.st_ino)
    }
  }

  public init(_ root: OpenFile) { self.root = root }

  /// Reads all but contents.
  public consuming func read() throws(TreeError) -> Tree {
    guard let status = FileCall.status(root.descriptor) else { throw .system(.examine, path: [], errno: errno) }
    guard status.st_mode & 0o170000 == 0o040000 else { throw .rootIsDirectory }
    let attributes = try attributes(of: [0x2E], in: root.descriptor, path: [])
    tree.replaceMetadata(of: Tree.root, try metadata(status, path: []), attributes: attributes)

    /// The way from the root to the directory that is open.
    var levels = [(entry: Tree.root, identity: Identity(status))]
    var current = OpenFile(owning: FileCall.open(at: root.descriptor, [0x2E], O_RDONLY | O_DIRECTORY))
    guard current.descriptor >= 0 else { throw .system(.open, path: [], errno: errno) }
    var pending = try list(current, Tree.root)
    while let directory = pending.popLast() {
      // Directories are taken depth first, so the next one's parent is this one or above it.
      let parent = tree.parent(of: directory)
      while levels[levels.count - 1].entry != parent {
        levels.removeLast()
        let above = FileCall.open(at: current.descriptor, [0x2E, 0x2E], FileCall.search | O_DIRECTORY)
        current = OpenFile(owning: above)
        guard above >= 0, let status = FileCall.status(above) else {
          throw .system(.open, path: tree.path(of: levels[levels.count - 1].entry), errno: errno)
        }
        // Someone moved the directory while it was read.
        guard Identity(status) == levels[levels.count - 1].identity else {
          throw .changed(.kind, path: tree.path(of: levels[levels.count - 1].entry))
        }
      }
      let opened = FileCall.open(at: current.descriptor, tree.name(of: directory), O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
      guard opened >= 0 else {
        let path = tree.path(of: directory)
        if errno == ENOENT { throw .changed(.vanished, path: path) }
        if errno == ENOTDIR || errno == ELOOP { throw .changed(.kind, path: path) }
        throw .system(.open, path: path, errno: errno)
      }
      current = OpenFile(owning: opened)
      guard let status = FileCall.status(opened) else {
        throw .system(.examine, path: tree.path(of: directory), errno: errno)
      }
      levels.append((directory, Identity(status)))
      pending += try list(current, directory)
    }
    tree.sort()
    return tree
  }

  /// Adds what is in the directory, and says which of it are directories, the last one first.
  private mutating func list(_ directory: OpenFile, _ parent: Tree.EntryID) throws(TreeError) -> [Tree.EntryID] {
    let base = tree.path(of: parent)
    var directories: [Tree.EntryID] = []
    let before = FileCall.status(directory.descriptor)?.state
    for name in try names(directory, path: base) {
      let path = base.isEmpty ? name : base + [0x2F] + name
      if let includes, try !includes(path) { continue }
      if let entry = try add(name, in: directory.descriptor, parent, path: path) { directories.append(entry) }
    }
    // A name that came or went meanwhile.
    guard let before, FileCall.status(directory.descriptor)?.state.changeTime == before.changeTime else {
      throw .changed(.modified, path: base)
    }
    return directories.reversed()
  }

  /// In the order of their bytes, whatever the file system's is.
  private func names(_ directory: OpenFile, path: [UInt8]) throws(TreeError) -> [[UInt8]] {
    // The stream closes the descriptor that it is given.
    let copy = fcntl(directory.descriptor, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0, let stream = fdopendir(copy) else { throw .system(.list, path: path, errno: errno) }
    defer { closedir(stream) }
    var names: [[UInt8]] = []
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        if errno == EINTR { continue }
        if errno != 0 { throw .system(.list, path: path, errno: errno) }
        break
      }
      let start = UnsafeRawPointer(entry) + MemoryLayout<dirent>.offset(of: \.d_name)!
      let name = [UInt8](UnsafeRawBufferPointer(start: start, count: strlen(start.assumingMemoryBound(to: CChar.self))))
      if name != [0x2E], name != [0x2E, 0x2E] { names.append(name) }
    }
    return names.sorted { $0.lexicographicallyPrecedes($1) }
  }

  private mutating func add(
    _ name: [UInt8], in directory: Int32, _ parent: Tree.EntryID, path: [UInt8]
  ) throws(TreeError) -> Tree.EntryID? {
    guard let status = FileCall.status(at: directory, name) else {
      if errno == ENOENT { throw .changed(.vanished, path: path) }
      throw .system(.examine, path: path, errno: errno)
    }
    let metadata = try metadata(status, path: path)
    if metadata.kind != .directory, status.st_nlink > 1 {
      if let first = links[Identity(status)] {
        try tree.link(name, in: parent, to: tree.inode(of: first))
        return nil
      }
    }
    let attributes = try attributes(of: name, in: directory, path: path)
    let target = metadata.kind == .symbolicLink ? try target(of: name, in: directory, path: path) : []
    let content: Content? = metadata.kind == .regular ? .entry(in: root, status.state) : nil
    let entry = try tree.put(name, in: parent, metadata, content: content, target: target, attributes: attributes)
    if metadata.kind == .directory { return entry }
    if status.st_nlink > 1 { links[Identity(status)] = entry }
    return nil
  }

  private func metadata(_ status: stat, path: [UInt8]) throws(TreeError) -> Metadata {
    guard let kind = InodeKind(mode: UInt16(truncatingIfNeeded: status.st_mode)) else {
      throw .unknownKind(path: path, mode: UInt32(status.st_mode))
    }
    return Metadata(
      kind: kind, permissions: UInt16(truncatingIfNeeded: status.st_mode & 0o7777), user: status.st_uid,
      group: status.st_gid, time: status.modified,
      device: kind.isDevice ? status.deviceNumber : DeviceNumber(major: 0, minor: 0))
  }

  private func target(of name: [UInt8], in directory: Int32, path: [UInt8]) throws(TreeError) -> [UInt8] {
    // One byte more than the longest that there is.
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = bytes.withUnsafeMutableBytes { buffer in
      FileCall.withName(name) {
        readlinkat(directory, $0, buffer.baseAddress!.assumingMemoryBound(to: CChar.self), buffer.count)
      }
    }
    if count < 0 {
      if errno == ENOENT { throw .changed(.vanished, path: path) }
      if errno == EINVAL { throw .changed(.kind, path: path) }
      throw .system(.readLink, path: path, errno: errno)
    }
    return Array(bytes.prefix(count))
  }

  private func attributes(of name: [UInt8], in directory: Int32, path: [UInt8]) throws(TreeError) -> [ExtendedAttribute]
  {
    guard readsAttributes else { return [] }
    return try AttributeCall.all(of: name, in: directory, path: path) { skipsAttribute?($0) ?? false }
  }
}
