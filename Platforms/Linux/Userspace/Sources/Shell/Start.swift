// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// sh [-efux] [-c COMMANDS [NAME [WORD...]] | FILE [WORD...]]
@inline(never)
func sh(_ program: inout Program) {
  var shell = Shell(program)
  shell.importEnvironment()
  var commands: CString?
  var wants = false
  while let word = shell.program.arguments[0], word[0] == 45 || word[0] == 43, word[1] != 0 {
    shell.program.arguments += 1
    if Text(word).is("--") { break }
    // -c among the others.
    var i = 1
    var kept = 1
    while word[i] != 0 {
      switch word[i] {
      case letter("c"): wants = true
      case letter("i"): shell.interactive = true
      case letter("s"), letter("l"): break
      default:
        word[kept] = word[i]
        kept &+= 1
      }
      i &+= 1
    }
    word[kept] = 0
    if !shell.setFlags(word) { shell.exit() }
  }
  if wants {
    commands = shell.program.next()
    if commands == nil {
      shell.complain(Text("-c"), "the commands are missing")
      shell.exit()
    }
  }
  if let commands {
    if let name = shell.program.next() { shell.zero = name }
    shell.parameters = shell.program.arguments
    shell.run(Text(commands))
  } else if let file = shell.program.next() {
    shell.zero = file
    shell.parameters = shell.program.arguments
    guard let opened = shell.program.open(file, status: 127) else { linux_exit(127) }
    // Out of the way of what scripts redirect.
    let high = linux_fcntl(opened, 1030, 10)
    let descriptor = high < 0 ? opened : Int32(truncatingIfNeeded: high)
    if high >= 0 { close(opened) }
    shell.runOpened(descriptor)
  } else {
    shell.parameters = shell.program.arguments
    shell.interactive = shell.interactive || (isTerminal(0) && isTerminal(2))
    shell.holdSignals()
    shell.takeTerminal()
    shell.readAndRun()
  }
  shell.exit()
}

extension Shell {
  /// Variables; those with a dot before are a shell's that has started this one for a piece of its script.
  fileprivate mutating func importEnvironment() {
    processNumber = linux_process()
    _ = variables.set(Text("PPID"), number(linux_parent()))
    var i = 0
    while let entry = program.environment[i] {
      i &+= 1
      let text = Text(entry)
      let equals = text.index(of: 61)
      guard equals < text.count else { continue }
      let name = text.part(0, equals)
      let value = text.from(equals + 1)
      if name.is(".?") {
        status = Int32(value.number ?? 0)
      } else if name.is(".$") {
        processNumber = value.number ?? processNumber
      } else if name.count > 0, name[0] == 46 {
        _ = variables.set(name.from(1), value)
      } else if isVariableName(name) {
        variables.set(name, value)?.pointee.exported = true
      }
    }
    if variables.find(Text("PATH")) == nil {
      variables.set(Text("PATH"), Text("/bin:/sbin:/usr/bin:/usr/sbin"))?.pointee.exported = true
    }
    _ = variables.remove(Text("IFS"))
  }
}
