// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Opens contents of one tree, as it is when this is made. Each thread takes its own. Holds some directories open, because
/// the next file is mostly in one of those of the last files, or near it.
public struct ContentOpener: ~Copyable {
  /// Directories of sources, the one that was used last at the end.
  private var directories: [(store: UInt32, directory: UInt32, file: OpenFile)] = []
  /// For each thread, and a process may have few.
  private static let mostOpen = 4

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
      let location = Array(tree.pool[record.place])
      let descriptor = FileCall.open(at: directory.descriptor, location, O_RDONLY | O_NONBLOCK)
      return try reader(descriptor, path: location, record)
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
    let status = try ContentReader.verify(file, is: state, path: path)
    // The system need not be asked where holes are.
    let isDense = UInt64(clamping: status.st_blocks) >= (record.size + 511) / 512
    return ContentReader(path: path, size: record.size, origin: .file(file, state, isDense: isDense))
  }

  /// Step by step from the root of the source, or from an open directory, so that no link is followed and a path of any
  /// length does.
  private mutating func directory(
    _ entry: Tree.EntryID, store: UInt32, root: OpenFile
  ) throws(TreeError) -> OpenFile {
    var steps: [Tree.EntryID] = []
    var start = root
    var step = entry
    while step != Tree.root {
      if let place = directories.lastIndex(where: { $0.store == store && $0.directory == step.number }) {
        start = directories[place].file
        directories.append(directories.remove(at: place))
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
      if directories.count == Self.mostOpen { directories.removeFirst() }
      directories.append((store, next.number, start))
    }
    return start
  }
}
