// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// What the shell does itself: what changes it, and what scripts do so often that a process for it would be a waste.
extension Shell {
  private static var names: Literal {
    """
    :       .       [       break   cd      continueecho    eval    exec    exit    export  false   jobs    kill    \
    local   pwd     read    readonlyreturn  set     shift   test    true    type    umask   unset   wait    command \
    trap    fg      bg      getopts \

    """
  }
  static func builtin(_ name: Text) -> Int? { index(of: name, in: names, width: 8) }

  @inline(never)
  mutating func run(_ builtin: Int, _ arguments: UnsafeMutablePointer<CString?>) {
    let name = Text(arguments[0].unsafelyUnwrapped)
    let words = arguments + 1
    status = 0
    switch builtin {
    case 0, 22: break
    case 1: runFile(words)
    case 3: jumpOut(.leaveLoop, words)
    case 5: jumpOut(.nextTurn, words)
    case 4: changeFolder(words)
    case 7: evaluate(words)
    case 8: replace(words)
    case 9:
      status = number(words[0], Int(trapStatus ?? previousStatus))
      exit()
    case 10, 17: mark(words, exported: builtin == 10)
    case 11: status = 1
    case 12: reportJobs(all: true)
    case 14: declareLocal(words)
    case 15: showFolder()
    case 16: read(words)
    case 18:
      if calls == 0 { return complain(name, "not in a function or file") }
      status = number(words[0], Int(previousStatus))
      jump = .leaveFunction
    case 19: set(words)
    case 20:
      let count = Int(number(words[0], 1))
      if count < 0 || count > parameterCount { return complain(name, "there are not so many parameters", status: 1) }
      parameters += count
    case 23: describe(words, aloud: true)
    case 24: setMask(words)
    case 25: unset(words)
    case 26: waitForJobs(words)
    case 27:
      // command NAME: not a function of that name.
      guard words[0] != nil else { return }
      if Text(words[0].unsafelyUnwrapped).is("-v") { return describe(words + 1, aloud: false) }
      if let other = Shell.builtin(Text(words[0].unsafelyUnwrapped)) { return run(other, words) }
      fields.removeFirst()
      let process = launch(List<CString>(), List<Redirection>(), -1, -1, false)
      status = process > 0 ? wait(process) : 126
    case 28: trap(words)
    case 29, 30: resume(words, foreground: builtin == 29)
    case 31: getOptions(words)
    default: runOwnCommand(name, words)
    }
  }

  /// echo, test and kill are programs too.
  @inline(never)
  private mutating func runOwnCommand(_ name: Text, _ words: UnsafeMutablePointer<CString?>) {
    // Of its own shell, `kill` knows the jobs.
    if name.is("kill") {
      var i = 0
      while let word = words[i] {
        if word[0] == 37, let job = job(Text(word)) { words[i] = number(job.pointee.item.process).start.mutable }
        i &+= 1
      }
    }
    let before = (program.arguments, program.name)
    program.arguments = words
    program.name = name
    program.status = 0
    _ = runCommand(&program)
    program.out.flush()
    status = program.finish()
    (program.arguments, program.name) = before
  }

  /// The number of a word, or another if there is none.
  @inline(never)
  private mutating func number(_ word: CString?, _ otherwise: Int) -> Int32 {
    guard let word else { return Int32(truncatingIfNeeded: otherwise) }
    if let number = Text(word).number { return Int32(truncatingIfNeeded: number) }
    complain(Text(word), "not a number")
    return status
  }

  private mutating func jumpOut(_ how: Jump, _ words: UnsafeMutablePointer<CString?>) {
    let count = Int(number(words[0], 1))
    if loops == 0 || count < 1 { return }
    jumpCount = count < loops ? count : loops
    jump = how
  }

