// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// The shell's state.
struct Shell {
  /// Why commands are not carried out until somebody takes notice.
  enum Jump: UInt8 { case none, leaveLoop, nextTurn, leaveFunction, failed, interrupted }

  var program: Program
  /// Nodes and words, as long as they are needed.
  var arena = Arena()
  var variables = Variables()
  /// What is just being put together; whoever needs some adds it at the end and takes it away.
  var scratch = Buffer()
  var status: Int32 = 0
  /// $0, and $1 on, with a nil behind them.
  var zero: CString
  var parameters: UnsafeMutablePointer<CString?>
  /// Of `parameters`, if they are the shell's own and not what it was called with.
  var ownParameters = 0
  var ownParametersStart: UnsafeMutablePointer<CString?>?

  var jump = Jump.none
  /// How many loops are to be left.
  var jumpCount = 0
  var loops = 0
  /// Functions, `eval` and `.` within each other.
  var calls = 0
  /// Lists of commands within each other, as they are carried out.
  var depth = 0
  /// Above 0 where a failure decides something, and so does not end a shell with -e.
  var tested = 0

  var interactive = false
  var signals = Signals()
  /// Where a trap is carried out, $? before it.
  var trapStatus: Int32?
  /// At a terminal, where each job has a process group of its own: a descriptor of it. Otherwise negative.
  var terminal: Int32 = -1
  /// For the next process: 0 for a new group, -1 for the shell's own.
  var group = -1
  /// The statement that is carried out, for a job that is made of it.
  var statement = Text("")
  /// -n: commands are read, not carried out.
  var readOnly = false
  var exitOnError = false, trace = false, noGlob = false, unsetIsError = false
  var jobs = List<Job>()
  var lastBackground = 0
  /// What $$ is: also of a subshell, the number of the shell that somebody started.
  var processNumber = 0

  /// Of the last command substitution in a command that has no name.
  var substitutionStatus: Int32 = 0
  /// `exec` alone: its redirections are the shell's own from then on.
  var keepsRedirections = false
  /// Variables that get their value back.
  var locals: UnsafeMutablePointer<SavedVariable>?
  var localArena = Arena()
  /// `local`: they are the function's, not the command's.
  var keepsLocals = false
  /// $? as it was before a command of the shell itself.
  var previousStatus: Int32 = 0

  // Words being expanded (Expand.swift).
  var fields = List<CString>()
  var fieldStart = 0
  var fieldIsQuoted = false
  var splitting = false
  var endedBySpace = false

  init(_ program: Program) {
    self.program = program
    zero = program.name.start.mutable
    parameters = program.arguments
  }

  var parameterCount: Int {
    var count = 0
    while parameters[count] != nil { count &+= 1 }
    return count
  }

  /// "sh: WHAT: why", and the status.
  @inline(never)
  mutating func complain(_ what: Text, _ why: Literal, status: Int32 = 2) {
    program.complain(what, 0, why)
    self.status = status
  }
  /// The same, and nothing more is done of what was asked for.
  @inline(never)
  mutating func fail(_ what: Text, _ why: Literal, status: Int32 = 2) {
    complain(what, why, status: status)
    if jump == .none { jump = .failed }
  }

  @inline(never)
  mutating func exit() -> Never {
    let last = status
    jump = .none
    if runTrap(0) { status = last }
    program.out.flush()
    linux_exit(status & 255)
  }

  /// Reads and runs all commands of a text.
  @inline(never)
  mutating func run(_ source: Text) {
    var at = 0
    while jump == .none {
      let mark = arena.mark
      var parser = Parser(source, at: at)
      let line = parser.line(&arena)
      at = parser.lexer.at
      if parser.lexer.trouble != .none {
        syntaxError(parser.lexer)
        if jump == .none { jump = .failed }
      } else if let line, !readOnly {
        runList(line)
      }
      arena.release(to: mark)
      if line == nil { return }
    }
  }

  @inline(never)
  mutating func syntaxError(_ lexer: Lexer) {
    if lexer.trouble == .incomplete {
      complain(Text("syntax error"), "unexpected end of the commands")
    } else {
      let rest = lexer.source.part(lexer.at < lexer.source.count ? lexer.at : lexer.source.count, lexer.source.count)
      let end = rest.index(of: 10)
      let shown = rest.part(0, end < 40 ? end : 40)
      complain(shown.count == 0 ? Text("end of line") : shown, "syntax error")
    }
  }

  /// Commands from the standard input, a line at a time, as somebody types them or a file has them.
  mutating func readAndRun() {
    var source = Buffer()
    var ended = false
    while !ended {
      if source.count == 0, interactive { reportJobs(all: false) }
      if interactive { prompt(source.count > 0) }
      let before = source.count
      ended = !readLine(&source)
      takeSignals()
      if jump == .interrupted {
        // The terminal has forgotten what was typed before; so does this.
        source.drop(before)
        jump = .none
      }
      if ended, source.count == 0 { break }
      let mark = arena.mark
      var parser = Parser(source.text, at: 0)
      let line = parser.line(&arena)
      let trouble = parser.lexer.trouble
      if trouble == .incomplete, !ended {
        arena.release(to: mark)
        continue
      }
      if trouble != .none {
        syntaxError(parser.lexer)
        if !interactive { exit() }
      } else if let line {
        runList(line)
      }
      arena.release(to: mark)
      source.shorten(to: 0)
      if jump != .none {
        if jump == .failed, !interactive { exit() }
        jump = .none
      }
      program.out.flush()
      program.out.failure = 0
    }
    if interactive { program.out.newline() }
    source.free()
  }

  private mutating func prompt(_ more: Bool) {
    let name: Literal = more ? "PS2" : "PS1"
    if let own = variables.find(Text(name)) {
      program.out.put(Variable.value(own))
    } else {
      program.out.put(more ? "> " : linux_user() == 0 ? "# " : "$ ")
    }
    program.out.flush()
  }

  /// Adds a line with its end. Only the line is taken: what follows may be for the command in it. false at the end.
  @inline(never)
  mutating func readLine(_ into: inout Buffer, _ descriptor: Int32 = 0) -> Bool {
    while true {
      let got = withBytes(256) { bytes in
        // A terminal hands out lines.
        let got = readSome(descriptor, bytes, interactive ? 256 : 1)
        if got > 0 { into.append(Text(bytes, got)) }
        return got
      }
      if got <= 0 { return false }
      if into.start[into.count - 1] == 10 { return true }
    }
  }
}
