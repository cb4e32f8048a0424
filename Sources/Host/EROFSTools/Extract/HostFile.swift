// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CXattr
import SystemPackage

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The system calls of extraction: each takes a directory's descriptor and one name, and follows no symbolic link.
enum HostFile {
  /// A name as C takes it.
  static func withName<Result>(_ name: [UInt8], _ body: (UnsafePointer<CChar>) -> Result) -> Result {
    (name + [0]).withUnsafeBytes { body($0.assumingMemoryBound(to: CChar.self).baseAddress!) }
  }

  private static func check(_ body: () -> Int32) throws(Errno) {
    while body() < 0 {
      let error = Errno(rawValue: errno)
      if error != .interrupted { throw error }
    }
  }

  private static func opened(_ body: () -> Int32) throws(Errno) -> Int32 {
    while true {
      let file = body()
      if file >= 0 { return file }
      let error = Errno(rawValue: errno)
      if error != .interrupted { throw error }
    }
  }

  static func openDirectory(at directory: Int32, _ name: [UInt8]) throws(Errno) -> Int32 {
    try opened { withName(name) { openat(directory, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) } }
  }

  /// A new file, open for writing.
  static func create(at directory: Int32, _ name: [UInt8], mode: UInt16) throws(Errno) -> Int32 {
    try opened {
      withName(name) { openat(directory, $0, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode_t(mode)) }
    }
  }

  static func makeDirectory(at directory: Int32, _ name: [UInt8]) throws(Errno) {
    try check { withName(name) { mkdirat(directory, $0, 0o700) } }
  }

  static func makeSymbolicLink(at directory: Int32, _ name: [UInt8], to target: [UInt8]) throws(Errno) {
    try check { withName(target) { target in withName(name) { symlinkat(target, directory, $0) } } }
  }

  static func makeNode(at directory: Int32, _ name: [UInt8], mode: UInt32, major: UInt32, minor: UInt32) throws(Errno) {
    #if os(Linux)
      let (major, minor) = (UInt64(major), UInt64(minor))
      let device = (minor & 0xFF) | (major & 0xFFF) << 8 | (minor & ~0xFF) << 12 | (major & ~0xFFF) << 32
    #else
      let device = major << 24 | (minor & 0xFF_FFFF)
    #endif
    try check { withName(name) { mknodat(directory, $0, mode_t(mode), dev_t(device)) } }
  }

  static func makeFIFO(at directory: Int32, _ name: [UInt8]) throws(Errno) {
    try check { withName(name) { mkfifoat(directory, $0, 0o600) } }
  }

  static func link(_ from: Int32, _ name: [UInt8], at directory: Int32, _ newName: [UInt8]) throws(Errno) {
    try check { withName(name) { name in withName(newName) { linkat(from, name, directory, $0, 0) } } }
  }

  static func rename(_ from: Int32, _ name: [UInt8], to directory: Int32, _ newName: [UInt8]) throws(Errno) {
    try check { withName(name) { name in withName(newName) { renameat(from, name, directory, $0) } } }
  }

  static func remove(at directory: Int32, _ name: [UInt8], isDirectory: Bool = false) throws(Errno) {
    try check { withName(name) { unlinkat(directory, $0, isDirectory ? AT_REMOVEDIR : 0) } }
  }

  /// What is at a name, nil for nothing.
  static func status(at directory: Int32, _ name: [UInt8]) throws(Errno) -> stat? {
    var status = stat()
    do throws(Errno) {
      try check { withName(name) { fstatat(directory, $0, &status, AT_SYMLINK_NOFOLLOW) } }
    } catch { if error == .noSuchFileOrDirectory { return nil } else { throw error } }
    return status
  }

  static func write(_ file: Int32, _ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(Errno) {
    var rest = bytes
    var place = offset
    while !rest.isEmpty {
      let count = pwrite(file, rest.baseAddress, rest.count, off_t(place))
      if count < 0 {
        let error = Errno(rawValue: errno)
        if error != .interrupted { throw error }
        continue
      }
      place += UInt64(count)
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  static func setSize(_ file: Int32, _ size: UInt64) throws(Errno) { try check { ftruncate(file, off_t(size)) } }

  // MARK: Metadata, of an open file or of a name

  /// What metadata is set on.
  enum Object {
    case open(Int32)
    case named(Int32, [UInt8])
  }

  static func setOwner(_ object: Object, _ user: UInt32, _ group: UInt32) throws(Errno) {
    switch object {
    case .open(let file): try check { fchown(file, user, group) }
    case .named(let directory, let name):
      try check { withName(name) { fchownat(directory, $0, user, group, AT_SYMLINK_NOFOLLOW) } }
    }
  }

  static func setMode(_ object: Object, _ mode: UInt16) throws(Errno) {
    switch object {
    case .open(let file): try check { fchmod(file, mode_t(mode)) }
    case .named(let directory, let name):
      try check { withName(name) { fchmodat(directory, $0, mode_t(mode), AT_SYMLINK_NOFOLLOW) } }
    }
  }

  /// Sets the time of the last modification, and that of the last access to the same.
  static func setTime(_ object: Object, _ time: (seconds: Int64, nanoseconds: UInt32)) throws(Errno) {
    // Out of range they would mean something else ("now", "leave it").
    let nanoseconds = min(Int(time.nanoseconds), 999_999_999)
    let moment = timespec(tv_sec: time_t(time.seconds), tv_nsec: nanoseconds)
    let times = [moment, moment]
    switch object {
    case .open(let file): try check { futimens(file, times) }
    case .named(let directory, let name):
      try check { withName(name) { utimensat(directory, $0, times, AT_SYMLINK_NOFOLLOW) } }
    }
  }

  static func setAttribute(_ object: Object, _ name: [UInt8], _ value: [UInt8]) throws(Errno) {
    switch object {
    case .open(let file):
      #if os(Linux)
        try check { withName(name) { fsetxattr(file, $0, value, value.count, 0) } }
      #else
        try check { withName(name) { fsetxattr(file, $0, value, value.count, 0, 0) } }
      #endif
    case .named(let directory, let target):
      #if os(Linux)
        // There is no such call for a directory's descriptor and a name but by way of /proc.
        let path = Array("/proc/self/fd/\(directory)/".utf8) + target
        try check { withName(path) { path in withName(name) { lsetxattr(path, $0, value, value.count, 0) } } }
      #else
        throw .notSupported
      #endif
    }
  }
}
