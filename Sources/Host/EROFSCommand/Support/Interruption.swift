// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTools
import Synchronization

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What a signal stops; set once, before there are threads and signals to look at it.
private nonisolated(unsafe) var interruptible: Extractor?
private nonisolated(unsafe) var received: sig_atomic_t = 0

/// The signals that ask a process to end: what it makes is tidied up first, and then it ends by the signal, so that whoever
/// waits for the process sees what happened.
enum Interruption {
  private static let signals = [SIGINT, SIGTERM, SIGHUP]

  /// From now on, a signal stops `extractor`.
  static func stops(_ extractor: Extractor) {
    interruptible = extractor
    watch()
  }

  /// Whether a signal has arrived since ``watch()``.
  static var isRequested: Bool { received != 0 }

  /// From now on, a signal only makes ``isRequested`` true.
  static func watch() {
    for number in signals {
      let before = signal(number) { number in
        received = sig_atomic_t(number)
        interruptible?.stop()
      }
      // What nohup or a shell has made this process ignore stays ignored.
      if unsafeBitCast(before, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) { signal(number, SIG_IGN) }
    }
  }

  /// Ends the process by the signal that arrived, if one did.
  static func endBySignal() {
    let number = Int32(received)
    guard number != 0 else { return }
    StandardOutput.shared.finish()
    signal(number, SIG_DFL)
    raise(number)
  }
}
