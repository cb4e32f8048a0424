// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The system's log, for what runs in the background.
enum SystemLog {
  static let write: @Sendable (String) -> Void = { line in
    line.withCString { text in
      withVaList([text]) { vsyslog(LOG_ERR | LOG_DAEMON, "erofs: %s", $0) }
    }
  }
}
