// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Synchronization

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A progress bar on standard error; by default it is not shown.
public final class Progress: Sendable {
  private struct State {
    var total: UInt64 = 0
    var shown: Int64 = 0
    var isRunning = false
  }

  private let label: String
  private let isShown: Bool
  private let done = Atomic<UInt64>(0)
  private let state = Mutex(State())

  public init() {
    label = ""
    isShown = false
  }

  /// - Parameters:
  ///   - label: the text before the bar.
  ///   - isShown: whether to show it; nil means if standard error is a terminal.
  public init(_ label: String, isShown: Bool?) {
    self.label = label
    self.isShown = isShown ?? (isatty(STDERR_FILENO) == 1)
  }

  func begin(total: UInt64) {
    guard isShown else { return }
    state.withLock {
      $0.total = total
      $0.isRunning = true
    }
  }

  /// Counts, and now and then draws.
  func advance(by bytes: UInt64) {
    guard isShown else { return }
    let (_, now) = done.wrappingAdd(bytes, ordering: .relaxed)
    state.withLockIfAvailable { state in
      let time = Self.milliseconds()
      guard state.isRunning, time - state.shown >= 100 else { return }
      state.shown = time
      draw(now, state.total, isLast: false)
    }
  }

  func end() {
    guard isShown else { return }
    state.withLock { state in
      guard state.isRunning else { return }
      state.isRunning = false
      draw(done.load(ordering: .relaxed), state.total, isLast: true)
    }
  }

  /// Clears the bar's line, so that something else can be written there.
  public func clear() {
    guard isShown else { return }
    state.withLock { if $0.isRunning { Self.write("\r\u{1B}[K") } }
  }

  private func draw(_ done: UInt64, _ total: UInt64, isLast: Bool) {
    let share = total == 0 ? 1 : min(1, Double(done) / Double(total))
    let width = 40
    let filled = Int(share * Double(width))
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    Self.write("\r\(label) \(bar) \(Int(share * 100)) % of \(total >> 20) MiB\u{1B}[K" + (isLast ? "\n" : ""))
  }

  private static func write(_ text: String) {
    let bytes = Array(text.utf8)
    _ = bytes.withUnsafeBytes { Platform.write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }

  private static func milliseconds() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
  }
}
