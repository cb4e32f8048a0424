// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// What the shell does itself: what changes it, and what scripts do so often that a process for it would be a waste.
extension Shell {
  private static var names: Literal {
    """
    :       .       [       break   cd      continueecho    eval    exec    exit    export  false   jobs    kill    \
    local   pwd     read    readonlyreturn  set     shift   test    true    type    umask   unset   wait    command \

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
      status = number(words[0], Int(previousStatus))
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
    guard let descriptor = program.open(path) else { return status = program.status }
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

  /// export and readonly: NAME or NAME=VALUE; without, what there is.
  @inline(never)
  private mutating func mark(_ words: UnsafeMutablePointer<CString?>, exported: Bool) {
    if words[0] == nil || Text(words[0].unsafelyUnwrapped).is("-p") { return showVariables(exported: true) }
    var i = 0
    while let word = words[i] {
      i &+= 1
      let text = Text(word)
      let equals = text.index(of: 61)
      let name = text.part(0, equals)
      guard isVariableName(name) else {
        complain(text, "not a name", status: 1)
        continue
      }
      let old = variables.find(name)
      if equals < text.count {
        assign(name, text.from(equals + 1))
      } else if old == nil {
        assign(name, Text(""))
      }
      if let variable = variables.find(name) {
        if exported { variable.pointee.exported = true } else { variable.pointee.readOnly = true }
      }
    }
  }
  @inline(never)
  private mutating func showVariables(exported: Bool) {
    var variable = variables.first
    while let here = variable {
      variable = here.pointee.next
      if exported && !here.pointee.exported || Variable.name(here).index(of: 40) < here.pointee.nameLength { continue }
      if exported { program.out.put("export ") }
      program.out.put(Variable.name(here))
      program.out.put("='")
      let value = Text(Variable.value(here))
      for i in 0..<value.count {
        if value[i] == 39 { program.out.put("'\\''") } else { program.out.put(value[i]) }
      }
      program.out.put("'\n")
    }
  }

  @inline(never)
  private mutating func declareLocal(_ words: UnsafeMutablePointer<CString?>) {
    if calls == 0 { return complain(Text("local"), "not in a function") }
    var i = 0
    while let word = words[i] {
      i &+= 1
      let text = Text(word)
      let equals = text.index(of: 61)
      guard isVariableName(text.part(0, equals)) else { return complain(text, "not a name", status: 1) }
      saveLocal(text.part(0, equals))
      if equals < text.count { assign(text.part(0, equals), text.from(equals + 1)) }
    }
    keepsLocals = true
  }

  @inline(never)
  private mutating func unset(_ words: UnsafeMutablePointer<CString?>) {
    var i = 0
    var functions = false
    while let word = words[i] {
      i &+= 1
      let text = Text(word)
      if text.is("-f") || text.is("-v") {
        functions = text.is("-f")
        continue
      }
      let name = functions ? Text(arena.copy(text, Text("()"))) : text
      if !variables.remove(name) { complain(text, "the variable is read-only", status: 1) }
    }
  }

  /// set [-efux] [+efux] [--] [WORD...]
  @inline(never)
  mutating func set(_ words: UnsafeMutablePointer<CString?>) {
    if words[0] == nil { return showVariables(exported: false) }
    var i = 0
    while let word = words[i], word[0] == 45 || word[0] == 43, word[1] != 0 {
      i &+= 1
      if Text(word).is("--") { return setParameters(words + i) }
      if !setFlags(word) { return }
    }
    if words[i] != nil { setParameters(words + i) }
  }
  /// Of a word like -ex. false: one is not known.
  mutating func setFlags(_ word: CString) -> Bool {
    let on = word[0] == 45
    var i = 1
    while word[i] != 0 {
      switch word[i] {
      case letter("e"): exitOnError = on
      case letter("f"): noGlob = on
      case letter("n"): readOnly = on
      case letter("u"): unsetIsError = on
      case letter("x"): trace = on
      default:
        complain(Text(word), "unknown option")
        return false
      }
      i &+= 1
    }
    return true
  }
  @inline(never)
  private mutating func setParameters(_ words: UnsafeMutablePointer<CString?>) {
    var count = 0
    var bytes = 0
    while let word = words[count] {
      bytes += length(word) + 1
      count &+= 1
    }
    let table = (count + 1) * MemoryLayout<CString?>.stride
    let memory = mapped(table + bytes)
    let array = UnsafeMutableRawPointer(memory).bindMemory(to: CString?.self, capacity: count + 1)
    var place = memory + table
    for i in 0..<count {
      let text = Text(words[i].unsafelyUnwrapped)
      array[i] = place
      place.update(from: text.start, count: text.count + 1)
      place += text.count + 1
    }
    array[count] = nil
    freeParameters()
    (parameters, ownParameters) = (array, table + bytes)
    ownParametersStart = array
  }
  mutating func freeParameters() {
    if ownParameters > 0, let start = ownParametersStart { _ = linux_unmap(start, ownParameters) }
    ownParameters = 0
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

  /// read [-r] [-p PROMPT] NAME...
  @inline(never)
  private mutating func read(_ words: UnsafeMutablePointer<CString?>) {
    var names = words
    var raw = false
    while let word = names[0], word[0] == 45 {
      names += 1
      if Text(word).is("-r") {
        raw = true
      } else if Text(word).is("-p"), let prompt = names[0] {
        names += 1
        program.out.put(prompt)
        program.out.flush()
      } else {
        return complain(Text(word), "unknown option")
      }
    }
    // With a backslash before each byte that does not separate.
    let begin = scratch.count
    var got = 1
    withBytes(8) { byte in
      while true {
        got = readSome(0, byte, 1)
        if got <= 0 || byte[0] == 10 { return }
        if byte[0] == 92, !raw {
          got = readSome(0, byte, 1)
          if got <= 0 { return }
          if byte[0] == 10 { continue }
          scratch.append(92)
        }
        if byte[0] != 0 { scratch.append(byte[0]) }
      }
    }
    status = got <= 0 ? 1 : 0
    let line = Text(arena.copy(Text(scratch.start + begin, scratch.count - begin)))
    scratch.shorten(to: begin)
    let separators = variables.find(Text("IFS")).map { Text(Variable.value($0)) } ?? Text(" \t\n")
    func separates(_ byte: UInt8) -> Bool { separators.index(of: byte) < separators.count }
    var at = 0
    var i = 0
    while let name = names[i] {
      i &+= 1
      while at < line.count, isSpace(line[at]), separates(line[at]) { at &+= 1 }
      let last = names[i] == nil
      var count = 0
      var keep = 0
      let value = arena.copy(line.from(at))
      while at < line.count {
        let byte = line[at]
        let escaped = byte == 92 && !raw && at + 1 < line.count
        if !escaped, separates(byte), !last { break }
        if escaped { at &+= 1 }
        value[count] = line[at]
        count &+= 1
        at &+= 1
        if escaped || !(separates(line[at - 1]) && isSpace(line[at - 1])) { keep = count }
      }
      // One that is no blank takes the blanks around it.
      while at < line.count, isSpace(line[at]), separates(line[at]) { at &+= 1 }
      if at < line.count, !last, separates(line[at]), !isSpace(line[at]) { at &+= 1 }
      guard isVariableName(Text(name)) else { return complain(Text(name), "not a name") }
      assign(Text(name), Text(value, keep))
    }
  }

  /// $(...): what the commands write, without the ends of lines at its end.
  @inline(never)
  mutating func substitute(_ commands: Text, _ quoted: Bool) {
    program.out.flush()
    let (savedFields, savedStatus) = (fields, status)
    guard let ends = makePipe() else { return fail(commands, "no pipe") }
    let process = spawnShell(commands, List<Redirection>(), -1, ends.1, background: false)
    fields = savedFields
    close(ends.1)
    withBytes(256) { bytes in
      var newlines = 0
      while true {
        let got = readSome(ends.0, bytes, 256)
        if got <= 0 { break }
        for i in 0..<got {
          if bytes[i] == 10 {
            newlines &+= 1
          } else if bytes[i] != 0 {
            while newlines > 0 {
              put(10, quoted: quoted)
              newlines &-= 1
            }
            put(bytes[i], quoted: quoted)
          }
        }
      }
    }
    close(ends.0)
    substitutionStatus = process > 0 ? wait(process) : 126
    status = savedStatus
  }
}
