// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What a system that mounts an image needs of it, whatever its interface is: FUSE, or FSKit.
///
/// All methods may be called by several threads at once. Inode numbers are positive, stay the same for the same image, and
/// 1 is the root's.
public protocol FileSystemOperations: Sendable {
  func attributes(of inode: UInt64) throws(SystemError) -> FileAttributes
  /// The entry of that name; nil for none.
  func lookUp(_ name: UnsafeRawBufferPointer, in directory: UInt64) throws(SystemError) -> FileAttributes?
  func target(ofLink inode: UInt64) throws(SystemError) -> [UInt8]
  /// Passes the entries of a directory, from a place on, to `body`, until that returns false: the next call begins with
  /// the entry that it refused.
  ///
  /// - Parameters:
  ///   - cookie: 0 for the first entry, or the `next` of the last one that `body` took.
  ///   - withAttributes: whether entries have `attributes`.
  func forEachEntry(
    of directory: UInt64, from cookie: UInt64, withAttributes: Bool, _ body: (ServedEntry) -> Bool
  ) throws(SystemError)
  /// Passes `count` bytes of a file from `offset` on, fewer only at its end, to `body`, as pieces that follow one another.
  /// It is called once, unless there is an error. The pieces are valid until it returns.
  func read(
    _ inode: UInt64, at offset: UInt64, count: Int, _ body: ([UnsafeRawBufferPointer]) -> Void
  ) throws(SystemError)
  /// All names of extended attributes, each with a 0 after it.
  func attributeNames(of inode: UInt64) throws(SystemError) -> [UInt8]
  func attribute(named name: UnsafeRawBufferPointer, of inode: UInt64) throws(SystemError) -> [UInt8]
  var statistics: FileSystemStatistics { get }
  /// Does a short piece of work for requests that will probably come; false if there is none. To be called, again and again,
  /// while there is no request.
  func prepare() -> Bool
}

extension FileSystemOperations {
  public func prepare() -> Bool { false }
}

/// An errno.
public struct SystemError: Error, Equatable, Sendable {
  public let code: Int32
  public init(code: Int32) { self.code = code }
}

extension SystemError {
  /// The errno that is closest to an error of the reader.
  init(_ error: EROFSError) {
    switch error {
    #if os(Linux)
      case .corrupt: code = EUCLEAN
    #else
      case .corrupt: code = EIO
    #endif
    case .undecodable: code = EIO
    case .unsupported: code = EOPNOTSUPP
    case .storage(let error, _): code = error.code > 0 ? error.code : EIO
    case .memory: code = ENOMEM
    case .notFound: code = ENOENT
    case .notADirectory: code = ENOTDIR
    case .notAFile: code = EINVAL
    }
  }
}

public struct FileAttributes: Equatable, Sendable {
  public var inode: UInt64
  public var kind: InodeKind
  /// Permission bits, 0 ... 0o7777.
  public var permissions: UInt16
  public var linkCount: UInt32
  public var userID: UInt32
  public var groupID: UInt32
  public var device: DeviceNumber?
  /// In bytes.
  public var size: UInt64
  /// Units of 512 bytes that its data takes on the device.
  public var blocks: UInt64
  /// Seconds since 1970, and nanoseconds.
  public var modificationTime: (seconds: Int64, nanoseconds: UInt32)

  public static func == (a: FileAttributes, b: FileAttributes) -> Bool {
    a.inode == b.inode && a.kind == b.kind && a.permissions == b.permissions && a.linkCount == b.linkCount
      && a.userID == b.userID && a.groupID == b.groupID && a.device == b.device && a.size == b.size
      && a.blocks == b.blocks && a.modificationTime == b.modificationTime
  }
}

/// An entry of a directory.
public struct ServedEntry {
  /// Valid until the body returns.
  public let name: UnsafeRawBufferPointer
  public let inode: UInt64
  public let kind: InodeKind?
  /// Nil if they were not requested or cannot be read, and for `.` and `..`.
  public let attributes: FileAttributes?
  /// The cookie of the next entry.
  public let next: UInt64
}

public struct FileSystemStatistics: Sendable {
  public let blockSize: Int
  public let blocks: UInt64
  public let inodes: UInt64
}
