// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Synchronization

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The process's umask. POSIX can read it only by setting it, and between that and setting it back, files of other threads
/// get permissions that were not intended; two threads that do it can leave the wrong one for good.
enum FileCreationMask {
  private static let lock = Mutex(())

  static var current: mode_t {
    #if os(Linux)
      if let mask = listed { return mask }
    #endif
    return lock.withLock { _ in
      let mask = umask(0o077)
      umask(mask)
      return mask
    }
  }

  #if os(Linux)
    /// As Linux lists it since 4.7, without a change; nil if /proc is not there.
    private static var listed: mode_t? {
      guard let file = fopen("/proc/self/status", "re") else { return nil }
      defer { fclose(file) }
      var line = [CChar](repeating: 0, count: 256)
      while fgets(&line, CInt(line.count), file) != nil {
        let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if text.hasPrefix("Umask:") { return mode_t(text.dropFirst(6).filter { !$0.isWhitespace }, radix: 8) }
      }
      return nil
    }
  #endif
}
