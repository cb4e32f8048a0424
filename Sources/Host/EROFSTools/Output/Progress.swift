// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Synchronization

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A progress bar on standard error, with the rate and an estimate of the time that remains; by default it is not shown.
package final class Progress: Sendable {
  /// What is counted.
  package enum Unit: Sendable { case bytes, inodes }

  private struct State {
    var total: UInt64 = 0
    var unit = Unit.bytes
    /// Milliseconds of the monotonic clock.
    var began: Int64 = 0
    var shown: Int64 = 0
    var isRunning = false
    /// Whether a text of one line is there instead of the bar.
    var isReplaced = false
  }

  private let label: String
  private let isShown: Bool
  private let done = Atomic<UInt64>(0)
  private let state = Mutex(State())

  package init() {
    label = ""
    isShown = false
  }

  /// - Parameters:
  ///   - label: the text before the bar.
  ///   - isShown: whether to show it; nil means if standard error is a terminal.
  package init(_ label: String, isShown: Bool?) {
    self.label = label
    self.isShown = isShown ?? (isatty(STDERR_FILENO) == 1)
  }

  /// - Parameter total: bytes, or what else, that there are to do; 0 if there are none of them but there is something to do.
  package func begin(total: UInt64, of unit: Unit = .bytes) {
    guard isShown else { return }
    state.withLock {
      $0.total = total
      $0.unit = unit
      $0.began = Self.milliseconds()
      $0.isRunning = true
    }
  }

  /// Counts, and now and then draws.
  func advance(by bytes: UInt64) {
    guard isShown else { return }
    let (_, now) = done.wrappingAdd(bytes, ordering: .relaxed)
    drawIfDue(now)
  }

  /// States how many bytes are done, and now and then draws.
  package func advance(to bytes: UInt64) {
    guard isShown else { return }
    done.store(bytes, ordering: .relaxed)
    drawIfDue(bytes)
  }

  private func drawIfDue(_ now: UInt64) {
    state.withLockIfAvailable { state in
      let time = Self.milliseconds()
      guard state.isRunning, time - state.shown >= 100 else { return }
      state.shown = time
      draw(now, state, at: time, isLast: false)
    }
  }

  package func end() {
    guard isShown else { return }
    state.withLock { state in
      guard state.isRunning else { return }
      state.isRunning = false
      draw(done.load(ordering: .relaxed), state, at: Self.milliseconds(), isLast: true)
    }
  }

  /// Clears the bar's line, so that something else can be written there.
  package func clear() {
    guard isShown else { return }
    state.withLock {
      if $0.isRunning || $0.isReplaced { Self.write("\r\u{1B}[K") }
      $0.isReplaced = false
    }
  }

  /// Ends the bar; a text of one line takes its place, until ``clear()``.
  func replace(by text: String) {
    guard isShown else { return }
    state.withLock {
      guard $0.isRunning else { return }
      $0.isRunning = false
      $0.isReplaced = true
      Self.write("\r\(text)\u{1B}[K")
    }
  }

  private func draw(_ done: UInt64, _ state: State, at time: Int64, isLast: Bool) {
    let total = state.total
    let share = total == 0 ? 1 : min(1, Double(done) / Double(total))
    let isBytes = state.unit == .bytes
    let speed = isBytes ? Self.speed(done, of: total, milliseconds: time - state.began, isLast: isLast) : ""
    let text = Self.line(label, share: share, of: total, state.unit, speed: speed, columns: Self.columns)
    Self.write("\r\(text)\u{1B}[K" + (isLast ? "\n" : ""))
  }

  /// A line that fits a terminal of so many columns: first the bar becomes shorter, then what is at the end goes.
  static func line(
    _ label: String, share: Double, of total: UInt64, _ unit: Unit = .bytes, speed: String, columns: Int
  ) -> String {
    // A share of nothing says nothing.
    guard total > 0 else { return String(label.prefix(max(0, columns - 1))) }
    let whole = unit == .bytes ? "\(total >> 20) MiB" : "\(total.grouped) inodes"
    let end = " \(Int(share * 100)) % of \(whole)"
    // The last column stays free, because a cursor after it wraps in some terminals.
    let room = columns - 1 - label.count - 1
    let hasSpeed = room >= end.count + speed.count + Self.leastCells
    let rest = hasSpeed ? end + speed : end
    let width = min(40, room - rest.count)
    guard width >= Self.leastCells else { return String((label + end).prefix(max(0, columns - 1))) }
    let filled = Int(share * Double(width))
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    return "\(label) \(bar)\(rest)"
  }

  private static let leastCells = 8

  /// Of the terminal that standard error is; 80 where it does not say.
  private static var columns: Int {
    var size = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  /// The rate, and the time that remains at this rate; empty as long as there is little to tell it from.
  static func speed(_ done: UInt64, of total: UInt64, milliseconds: Int64, isLast: Bool) -> String {
    guard milliseconds >= 500, done > 0 else { return "" }
    let rate = Double(done) * 1000 / Double(milliseconds)
    let text = ", \((rate / 1_048_576).decimal(1)) MiB/s"
    if isLast { return text }
    let seconds = Int64(min(1e9, (Double(total - min(done, total)) / rate).rounded(.up)))
    guard seconds >= 60 else { return text + ", \(seconds) s left" }
    return text + ", \(seconds / 60) min \(seconds % 60) s left"
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
