// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Saves the current input to a file, and ends the process with status 70, after a trap, a fault or ten seconds of
/// processor time.
enum Watch {
  static let secondsAllowed: CInt = 10
  nonisolated(unsafe) static var input: UnsafePointer<UInt8>?
  nonisolated(unsafe) static var count = 0
  nonisolated(unsafe) static var number: UInt64 = 0
  nonisolated(unsafe) private static var numberSeen: UInt64 = 0
  nonisolated(unsafe) private static var ticks: CInt = 0
  nonisolated(unsafe) private static var path: UnsafeMutablePointer<CChar>?

  /// - Parameter file: where a culprit goes.
  static func start(file: String) {
    path = strdup(file)
    for number in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGABRT] { signal(number) { Watch.stop($0) } }
    signal(SIGPROF) { _ in Watch.tick() }
    var timer = itimerval(it_interval: timeval(tv_sec: 1, tv_usec: 0), it_value: timeval(tv_sec: 1, tv_usec: 0))
    #if canImport(Glibc)
      setitimer(__itimer_which_t(ITIMER_PROF.rawValue), &timer, nil)
    #else
      setitimer(ITIMER_PROF, &timer, nil)
    #endif
  }

  private static func tick() {
    ticks = number == numberSeen ? ticks + 1 : 0
    numberSeen = number
    if ticks >= secondsAllowed, input != nil { stop(SIGPROF) }
  }

  /// Only calls that a signal handler may make.
  private static func stop(_ signal: CInt) {
    if let path, let input {
      let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
      _ = write(file, input, count)
      close(file)
    }
    say(signal == SIGPROF ? "FAILED no end after 10 s, input kept: " : "FAILED trap or fault, input kept: ")
    if let path { _ = write(1, path, strlen(path)) }
    say("\n0 passed, 1 failed\n")
    _exit(70)
  }

  private static func say(_ text: StaticString) { _ = write(1, text.utf8Start, text.utf8CodeUnitCount) }
}
