// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Synchronization

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Standard output, gathered into large writes; raw bytes, because names are bytes.
///
/// When its reader has gone away, the process ends as SIGPIPE would have ended it, without a word; when it cannot
/// be written for another reason, it says so and ends with status 1.
package final class StandardOutput: Sendable {
  package static let shared = StandardOutput()

  private let pending = Mutex<[UInt8]>([])
  private let written = Atomic<Bool>(false)

  /// Whether anything has been written, if only to memory.
  package var hasWritten: Bool { written.load(ordering: .relaxed) }

  package static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

  package func write(text: String) { write(bytes: text.utf8) }

  package func write(bytes: some Sequence<UInt8>) {
    written.store(true, ordering: .relaxed)
    pending.withLock { pending in
      pending.append(contentsOf: bytes)
      if pending.count >= 65536 { Self.drain(&pending) }
    }
  }

  /// Writes what is in memory already, without copying it.
  package func write(raw bytes: UnsafeRawBufferPointer) {
    written.store(true, ordering: .relaxed)
    pending.withLock { pending in
      Self.drain(&pending)
      Self.writeAll(bytes)
    }
  }

  package func flush() { pending.withLock { Self.drain(&$0) } }

  /// Flushes for the last time.
  package func finish() { flush() }

  private static func drain(_ pending: inout [UInt8]) {
    pending.withUnsafeBytes { writeAll($0) }
    pending.removeAll(keepingCapacity: true)
  }

  private static func writeAll(_ bytes: UnsafeRawBufferPointer) {
    var rest = bytes
    while !rest.isEmpty {
      let count = Platform.write(STDOUT_FILENO, rest.baseAddress, rest.count)
      if count < 0 {
        if errno == EINTR { continue }
        if errno == EPIPE {
          signal(SIGPIPE, SIG_DFL)
          raise(SIGPIPE)
        }
        let text = Array("erofs: cannot write to standard output: \(String(cString: strerror(errno)))\n".utf8)
        _ = text.withUnsafeBytes { Platform.write(STDERR_FILENO, $0.baseAddress, $0.count) }
        exit(1)
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }
}

/// System calls whose names methods take.
enum Platform {
  static func write(_ file: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    #if canImport(Darwin)
      Darwin.write(file, bytes, count)
    #elseif canImport(Musl)
      Musl.write(file, bytes, count)
    #else
      Glibc.write(file, bytes, count)
    #endif
  }
}
