// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Signals. The programs have no variable that a handler could set, so there are no handlers: a signal that has a trap is
/// blocked, and the shell asks for it between commands and while it waits.
struct Signals {
  /// Those that have commands, which the shell asks for. A bit for each number, from 1 on.
  var trapped: UInt64 = 0
  /// Those that are blocked, and that a child has to let through.
  var held: UInt64 = 0
  /// Those that are ignored by the shell's own wish, and that its children ignore too.
  var ignored: UInt64 = 0

  static func bit(_ signal: Int32) -> UInt64 { 1 &<< UInt64(signal &- 1) }
  static let interrupt: Int32 = 2, quit: Int32 = 3, child: Int32 = 17, go: Int32 = 18
  /// SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN and SIGTTOU.
  static var keys: UInt64 { 1 << 2 | 1 << 14 | 7 << 19 }
}

extension Shell {
  /// A trap is a variable whose name nobody can write: a parenthesis and the number; 0 is the shell's end.
  private mutating func trapName(_ signal: Int32) -> Text { Text(arena.copy(Text("("), number(Int(signal)))) }

  /// trap; trap [-] SIGNAL...; trap COMMANDS SIGNAL...
  @inline(never)
  mutating func trap(_ words: UnsafeMutablePointer<CString?>) {
    guard let first = words[0] else { return showTraps() }
    var i = 0
    var action: CString?
    if words[1] != nil, Text(first).number == nil {
      i = 1
      if !Text(first).is("-") { action = first }
    }
    while let word = words[i] {
      i &+= 1
      guard let signal = Text(word).is("EXIT") ? 0 : signalNumber(Text(word)) else {
        complain(Text(word), "no such signal", status: 1)
        continue
      }
      let name = trapName(signal)
      if let action { assign(name, Text(action)) } else { _ = variables.remove(name) }
      if signal > 0 { setSignal(signal) }
    }
  }

  private mutating func showTraps() {
    for signal: Int32 in 0...31 {
      guard let action = variables.find(trapName(signal)) else { continue }
      program.out.put("trap -- ")
      putQuoted(Text(Variable.value(action)))
      program.out.put(32)
      program.out.put(signalName(Int(signal)) ?? Text("EXIT"))
      program.out.newline()
    }
  }

  /// What the kernel does with a signal from now on.
  @inline(never)
  mutating func setSignal(_ signal: Int32) {
    let bit = Signals.bit(signal)
    // What a script was started without stays away from it (POSIX, trap).
    if !interactive, signals.ignored & bit == 0, linux_signal(signal, -1) == 1 { return }
    let before = signals.held
    signals.trapped &= ~bit
    signals.ignored &= ~bit
    // An interactive shell goes on, whatever is typed.
    var disposition = interactive && Signals.keys & bit != 0 ? 1 : 0
    if let action = variables.value(trapName(signal)) {
      disposition = action.count == 0 ? 1 : 0
      if action.count == 0 { signals.ignored |= bit } else { signals.trapped |= bit }
    }
    signals.held = signals.trapped | (interactive ? Signals.bit(Signals.interrupt) : 0)
    if signals.held != 0 { signals.held |= Signals.bit(Signals.child) }
    _ = linux_signal(signal, disposition)
    _ = linux_mask(0, signals.held)
    _ = linux_mask(1, before & ~signals.held)
  }

  /// What is typed at a terminal is for what runs there; this shell only takes notice of an interrupt.
  mutating func holdSignals() {
    guard interactive else { return }
    for signal: Int32 in 3...22 where Signals.keys & Signals.bit(signal) != 0 { setSignal(signal) }
  }

  /// Carries out the traps of signals that have come.
  @inline(never)
  mutating func takeSignals() {
    var none = LinuxTime()
    while signals.held != 0, jump == .none {
      let signal = linux_signal_wait(signals.trapped | signals.held & Signals.bit(Signals.interrupt), &none)
      if signal <= 0 { return }
      take(Int32(truncatingIfNeeded: signal))
    }
  }
  @inline(never)
  mutating func take(_ signal: Int32) {
    let before = status
    if runTrap(signal) {
      if jump == .none { status = before }
    } else {
      status = 130
      jump = .interrupted
    }
  }
  /// false: there is none.
  @inline(never)
  mutating func runTrap(_ signal: Int32) -> Bool {
    let name = trapName(signal)
    guard let action = variables.value(name) else { return false }
    // One that sends its own signal comes here again.
    guard calls < 10 else {
      fail(action, "calls are nested too deeply")
      return true
    }
    let outer = trapStatus
    trapStatus = status
    let copy = arena.copy(action)
    // The shell ends once.
    if signal == 0 { _ = variables.remove(name) }
    calls &+= 1
    run(Text(copy))
    calls &-= 1
    trapStatus = outer
    return true
  }
}

/// Signals as a command wants to find them: for the child, before its exec.
@inline(never)
func restoreSignals(_ signals: Signals, interactive: Bool, deaf: Bool) {
  for signal: Int32 in 2...22 where signals.ignored & Signals.bit(signal) == 0 {
    // Keys of the terminal are not for what runs in the background, where that has no group of its own.
    let ignores = deaf && signal <= Signals.quit
    if ignores || (interactive && Signals.keys & Signals.bit(signal) != 0) {
      _ = linux_signal(signal, ignores ? 1 : 0)
    }
  }
  _ = linux_mask(1, signals.held)
}
