// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CXattr
import Digests
import EROFSTools
import Foundation
import SystemPackage
import TestSupport

/// A tree as the file system shows it.
struct DiskTree {
  private(set) var rows: [[UInt8]: ManifestRow] = [:]
  /// Bytes that the files' blocks take.
  private(set) var allocated: [[UInt8]: Int] = [:]
  private let root: [UInt8]

  init(_ path: String) throws {
    root = Array(path.utf8)
    try visit([])
  }

  private func withPath<Result>(_ path: [UInt8], _ body: (UnsafePointer<CChar>) throws -> Result) rethrows -> Result {
    let full = path.isEmpty ? root : root + [0x2F] + path
    return try (full + [0]).withUnsafeBytes { try body($0.assumingMemoryBound(to: CChar.self).baseAddress!) }
  }

  private mutating func visit(_ path: [UInt8]) throws {
    var status = stat()
    guard withPath(path, { lstat($0, &status) }) == 0 else { throw Errno(rawValue: errno) }
    var row = ManifestRow()
    row.path = [0x2F] + path
    row.mode = UInt16(status.st_mode & 0o7777)
    row.uid = status.st_uid
    row.gid = status.st_gid
    row.mtime = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
    switch status.st_mode & S_IFMT {
    case S_IFREG:
      row.kind = "file"
      row.size = UInt64(status.st_size)
      row.links = UInt32(status.st_nlink)
      row.sha256 = try content(path)
      allocated[row.path] = Int(status.st_blocks) * 512
    case S_IFDIR: row.kind = "directory"
    case S_IFLNK:
      row.kind = "symlink"
      var buffer = [UInt8](repeating: 0, count: 8192)
      let count = buffer.withUnsafeMutableBytes { buffer in
        withPath(path) { readlink($0, buffer.assumingMemoryBound(to: CChar.self).baseAddress!, buffer.count) }
      }
      row.target = Array(buffer.prefix(max(0, count)))
    case S_IFCHR, S_IFBLK:
      row.kind = status.st_mode & S_IFMT == S_IFCHR ? "character" : "block"
      let device = UInt64(status.st_rdev)
      row.device = (UInt32((device >> 8) & 0xFFF), UInt32((device & 0xFF) | ((device >> 12) & 0xFFFF_FF00)))
    case S_IFIFO: row.kind = "fifo"
    default: row.kind = "socket"
    }
    if row.kind != "symlink" { row.xattrs = attributes(path) }
    rows[row.path] = row
    guard row.kind == "directory" else { return }
    for name in names(path) { try visit(path.isEmpty ? name : path + [0x2F] + name) }
  }

  private func names(_ path: [UInt8]) -> [[UInt8]] {
    guard let stream = withPath(path, { opendir($0) }) else { return [] }
    defer { closedir(stream) }
    var names: [[UInt8]] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in Array(bytes.prefix { $0 != 0 }) }
      if name != [0x2E], name != [0x2E, 0x2E] { names.append(name) }
    }
    return names
  }

  private func content(_ path: [UInt8]) throws -> String {
    let file = withPath(path) { open($0, O_RDONLY) }
    guard file >= 0 else { throw Errno(rawValue: errno) }
    defer { close(file) }
    let hash = SHA256()
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      let count = read(file, buffer.baseAddress, buffer.count)
      guard count >= 0 else { throw Errno(rawValue: errno) }
      if count == 0 { return hash.hexadecimal() }
      hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
  }

  private func attributes(_ path: [UInt8]) -> [[UInt8]: String] {
    var list = [CChar](repeating: 0, count: 65536)
    let length = withPath(path) { llistxattr($0, &list, list.count) }
    guard length > 0 else { return [:] }
    var found: [[UInt8]: String] = [:]
    for name in list.prefix(length).map({ UInt8(bitPattern: $0) }).split(separator: 0) {
      var value = [UInt8](repeating: 0, count: 65536)
      let count = (Array(name) + [0]).withUnsafeBytes { name in
        withPath(path) { lgetxattr($0, name.assumingMemoryBound(to: CChar.self).baseAddress!, &value, value.count) }
      }
      if count >= 0 { found[Array(name)] = Array(value.prefix(count)).hexadecimal }
    }
    return found
  }
}

extension ManifestRow {
  /// The names of the fields that are not as they should be; without the superuser's rights, of those that anybody can
  /// restore.
  func differences(from want: ManifestRow) -> [String] {
    var found: [String] = []
    if kind != want.kind { found.append("kind \(kind) instead of \(want.kind)") }
    if mtime != want.mtime { found.append("mtime \(mtime) instead of \(want.mtime)") }
    if size != want.size { found.append("size \(String(describing: size))") }
    if links != want.links { found.append("links \(String(describing: links))") }
    if sha256 != want.sha256 { found.append("content") }
    if target != want.target { found.append("target") }
    guard isSuperuser else { return found }
    if mode != want.mode { found.append("mode \(String(mode, radix: 8)) instead of \(String(want.mode, radix: 8))") }
    if uid != want.uid || gid != want.gid { found.append("owner \(uid):\(gid)") }
    if device?.major != want.device?.major || device?.minor != want.device?.minor {
      found.append("device \(String(describing: device)) instead of \(String(describing: want.device))")
    }
    if xattrs != want.xattrs { found.append("xattrs \(xattrs.count) instead of \(want.xattrs.count)") }
    return found
  }
}