  @inline(never)
  private mutating func runFile(_ words: UnsafeMutablePointer<CString?>) {
    guard let path = words[0] else { return complain(Text("."), "the file is missing") }
    guard calls < 10 else { return fail(Text(path), "calls are nested too deeply") }
    guard let descriptor = program.open(path, status: 2) else { return status = program.status }
    runOpened(descriptor)
  }
  /// A whole file, and closes it.
  @inline(never)
  mutating func runOpened(_ descriptor: Int32) {
    var source = Buffer()
    var got = 1
    while got > 0 { got = source.read(descriptor) }
    close(descriptor)
    if got < 0 {
      program.fail("reading", got)
      status = 126
    } else {
      calls &+= 1
      run(source.text)
      calls &-= 1
      if jump == .leaveFunction { jump = .none }
    }
    source.free()
  }

  @inline(never)
  private mutating func evaluate(_ words: UnsafeMutablePointer<CString?>) {
    guard calls < 10 else { return fail(Text("eval"), "calls are nested too deeply") }
    let begin = scratch.count
    var i = 0
    while let word = words[i] {
      if i > 0 { scratch.append(32) }
      scratch.append(Text(word))
      i &+= 1
    }
    let count = scratch.count - begin
    let copy = arena.copy(Text(scratch.start + begin, count))
    scratch.shorten(to: begin)
    calls &+= 1
    run(Text(copy, count))
    calls &-= 1
  }

  @inline(never)
  private mutating func replace(_ words: UnsafeMutablePointer<CString?>) {
    keepsRedirections = true
    guard words[0] != nil else { return }
    program.out.flush()
    fields.removeFirst()
    become()
    if !interactive { exit() }
  }

  @inline(never)
  private mutating func changeFolder(_ words: UnsafeMutablePointer<CString?>) {
    let home: Literal = "HOME"
    var target = words[0]
    var show = false
    if target == nil { target = variables.find(Text(home)).map { Variable.value($0) } }
    if let word = target, Text(word).is("-") {
      target = variables.find(Text("OLDPWD")).map { Variable.value($0) }
      show = true
    }
    guard let folder = target else { return complain(Text("cd"), "HOME or OLDPWD is not set") }
    withBytes(1024) {
      let old = linux_getcwd($0, 1024)
      let result = linux_chdir(folder)
      if result < 0 {
        program.fail(folder, result)
        return status = 1
      }
      if old > 0 { assign(Text("OLDPWD"), Text($0)) }
      if linux_getcwd($0, 1024) > 0 {
        assign(Text("PWD"), Text($0))
        if show {
          program.out.put($0)
          program.out.newline()
        }
      }
    }
  }

  /// pwd: the kernel's own word for it.
  @inline(never)
  private mutating func showFolder() {
    withBytes(1024) {
      let count = linux_getcwd($0, 1024)
      if count < 0 {
        program.fail("pwd", count)
        return status = 1
      }
      program.out.put($0)
      program.out.newline()
    }
  }

  @inline(never)
  private mutating func setMask(_ words: UnsafeMutablePointer<CString?>) {
    guard let word = words[0] else {
      let mask = linux_umask(0)
      _ = linux_umask(Int32(mask))
      program.out.put("0")
      if mask < 64 { program.out.put("0") }
      if mask < 8 { program.out.put("0") }
      program.out.octal(UInt32(mask))
      return program.out.newline()
    }
    var mask: Int32 = 0
    var i = 0
    while word[i] != 0 {
      guard word[i] &- 48 < 8, i < 4 else { return complain(Text(word), "not an octal number") }
      mask = mask << 3 | Int32(word[i] - 48)
      i &+= 1
    }
    _ = linux_umask(mask & 0o777)
  }

  /// type, and command -v: what a name stands for.
  @inline(never)
  private mutating func describe(_ words: UnsafeMutablePointer<CString?>, aloud: Bool) {
    var i = 0
    while let word = words[i] {
      i &+= 1
      let name = Text(word)
      if function(name) != nil || Shell.builtin(name) != nil || isCommandName(name) || linux_access(word, 1) == 0 {
        program.out.put(name)
        program.out.newline()
      } else {
        if aloud { complain(name, "not found") }
        status = 127
      }
    }
  }

}
