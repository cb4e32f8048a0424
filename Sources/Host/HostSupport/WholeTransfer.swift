// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import SystemPackage

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Transfers that are complete, or an error.
enum WholeTransfer {
  /// Writes all of `bytes` at a byte offset.
  static func write(_ bytes: UnsafeRawBufferPointer, to file: FileDescriptor, at offset: UInt64) throws(Errno) {
    try repeated(bytes.count, otherwise: .noSpace) { done in
      pwrite(file.rawValue, bytes.baseAddress! + done, bytes.count - done, off_t(offset) + off_t(done))
    }
  }

  /// Fills all of `bytes` from a byte offset on.
  static func read(into bytes: UnsafeMutableRawBufferPointer, from file: FileDescriptor, at offset: UInt64)
    throws(Errno)
  {
    try repeated(bytes.count, otherwise: .ioError) { done in
      pread(file.rawValue, bytes.baseAddress! + done, bytes.count - done, off_t(offset) + off_t(done))
    }
  }

  /// Calls `body`, with the number of bytes that are done, until all are.
  ///
  /// - Parameter otherwise: the error if it does nothing and says no reason.
  private static func repeated(_ count: Int, otherwise: Errno, _ body: (Int) -> Int) throws(Errno) {
    var done = 0
    while done < count {
      let now = body(done)
      if now > 0 {
        done += now
      } else if now == 0 || errno != EINTR {
        throw now == 0 ? otherwise : Errno(rawValue: errno)
      }
    }
  }
}
