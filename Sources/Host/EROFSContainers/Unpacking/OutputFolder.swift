// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import HostSupport
import SystemPackage

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A directory that appears under its name when all in it is complete. Until then it has a name of its own beside that; it is
/// removed, with what was made in it, if it is not published.
final class OutputFolder: @unchecked Sendable {
  private let output: FilePath
  private let path: FilePath
  private var isPublished = false

  init(_ output: FilePath) throws {
    var status = stat()
    guard output.withPlatformString({ lstat($0, &status) }) != 0 else {
      throw LayoutError.unusable("\(output)", "it is there already")
    }
    (self.output, path) = try Self.places(output)
    try Self.make(path)
  }

  /// A directory that is never published, beside something that is made.
  init(besideOutputAt output: FilePath) throws {
    (self.output, path) = try Self.places(output)
    try Self.make(path)
  }

  private static func places(_ path: FilePath) throws -> (output: FilePath, temporary: FilePath) {
    // Without slashes at the end.
    let output = FilePath(root: path.root, path.components)
    guard let name = output.lastComponent, name.kind == .regular else {
      throw LayoutError.unusable("\(path)", "it names no directory that could be made")
    }
    let suffix = String(UInt64.random(in: 0...UInt64.max), radix: 36)
    return (output, output.removingLastComponent().appending(".\(name.string.prefix(60)).\(suffix)"))
  }

  private static func make(_ path: FilePath) throws {
    guard path.withPlatformString({ mkdir($0, 0o755) }) == 0 else {
      throw LayoutError.unusable("\(path)", "it cannot be made: \(Errno(rawValue: errno))")
    }
  }

  /// Where something in it is until it is published.
  func inner(_ name: String) -> FilePath { path.appending(name) }

  /// Makes a directory in it.
  func makeFolder(_ name: String) throws -> FilePath {
    let folder = path.appending(name)
    try Self.make(folder)
    return folder
  }

  func write(_ bytes: [UInt8], at path: FilePath) throws { try Self.write(bytes, at: path) }

  static func write(_ bytes: [UInt8], at path: FilePath) throws {
    let file = try OutputFile(path)
    try bytes.withUnsafeBytes { try file.write($0, at: 0) }
    try file.setSize(UInt64(bytes.count))
    try file.publish()
  }

  /// Where something in it will be.
  func published(_ inside: FilePath) -> FilePath {
    var found = inside
    return found.removePrefix(path) ? output.appending(found.components) : inside
  }

  /// Gives it its name.
  func publish() throws {
    let result = path.withPlatformString { from in output.withPlatformString { rename(from, $0) } }
    guard result == 0 else { throw LayoutError.unusable("\(output)", "it cannot be named: \(Errno(rawValue: errno))") }
    isPublished = true
    OutputFile.syncFolder(of: output)
  }

  deinit { if !isPublished { Self.removeAll(path) } }

  /// Removes a file, or a directory with all that is in it. No link is followed.
  static func removeAll(_ path: FilePath) {
    if path.withPlatformString({ unlink($0) }) == 0 { return }
    guard let directory = path.withPlatformString({ opendir($0) }) else { return }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    closedir(directory)
    for name in names { removeAll(path.appending(name)) }
    _ = path.withPlatformString { rmdir($0) }
  }
}
