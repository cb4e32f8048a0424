// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// The signals' names, which are the same everywhere, each of 6 bytes.
private var names: Literal {
  """
  HUP   INT   QUIT  ILL   TRAP  ABRT  BUS   FPE   KILL  USR1  SEGV  USR2  PIPE  ALRM  TERM  STKFLTCHLD  CONT  STOP  \
  TSTP  TTIN  TTOU  URG   XCPU  XFSZ  VTALRMPROF  WINCH IO    PWR   SYS   \

  """
}
private let signalCount = 31

func signalName(_ signal: Int) -> Text? {
  guard signal >= 1, signal <= signalCount else { return nil }
  let name = Text(names).part(6 * signal - 6, 6 * signal)
  return name.part(0, name.index(of: 32))
}

func signalNumber(_ word: Text) -> Int32? {
  if let number = word.number { return number <= 64 ? Int32(number) : nil }
  let word = word.starts(with: "SIG") ? word.from(3) : word
  return index(of: word, in: names, width: 6).map { Int32($0 + 1) }
}

/// kill [-s SIGNAL | -SIGNAL] PROCESS...; kill -l [NUMBER]
func kill(_ program: inout Program) {
  var signal: Int32 = 15
  if let first = program.arguments[0], first[0] == 45, first[1] != 0 {
    program.arguments += 1
    var word = Text(first + 1)
    if word.is("l") { return list(&program) }
    if word.is("s") {
      guard let next = program.next() else { return program.fail("the signal is missing: kill -s SIGNAL PROCESS") }
      word = Text(next)
    }
    if !word.is("-") {
      guard let number = signalNumber(word) else { return program.fail(first, "no such signal") }
      signal = number
    }
    if let next = program.arguments[0], Text(next).is("--") { program.arguments += 1 }
  }
  if !program.hasArguments { return program.fail("the process is missing: kill [-SIGNAL] PROCESS...") }
  while let argument = program.next() {
    // A negative number is a group of processes.
    let negative = argument[0] == 45
    guard let number = Text(argument + (negative ? 1 : 0)).number else {
      program.fail(argument, "not a process number")
      continue
    }
    let status = linux_kill(Int32(negative ? -number : number), signal)
    if status < 0 { program.fail(argument, status) }
  }
}

private func list(_ program: inout Program) {
  if let argument = program.next() {
    // Of a process that a signal has ended, the exit status is 128 more.
    guard let number = Text(argument).number, let name = signalName(number > 128 ? number - 128 : number) else {
      return program.fail(argument, "no such signal")
    }
    program.out.put(name)
    return program.out.newline()
  }
  for signal in 1...signalCount {
    guard let name = signalName(signal) else { continue }
    program.out.decimal(UInt64(signal), width: 2)
    program.out.put(32)
    program.out.put(name)
    program.out.newline()
  }
}
