// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Synchronization
import SystemPackage

/// Writes down the path of each file when it is first read, a line each: the order in which an image should store them.
///
/// Names are learned as they are looked up, and kept as long as the mount exists. In a path, blanks, control characters, `"`,
/// `#` and `\` are written as `\` and three octal digits.
public final class AccessTrace: Sendable {
  private struct State {
    var parents: [UInt64: (parent: UInt64, name: [UInt8])] = [:]
    var noted: Set<UInt64> = []
  }

  private let file: FileDescriptor
  private let state = Mutex(State())

  /// - Parameter path: a new file, or one that is emptied.
  public init(_ path: FilePath) throws(MountError) {
    do {
      file = try FileDescriptor.open(
        path, .writeOnly, options: [.create, .truncate, .closeOnExec],
        permissions: [.ownerReadWrite, .groupRead, .otherRead])
    } catch {
      throw .system("creating the trace", path.string, error as? Errno ?? .ioError)
    }
  }

  deinit { try? file.close() }

  func learn(_ number: UInt64, _ name: UnsafeRawBufferPointer, in directory: UInt64) {
    state.withLock { state in
      if number != 1, state.parents[number] == nil { state.parents[number] = (directory, [UInt8](name)) }
    }
  }

  func note(_ number: UInt64) {
    let line = state.withLock { state -> [UInt8]? in
      guard state.noted.insert(number).inserted, let path = Self.path(number, state) else { return nil }
      return Self.escaped(path) + [0x0A]
    }
    if let line { _ = try? file.writeAll(line) }
  }

  func path(of number: UInt64) -> [UInt8]? { state.withLock { Self.path(number, $0) } }

  private static func path(_ number: UInt64, _ state: State) -> [UInt8]? {
    var parts: [[UInt8]] = []
    var at = number
    while at != 1 {
      guard let (parent, name) = state.parents[at], parts.count < 4096 else { return nil }
      parts.append(name)
      at = parent
    }
    return Array(parts.reversed().joined(separator: [0x2F]))
  }

  private static func escaped(_ path: [UInt8]) -> [UInt8] {
    path.flatMap { byte -> [UInt8] in
      guard byte <= 0x20 || [0x22, 0x23, 0x5C, 0x7F].contains(byte) else { return [byte] }
      return [0x5C, 0x30 + (byte >> 6), 0x30 + (byte >> 3 & 7), 0x30 + (byte & 7)]
    }
  }
}
