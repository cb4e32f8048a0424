// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Where the handler of a signal writes; a handler can reach nothing but what is global.
private nonisolated(unsafe) var signalDescriptor: Int32 = -1

/// Signals that end a mount, as bytes in a pipe, so that a thread can wait for them and for requests at the same time.
final class SignalPipe: Sendable {
  /// Readable when a signal has arrived.
  let descriptor: Int32
  private let other: Int32
  private static let signals = [SIGHUP, SIGINT, SIGTERM]

  /// Handles the signals from here on, until ``close()``. One pipe of a process can do so at a time.
  ///
  /// - Returns: nil if the system gives no pipe.
  init?() {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return nil }
    (descriptor, other) = (ends[0], ends[1])
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    signalDescriptor = other
    for number in Self.signals {
      set(number) { number in
        let saved = errno
        var byte = UInt8(truncatingIfNeeded: number)
        _ = write(signalDescriptor, &byte, 1)
        errno = saved
      }
    }
    // Whoever reads a log may end before the mount.
    set(SIGPIPE) { _ in }
  }

  deinit {
    close(descriptor)
    close(other)
  }

  private func set(_ number: Int32, _ handler: (@convention(c) (Int32) -> Void)?) {
    var action = sigaction()
    #if canImport(Darwin)
      action.__sigaction_u.__sa_handler = handler
    #else
      action.__sigaction_handler.sa_handler = handler
    #endif
    action.sa_flags = Int32(SA_RESTART)
    sigaction(number, &action, nil)
  }

  /// The first signal that has arrived, or 0 if ``send()`` was called.
  func next() -> Int32? {
    var byte: UInt8 = 0
    return read(descriptor, &byte, 1) == 1 ? Int32(byte) : nil
  }

  /// Makes ``descriptor`` readable without a signal.
  func send() {
    var byte: UInt8 = 0
    _ = write(other, &byte, 1)
  }

  /// Leaves the signals to the system again.
  func restore() {
    for number in Self.signals + [SIGPIPE] { set(number, nil) }
    signalDescriptor = -1
  }
}
