// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CWriteback
import SystemPackage

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A file that appears under its name only when it is whole.
///
/// Until ``publish()`` it has no name at all where the file system allows that (`O_TMPFILE`), and then a killed process
/// leaves nothing; elsewhere it has a temporary name in the same directory, which ``discard()`` and `deinit` remove. A
/// block device is written in place: it has no other. One thread writes; others may read what it has written.
package final class OutputFile: @unchecked Sendable {
  /// Why a file could not be made or written.
  package struct Failure: Error, CustomStringConvertible {
    package let path: FilePath
    package let action: String
    package let reason: Errno
    /// If there is no space: where, and what to do.
    private let place: String

    init(path: FilePath, action: String, reason: Errno) {
      (self.path, self.action, self.reason) = (path, action, reason)
      place = reason == .noSpace || reason == .diskQuotaExceeded ? Self.place(of: path) : ""
    }

    package var description: String { "\(path): \(action) failed: \(reason)\(place)" }

    private static func place(of path: FilePath) -> String {
      if OutputFile.isBlockDevice(path) { return "; the image is larger than this device" }
      guard let system = FileSystemSpace(holding: path) else { return "" }
      return
        "; the file system at \(system.mountPoint) has \(system.freeBytes) bytes left: make room there, or choose an "
        + "output elsewhere"
    }
  }

  /// A destination that is neither a regular file, nor absent, nor a block device.
  package struct UnsuitableDestination: Error, CustomStringConvertible {
    package let path: FilePath
    package let kind: String
    package var description: String { "\(path): is \(kind), and an image needs a regular file or a block device" }
  }

  /// The destination, with symbolic links resolved: a link keeps pointing at the file that is replaced, or at the one that is
  /// made where it leads to nothing.
  package let path: FilePath
  package let isBlockDevice: Bool
  package let descriptor: FileDescriptor
  private let directory: FileDescriptor
  private let name: String
  private var temporaryName: String?
  private var isOpen = true
  /// Whether it never gets a name.
  private var isTrial = false

  /// Creates the file, or opens the block device. A file that replaces another has that one's owner, as far as this process
  /// may give it, and permissions.
  ///
  /// - Parameter mode: permissions of a new file, of which the process's umask takes some away.
  package init(_ path: FilePath, mode: mode_t = 0o666) throws {
    guard let resolved = path.destination else {
      throw Failure(path: path, action: "opening", reason: .tooManySymbolicLinkLevels)
    }
    self.path = resolved
    guard let last = resolved.lastComponent, last.kind == .regular else {
      throw UnsuitableDestination(path: path, kind: "a directory")
    }
    name = last.string
    var status = stat()
    let exists = resolved.withPlatformString { stat($0, &status) } == 0
    switch exists ? status.st_mode & S_IFMT : S_IFREG {
    case S_IFREG: isBlockDevice = false
    case S_IFBLK: isBlockDevice = true
    case S_IFDIR: throw UnsuitableDestination(path: path, kind: "a directory")
    case S_IFIFO: throw UnsuitableDestination(path: path, kind: "a FIFO")
    case S_IFSOCK: throw UnsuitableDestination(path: path, kind: "a socket")
    default: throw UnsuitableDestination(path: path, kind: "a character device")
    }
    let folder = resolved.removingLastComponent()
    directory = try Self.opened(folder.isEmpty ? "." : folder, "opening") {
      openat(AT_FDCWD, $0, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    }
    do {
      if isBlockDevice {
        // Nothing that is mounted or otherwise in use.
        descriptor = try Self.opened(resolved, "opening") { openat(AT_FDCWD, $0, O_RDWR | O_EXCL | O_CLOEXEC) }
      } else {
        (descriptor, temporaryName) = try Self.createUnnamed(in: directory, resolved, name, exists ? 0o600 : mode)
        if exists {
          // Before the first byte is in it: what others may not read they shall not read meanwhile.
          let keepsGroup =
            fchown(descriptor.rawValue, status.st_uid, status.st_gid) == 0
            || fchown(descriptor.rawValue, uid_t.max, status.st_gid) == 0
          _ = fchmod(descriptor.rawValue, status.st_mode & (keepsGroup ? 0o777 : 0o707))
        }
      }
    } catch {
      try? directory.close()
      throw error
    }
  }

  /// A file that never gets a name, in the directory of `path`, or of a block device in the directory for temporary files.
  package convenience init(trialBeside path: FilePath) throws {
    let folder = Self.folder(forTemporaryFilesOf: path)
    try self.init(folder.appending(Self.temporaryName(for: "trial")))
    isTrial = true
  }

  /// Whether a file at `path` would be written in place, so that what is there before is lost with the first byte.
  package static func isBlockDevice(_ path: FilePath) -> Bool {
    var status = stat()
    return path.withPlatformString { stat($0, &status) } == 0 && status.st_mode & S_IFMT == S_IFBLK
  }

  /// Where temporary files for an output at `path` are.
  package static func folder(forTemporaryFilesOf path: FilePath) -> FilePath {
    let path = path.destination ?? path
    if isBlockDevice(path) { return FilePath(getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp") }
    let folder = path.removingLastComponent()
    return folder.isEmpty ? "." : folder
  }

  deinit { discard() }

  private static func opened(
    _ path: FilePath, _ action: String, _ body: (UnsafePointer<CChar>) -> Int32
  ) throws -> FileDescriptor {
    while true {
      let file = path.withPlatformString(body)
      if file >= 0 { return FileDescriptor(rawValue: file) }
      if errno != EINTR { throw Failure(path: path, action: action, reason: Errno(rawValue: errno)) }
    }
  }

  private static func createUnnamed(
    in directory: FileDescriptor, _ path: FilePath, _ name: String, _ mode: mode_t
  ) throws -> (FileDescriptor, String?) {
    #if os(Linux)
      // O_TMPFILE, which the C importer does not show: it is a flag of its own and O_DIRECTORY.
      let unnamed = openat(directory.rawValue, ".", 0o20000000 | O_DIRECTORY | O_RDWR | O_CLOEXEC, mode)
      if unnamed >= 0 { return (FileDescriptor(rawValue: unnamed), nil) }
    #endif
    for _ in 0..<100 {
      let temporary = Self.temporaryName(for: name)
      let file = openat(directory.rawValue, temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
      if file >= 0 { return (FileDescriptor(rawValue: file), temporary) }
      guard errno == EEXIST || errno == EINTR else { break }
    }
    throw Failure(path: path, action: "creating", reason: Errno(rawValue: errno))
  }

  /// A name beside `name`, no longer than names may be.
  private static func temporaryName(for name: String) -> String {
    let suffix = String(UInt64.random(in: 0...UInt64.max), radix: 36)
    return ".\(String(decoding: name.utf8.prefix(200), as: UTF8.self)).\(suffix)"
  }

  /// Writes `bytes` at a byte offset; what is never written reads as zeros.
  package func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws {
    do throws(Errno) { try WholeTransfer.write(bytes, to: descriptor, at: offset) } catch {
      throw Failure(path: path, action: "writing", reason: error)
    }
  }

  /// Makes this a copy of the first `count` bytes of a file, with its permissions. File systems that can do that share the
  /// blocks; holes are not written.
  ///
  /// - Parameter progress: is called with the bytes that are done; what it throws ends the copy.
  package func copy(_ source: FileDescriptor, count: UInt64, progress: (UInt64) throws -> Void) throws {
    var status = stat()
    if fstat(source.rawValue, &status) == 0 { _ = fchmod(descriptor.rawValue, status.st_mode & 0o7777) }
    #if os(Linux)
      // FICLONE, which the C importer does not show.
      if ioctl(descriptor.rawValue, 0x4004_9409, source.rawValue) == 0 { return try setSize(count) }
    #endif
    try setSize(count)
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    var done: UInt64 = 0
    while let start = Self.data(in: source, after: done, isDevice: false), start < count {
      done = start
      let part = Int(min(UInt64(buffer.count), count - done))
      let read = try buffer.withUnsafeMutableBytes { bytes in
        try source.read(fromAbsoluteOffset: Int64(done), into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<part]))
      }
      guard read > 0 else { throw Failure(path: path, action: "copying what is added to", reason: .ioError) }
      try buffer.withUnsafeBytes { try write(UnsafeRawBufferPointer(rebasing: $0[..<read]), at: done) }
      done += UInt64(read)
      try progress(done)
    }
  }

  /// Fills the whole of `buffer` with what was written at a byte offset.
  package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws {
    do throws(Errno) { try WholeTransfer.read(into: buffer, from: descriptor, at: offset) } catch {
      throw Failure(path: path, action: "reading", reason: error)
    }
  }

  /// The first byte at or after `offset` that was written, as far as the file system knows; nil if only zeros follow.
  package func data(after offset: UInt64) -> UInt64? {
    Self.data(in: descriptor, after: offset, isDevice: isBlockDevice)
  }

  private static func data(in file: FileDescriptor, after offset: UInt64, isDevice: Bool) -> UInt64? {
    #if os(Linux)
      let seekData: Int32 = 3
    #else
      let seekData = SEEK_DATA
    #endif
    let found = lseek(file.rawValue, off_t(offset), seekData)
    if found >= 0 { return UInt64(found) }
    return errno == ENXIO && !isDevice ? nil : offset
  }

  /// Makes the file `size` bytes long; a block device must hold as many.
  package func setSize(_ size: UInt64) throws {
    if isBlockDevice {
      let available = UInt64(try descriptor.seek(offset: 0, from: .end))
      guard available >= size else { throw Failure(path: path, action: "writing", reason: .noSpace) }
    } else if ftruncate(descriptor.rawValue, off_t(size)) != 0 {
      throw Failure(path: path, action: "setting the size", reason: Errno(rawValue: errno))
    }
  }

  /// Bytes that it may have: those of a block device, or what the file system has left; nil if that cannot be found out.
  package var freeBytes: UInt64? {
    if isBlockDevice { return (try? descriptor.seek(offset: 0, from: .end)).map { UInt64($0) } }
    return FileSystemSpace(holding: path)?.mostBytes
  }

  /// Lets the system begin to put these bytes on disk. It may take a moment to ask for that, where a disk has much to do.
  package func startWriting(_ range: Range<UInt64>) {
    if isTrial { return }
    #if os(Linux)
      // SYNC_FILE_RANGE_WRITE. Failures show when all is synced.
      _ = sync_file_range(descriptor.rawValue, off_t(range.lowerBound), off_t(range.count), 2)
    #endif
  }

  /// Puts all on disk.
  package func sync() throws {
    guard fsync(descriptor.rawValue) == 0 else {
      throw Failure(path: path, action: "syncing", reason: Errno(rawValue: errno))
    }
  }

  /// Puts all on disk, then gives the file its name. What had that name before is replaced at once.
  package func publish() throws {
    try sync()
    guard !isBlockDevice else { return close() }
    if temporaryName == nil {
      let own = "/proc/self/fd/\(descriptor.rawValue)"
      if linkat(AT_FDCWD, own, directory.rawValue, name, AT_SYMLINK_FOLLOW) == 0 { return finish() }
      guard errno == EEXIST else { throw Failure(path: path, action: "naming", reason: Errno(rawValue: errno)) }
      let temporary = Self.temporaryName(for: name)
      guard linkat(AT_FDCWD, own, directory.rawValue, temporary, AT_SYMLINK_FOLLOW) == 0 else {
        throw Failure(path: path, action: "naming", reason: Errno(rawValue: errno))
      }
      temporaryName = temporary
    }
    guard renameat(directory.rawValue, temporaryName!, directory.rawValue, name) == 0 else {
      throw Failure(path: path, action: "renaming", reason: Errno(rawValue: errno))
    }
    temporaryName = nil
    finish()
  }

  private func finish() {
    Self.sync(directory)
    close()
  }

  /// Puts on disk what names a directory has: they too have to survive a power cut. Not every file system can.
  private static func sync(_ directory: FileDescriptor) { _ = fsync(directory.rawValue) }

  /// The same for the directory that `path` is in.
  package static func syncFolder(of path: FilePath) {
    let folder = path.removingLastComponent()
    guard let directory = try? FileDescriptor.open(folder.isEmpty ? "." : folder, .readOnly, options: .closeOnExec)
    else { return }
    sync(directory)
    try? directory.close()
  }

  /// Throws the file away, unless it is published.
  package func discard() {
    if let temporaryName { _ = unlinkat(directory.rawValue, temporaryName, 0) }
    temporaryName = nil
    close()
  }

  private func close() {
    guard isOpen else { return }
    isOpen = false
    try? descriptor.close()
    try? directory.close()
  }
}
