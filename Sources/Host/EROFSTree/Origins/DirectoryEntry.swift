// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What the system says of a name in a directory, and what is read of it but its content.
struct DirectoryEntry: Sendable {
  let status: stat
  let metadata: Metadata
  /// Of a symbolic link.
  private(set) var target: [UInt8] = []
  private(set) var attributes: [ExtendedAttribute] = []
  /// What could not be read of the attributes, and is left out of them.
  private(set) var faults: [TreeError] = []

  /// Asks the system.
  init(of name: [UInt8], in directory: Int32, path: [UInt8], readsAttributes: Bool) throws(TreeError) {
    guard let status = FileCall.status(at: directory, name) else {
      if errno == ENOENT { throw .changed(.vanished, path: path) }
      throw .system(.examine, path: path, errno: errno)
    }
    try self.init(status, of: name, in: directory, path: path, readsAttributes: readsAttributes)
  }

  init(_ status: stat, of name: [UInt8], in directory: Int32, path: [UInt8], readsAttributes: Bool) throws(TreeError) {
    guard let kind = InodeKind(mode: UInt16(truncatingIfNeeded: status.st_mode)) else {
      throw .unknownKind(path: path, mode: UInt32(status.st_mode))
    }
    self.status = status
    metadata = Metadata(
      kind: kind, permissions: UInt16(truncatingIfNeeded: status.st_mode & 0o7777), user: status.st_uid,
      group: status.st_gid, time: status.modified,
      device: kind.isDevice ? status.deviceNumber : DeviceNumber(major: 0, minor: 0))
    if readsAttributes {
      var faults: [TreeError] = []
      attributes = try AttributeCall.all(of: name, in: directory, path: path) {
        faults.append($0)
        return true
      }
      self.faults = faults
    }
    if kind == .symbolicLink { target = try Self.target(of: name, in: directory, path: path) }
  }

  private static func target(of name: [UInt8], in directory: Int32, path: [UInt8]) throws(TreeError) -> [UInt8] {
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
}
