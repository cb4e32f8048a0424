// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Machine

/// What the debugger or emulator outside the machine does for it: Arm's semihosting specification, which RISC-V took over.
public enum Semihosting {
  /// The line that the program was started with, in `buffer`; empty where there is none.
  public static func commandLine(into buffer: UnsafeMutableRawBufferPointer) -> UnsafeRawBufferPointer {
    guard let start = buffer.baseAddress else { return UnsafeRawBufferPointer(start: nil, count: 0) }
    // SYS_GET_CMDLINE: where to, and how much fits with a NUL.
    var parameters = (UInt(bitPattern: start), UInt(buffer.count))
    let failed = withUnsafeMutablePointer(to: &parameters) { machine_semihosting(0x15, $0) }
    let count = failed == 0 ? min(Int(parameters.1), buffer.count) : 0
    return UnsafeRawBufferPointer(start: start, count: count)
  }

  /// A file of the host, opened for reading.
  public struct File {
    let handle: UInt
    /// Bytes.
    public let size: UInt

    /// Nil where the host has no such file.
    public init?(path: UnsafeRawBufferPointer) {
      guard let start = path.baseAddress else { return nil }
      // SYS_OPEN: a name that ends with NUL, mode "rb", the name's length.
      var open = (UInt(bitPattern: start), UInt(1), UInt(path.count))
      handle = withUnsafePointer(to: &open) { machine_semihosting(0x01, $0) }
      guard handle != UInt.max else { return nil }
      // SYS_FLEN.
      var length = handle
      size = withUnsafePointer(to: &length) { machine_semihosting(0x0C, $0) }
      guard size != UInt.max else { return nil }
    }

    /// Reads `count` bytes from `offset` on; returns how many are missing.
    public func read(at offset: UInt, into buffer: UnsafeMutableRawPointer, count: Int) -> Int {
      // SYS_SEEK, SYS_READ.
      var seek = (handle, offset)
      guard withUnsafePointer(to: &seek, { machine_semihosting(0x0A, $0) }) == 0 else { return count }
      var read = (handle, UInt(bitPattern: buffer), UInt(count))
      return Int(bitPattern: withUnsafePointer(to: &read) { machine_semihosting(0x06, $0) })
    }
  }
}
