// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import SystemPackage

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Bytes that do not fit in memory, in a file without a name beside the output. It is written at its end, and may be read by
/// several threads once ``flush()`` was called.
package final class SpoolFile: @unchecked Sendable {
  private let file: FileDescriptor
  private let directory: FilePath
  package private(set) var count: UInt64 = 0
  private var pending: [UInt8] = []
  private static let bufferBytes = 1 << 20

  /// - Parameter path: the output: the spool is in the same directory, and of a block device in the directory for temporary
  ///   files.
  package convenience init(beside output: OutputFile) throws { try self.init(besideOutputAt: output.path) }

  /// - Parameter path: of an output that need not exist yet.
  package init(besideOutputAt path: FilePath) throws {
    directory = OutputFile.folder(forTemporaryFilesOf: path)
    file = try Self.create(in: directory)
  }

  deinit { try? file.close() }

  private static func create(in directory: FilePath) throws -> FileDescriptor {
    #if os(Linux)
      // O_TMPFILE, as in OutputFile.
      let unnamed = directory.withPlatformString { open($0, 0o20000000 | O_DIRECTORY | O_RDWR | O_CLOEXEC, 0o600) }
      if unnamed >= 0 { return FileDescriptor(rawValue: unnamed) }
    #endif
    var template = Array(directory.appending(".erofs-XXXXXX").string.utf8CString)
    let named = mkstemp(&template)
    guard named >= 0 else {
      throw OutputFile.Failure(path: directory, action: "creating a temporary file", reason: Errno(rawValue: errno))
    }
    _ = fcntl(named, F_SETFD, FD_CLOEXEC)
    unlink(template)
    return FileDescriptor(rawValue: named)
  }

  /// Adds bytes and says where they are.
  package func append(_ bytes: UnsafeRawBufferPointer) throws -> UInt64 {
    let start = count
    if pending.count + bytes.count > Self.bufferBytes { try flush() }
    pending.append(contentsOf: bytes)
    count += UInt64(bytes.count)
    if pending.count >= Self.bufferBytes { try flush() }
    return start
  }

  package func flush() throws {
    try pending.withUnsafeBytes { bytes in
      do throws(Errno) { try WholeTransfer.write(bytes, to: file, at: count - UInt64(bytes.count)) } catch {
        throw failure("writing a temporary file", error)
      }
    }
    pending.removeAll(keepingCapacity: true)
  }

  /// Fills `buffer` with the bytes from `offset` on, all of which were flushed.
  package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws {
    do throws(Errno) { try WholeTransfer.read(into: buffer, from: file, at: offset) } catch {
      throw failure("reading a temporary file", error)
    }
  }

  /// A descriptor of the same file for a reader that outlives this.
  package func duplicate() throws -> Int32 {
    let copy = fcntl(file.rawValue, F_DUPFD_CLOEXEC, 0)
    if copy < 0 { throw failure("opening a temporary file", Errno(rawValue: errno)) }
    return copy
  }

  private func failure(_ action: String, _ reason: Errno) -> OutputFile.Failure {
    OutputFile.Failure(path: directory, action: action, reason: reason)
  }
}
