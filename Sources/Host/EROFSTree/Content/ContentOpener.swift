// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Opens contents of one tree, as it is when this is made. Each thread takes its own. Holds one directory open, that of the
/// last file, because the next file is mostly in it too.
public struct ContentOpener: ~Copyable {
  private var cached: (store: UInt32, directory: UInt32, file: OpenFile)?

  private let tree: Tree

  public init(_ tree: Tree) { self.tree = tree }

  /// The content of a regular file, which must be finished with `finish` when all has been read. Any name of a
  /// file with several does.
  public mutating func open(_ entry: Tree.EntryID) throws(TreeError) -> ContentReader {
    precondition(tree.kind(of: entry) == .regular)
    let path = tree.path(of: entry)
    guard let record = tree.contentRecord(of: tree.inode(of: entry)) else {
      return ContentReader(path: path, size: 0, origin: .bytes([], 0))
    }
    switch tree.stores[Int(record.store)] {
    case .bytes(let bytes):
      return ContentReader(path: path, size: record.size, origin: .bytes(bytes, Int(record.first)))
    case .file(let file):
      return ContentReader(path: path, size: record.size, origin: .range(file, record.first))
    case .sparse(let file):
      return ContentReader(
        path: path, size: record.size, origin: .sparse(file, tree.pieces[Int(record.second)]))
    case .device, .referred: throw .onlyReferred(path: path)
    case .foreign(let contents):
      return ContentReader(path: path, size: record.size, origin: .foreign(contents, record.first))
    case .paths(let directory):
      let descriptor = FileCall.open(at: directory.descriptor, tree.pool[record.place], O_RDONLY | O_NONBLOCK)
      return try reader(descriptor, path: path, record)
    case .entries(let root):
      // The name that it was found at, even if it has others.
      let entry = Tree.EntryID(record.place)
      let directory = try directory(tree.parent(of: entry), store: record.store, root: root)
      let descriptor = FileCall.open(
        at: directory.descriptor, tree.name(of: entry), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
      return try reader(descriptor, path: tree.path(of: entry), record)
    }
  }

  private func reader(_ descriptor: Int32, path: [UInt8], _ record: ContentRecord) throws(TreeError) -> ContentReader {
    guard descriptor >= 0 else {
      if errno == ENOENT || errno == ENOTDIR { throw .changed(.vanished, path: path) }
      if errno == ELOOP { throw .changed(.kind, path: path) }
      throw .system(.open, path: path, errno: errno)
    }
    let file = OpenFile(owning: descriptor)
    let state = FileState(size: record.size, inode: record.first, changeTime: record.second)
    try ContentReader.verify(file, is: state, path: path)
    return ContentReader(path: path, size: record.size, origin: .file(file, state))
  }

  /// Step by step from the root of the source, or from the last directory, so that no link is followed and a path of any
  /// length does.
  private mutating func directory(
    _ entry: Tree.EntryID, store: UInt32, root: OpenFile
  ) throws(TreeError) -> OpenFile {
    if let cached, cached.store == store, cached.directory == entry.number { return cached.file }
    var steps: [Tree.EntryID] = []
    var start = root
    var step = entry
    while step != Tree.root {
      if let cached, cached.store == store, cached.directory == step.number {
        start = cached.file
        break
      }
      steps.append(step)
      step = tree.parent(of: step)
    }
    while let next = steps.popLast() {
      let descriptor = FileCall.open(
        at: start.descriptor, tree.name(of: next), FileCall.search | O_DIRECTORY | O_NOFOLLOW)
      guard descriptor >= 0 else {
        if errno == ENOENT { throw .changed(.vanished, path: tree.path(of: next)) }
        if errno == ENOTDIR || errno == ELOOP { throw .changed(.kind, path: tree.path(of: next)) }
        throw .system(.open, path: tree.path(of: next), errno: errno)
      }
      start = OpenFile(owning: descriptor)
    }
    cached = (store, entry.number, start)
    return start
  }
}
