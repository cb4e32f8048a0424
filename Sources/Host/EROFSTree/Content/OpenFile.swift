// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A descriptor that is closed when its last user is gone.
public final class OpenFile: Sendable {
  public let descriptor: Int32

  /// Takes the descriptor over.
  public init(owning descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// A directory to start from. A symbolic link at `path` itself is followed: it is what the caller named.
  public static func directory(_ path: String) throws(TreeError) -> OpenFile {
    OpenFile(owning: try opened(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
  }

  /// A file for reading: an archive. A FIFO is opened too, without waiting for its writer, and cannot be read.
  public static func file(_ path: String) throws(TreeError) -> OpenFile {
    OpenFile(owning: try opened(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK))
  }

  private static func opened(_ path: String, _ flags: Int32) throws(TreeError) -> Int32 {
    while true {
      let file = open(path, flags)
      if file >= 0 { return file }
      if errno != EINTR { throw .system(.open, path: Array(path.utf8), errno: errno) }
    }
  }

  /// Up to `buffer.count` bytes from `offset`; fewer only at the end of the file. Nil is a failure, and `errno` says
  /// which.
  func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int? {
    FileCall.read(descriptor, buffer, at: offset)
  }
}

/// System calls, repeated after interruptions. What fails is -1 or nil, and `errno` says why.
enum FileCall {
  // Constants that the C library declares for GNU sources only, which Swift's module does not show.
  #if os(Linux)
    /// O_PATH: a descriptor that needs no permission to read, only to find names in it.
    static let search: Int32 = 0o10000000
    /// SEEK_DATA and SEEK_HOLE.
    static let (seekData, seekHole) = (Int32(3), Int32(4))
    /// LC_ALL_MASK.
    static let allCategories: Int32 = 0x1FBF
  #else
    static let search = O_RDONLY
    static let (seekData, seekHole) = (SEEK_DATA, SEEK_HOLE)
    static let allCategories = LC_ALL_MASK
  #endif

  static func withName<Result>(_ name: some Collection<UInt8>, _ body: (UnsafePointer<CChar>) -> Result) -> Result {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: name.count + 1) { buffer in
      var index = 0
      for byte in name {
        buffer[index] = CChar(bitPattern: byte)
        index += 1
      }
      buffer[index] = 0
      return body(UnsafePointer(buffer.baseAddress!))
    }
  }

  static func repeated(_ body: () -> Int) -> Int {
    while true {
      let result = body()
      if result >= 0 || errno != EINTR { return result }
    }
  }

  static func open(at directory: Int32, _ name: some Collection<UInt8>, _ flags: Int32) -> Int32 {
    Int32(repeated { withName(name) { Int(openat(directory, $0, flags | O_CLOEXEC)) } })
  }

  static func status(_ file: Int32) -> stat? {
    var status = stat()
    return repeated { Int(fstat(file, &status)) } < 0 ? nil : status
  }

  static func status(at directory: Int32, _ name: some Collection<UInt8>, following: Bool = false) -> stat? {
    var status = stat()
    let flags = following ? 0 : AT_SYMLINK_NOFOLLOW
    return repeated { withName(name) { Int(fstatat(directory, $0, &status, flags)) } } < 0 ? nil : status
  }

  static func read(_ file: Int32, _ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int? {
    var count = 0
    while count < buffer.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
      let got = repeated { pread(file, rest.baseAddress, rest.count, off_t(offset) + off_t(count)) }
      if got < 0 { return nil }
      if got == 0 { break }
      count += got
    }
    return count
  }
}

extension stat {
  var state: FileState {
    #if os(Linux)
      let time = st_ctim
    #else
      let time = st_ctimespec
    #endif
    return FileState(
      size: UInt64(bitPattern: Int64(st_size)), inode: UInt64(st_ino),
      changeTime: Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec))
  }

  var modified: Time {
    #if os(Linux)
      let time = st_mtim
    #else
      let time = st_mtimespec
    #endif
    // A file system can hold what it likes here.
    return Time(seconds: Int64(time.tv_sec), nanoseconds: UInt32(min(max(0, time.tv_nsec), 999_999_999)))
  }

  var deviceNumber: DeviceNumber {
    let number = UInt64(truncatingIfNeeded: st_rdev)
    #if os(Linux)
      return DeviceNumber(
        major: UInt32(number >> 8 & 0xFFF | number >> 32 & 0xFFFF_F000),
        minor: UInt32(number & 0xFF | number >> 12 & 0xFFFF_FF00))
    #else
      return DeviceNumber(major: UInt32(number >> 24 & 0xFF), minor: UInt32(number & 0xFF_FFFF))
    #endif
  }

  var isRegular: Bool { st_mode & 0o170000 == 0o100000 }
}
