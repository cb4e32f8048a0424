// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Goes through the directories of a tree on disk, depth first, and lists them: names in the order of their bytes, and a
/// directory's before those in its directories.
struct DirectoryWalk {
  struct Name: Sendable {
    let bytes: [UInt8]
    let isDirectory: Bool
  }

  /// Names in one directory.
  struct Part: Sendable {
    let directory: OpenFile
    /// Of the directory, in the order in which names of directories are listed; the root's is 0.
    let number: Int
    let path: [UInt8]
    var names: ArraySlice<Name>
    /// Whether what is a directory was learned from the directory, as far as it says that.
    let isTrusting: Bool
    /// State of the directory before it was listed, if these are the last names of it.
    var stateBefore: FileState?

    /// A part, and what its names are, up to the first that cannot be examined.
    struct Found: Sendable {
      let part: Part
      let entries: [Result<DirectoryEntry, TreeError>]
    }

    func path(of name: [UInt8]) -> [UInt8] { Self.path(of: name, in: path) }

    static func path(of name: [UInt8], in path: [UInt8]) -> [UInt8] { path.isEmpty ? name : path + [0x2F] + name }

    /// Asks the system what the names are.
    func examined(readsAttributes: Bool) -> Found {
      var entries: [Result<DirectoryEntry, TreeError>] = []
      entries.reserveCapacity(names.count)
      for name in names {
        do throws(TreeError) {
          let path = path(of: name.bytes)
          let entry = try DirectoryEntry(
            of: name.bytes, in: directory.descriptor, path: path, readsAttributes: readsAttributes)
          entries.append(.success(entry))
        } catch {
          entries.append(.failure(error))
          break
        }
      }
      return Found(part: self, entries: entries)
    }
  }

  /// A directory that has been found, and not been listed.
  private struct Waiting {
    let number: Int
    let parent: Int
    let name: [UInt8]
  }

  private let includes: ((_ path: [UInt8]) throws(TreeError) -> Bool)?
  private let trustsDirectories: Bool
  /// The way from the root, whose name is empty, to the directory that is open.
  private var levels: [(number: Int, identity: DirectoryOrigin.Identity, name: [UInt8])]
  private var current: OpenFile
  /// The next one is the last.
  private var waiting: [Waiting] = []
  private var found = 1
  /// What has been listed, and not been given out.
  private var rest: Part?

  /// Names for which it is worth to bring another thread in, and the most for one.
  private static let fewNames = 64
  private static let mostNames = 256
  /// Each keeps a directory open, and has its path.
  private static let mostParts = 4
  private static let mostPathBytes = 1 << 16

  /// - Parameter trustsDirectories: whether the system is asked what a name is only where the directory does not say it.
  init(
    _ root: OpenFile, trustsDirectories: Bool, includes: ((_ path: [UInt8]) throws(TreeError) -> Bool)?
  ) throws(TreeError) {
    self.includes = includes
    self.trustsDirectories = trustsDirectories
    current = OpenFile(owning: FileCall.open(at: root.descriptor, [0x2E], O_RDONLY | O_DIRECTORY))
    guard current.descriptor >= 0, let status = FileCall.status(current.descriptor) else {
      throw .system(.open, path: [], errno: errno)
    }
    levels = [(0, .init(status), [])]
    rest = try list(status)
  }

  /// Appends parts with enough names for a thread; none at the end.
  mutating func next(_ parts: inout [Part]) throws(TreeError) {
    var (names, pathBytes) = (0, 0)
    while names < Self.fewNames, parts.count < Self.mostParts, pathBytes < Self.mostPathBytes {
      if rest == nil { rest = try listNext() }
      guard var part = rest else { return }
      let later = part.names.dropFirst(Self.mostNames)
      rest = later.isEmpty ? nil : part
      rest?.names = later
      if !later.isEmpty { (part.names, part.stateBefore) = (part.names.prefix(Self.mostNames), nil) }
      names += part.names.count
      pathBytes += part.path.count
      parts.append(part)
    }
  }

  /// The path of the directory that is open. Those of the directories above it are not kept: they would take the square of
  /// the depth.
  private var path: [UInt8] {
    var path: [UInt8] = []
    for level in levels.dropFirst() {
      if !path.isEmpty { path.append(0x2F) }
      path += level.name
    }
    return path
  }

  private mutating func listNext() throws(TreeError) -> Part? {
    guard let next = waiting.popLast() else { return nil }
    // Depth first, so its parent is the open directory or above it.
    while levels[levels.count - 1].number != next.parent {
      levels.removeLast()
      let above = FileCall.open(at: current.descriptor, [0x2E, 0x2E], FileCall.search | O_DIRECTORY)
      current = OpenFile(owning: above)
      guard above >= 0, let status = FileCall.status(above) else { throw .system(.open, path: path, errno: errno) }
      // Someone moved the directory while it was read.
      guard DirectoryOrigin.Identity(status) == levels[levels.count - 1].identity else {
        throw .changed(.kind, path: path)
      }
    }
    let opened = FileCall.open(at: current.descriptor, next.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    let number = errno
    current = opened >= 0 ? OpenFile(owning: opened) : current
    guard opened >= 0, let status = FileCall.status(opened) else {
      let path = Part.path(of: next.name, in: path)
      if opened >= 0 { throw .system(.examine, path: path, errno: errno) }
      if number == ENOENT { throw .changed(.vanished, path: path) }
      if number == ENOTDIR || number == ELOOP { throw .changed(.kind, path: path) }
      throw .system(.open, path: path, errno: number)
    }
    levels.append((next.number, .init(status), next.name))
    return try list(status)
  }

  /// Lists the open directory; the directories in it wait.
  private mutating func list(_ status: stat) throws(TreeError) -> Part {
    let (path, parent) = (path, levels[levels.count - 1].number)
    var names: [Name] = []
    var directories: [Waiting] = []
    for (name, type) in try entries(path: path) {
      if let includes, try !includes(Part.path(of: name, in: path)) { continue }
      let isDirectory =
        if trustsDirectories, type != DT_UNKNOWN { type == DT_DIR } else {
          // If it is gone, whoever examines it says so.
          FileCall.status(at: current.descriptor, name).map { $0.st_mode & 0o170000 == 0o040000 } ?? false
        }
      if isDirectory {
        directories.append(Waiting(number: found, parent: parent, name: name))
        found += 1
      }
      names.append(Name(bytes: name, isDirectory: isDirectory))
    }
    waiting += directories.reversed()
    return Part(
      directory: current, number: parent, path: path, names: names[...], isTrusting: trustsDirectories,
      stateBefore: status.state)
  }

  /// In the order of their bytes, whatever the file system's is.
  private func entries(path: [UInt8]) throws(TreeError) -> [(name: [UInt8], type: Int32)] {
    // The stream closes the descriptor that it is given.
    let copy = fcntl(current.descriptor, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0, let stream = fdopendir(copy) else { throw .system(.list, path: path, errno: errno) }
    defer { closedir(stream) }
    var entries: [(name: [UInt8], type: Int32)] = []
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        if errno == EINTR { continue }
        if errno != 0 { throw .system(.list, path: path, errno: errno) }
        break
      }
      let start = UnsafeRawPointer(entry) + MemoryLayout<dirent>.offset(of: \.d_name)!
      let name = [UInt8](UnsafeRawBufferPointer(start: start, count: strlen(start.assumingMemoryBound(to: CChar.self))))
      if name != [0x2E], name != [0x2E, 0x2E] { entries.append((name, Int32(entry.pointee.d_type))) }
    }
    return entries.sorted { $0.name.lexicographicallyPrecedes($1.name) }
  }
}
