// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Carrying out what was read.
extension Shell {
  @inline(never)
  mutating func runList(_ list: Node.Pointer) {
    // On 32 bits each level takes 200 bytes of the stack (README.md, Memory).
    guard depth < 30 else { return fail(Text("functions and commands"), "nested too deeply") }
    depth &+= 1
    defer { depth &-= 1 }
    var statement = list.pointee.first
    while let here = statement, jump == .none {
      self.statement = here.pointee.text
      if here.pointee.flag { runInBackground(here) } else { runStatement(here) }
      statement = here.pointee.next
    }
  }

  @inline(never)
  mutating func runStatement(_ statement: Node.Pointer) {
    var pipeline = statement.pointee.first
    while let here = pipeline, jump == .none {
      let joint = here.pointee.joint
      if joint == .always || (status == 0) == (joint == .and) {
        // All but the last are tested by what follows.
        let isTested = here.pointee.next != nil || here.pointee.flag
        if isTested { tested &+= 1 }
        runPipeline(here)
        if isTested { tested &-= 1 }
        if status != 0, exitOnError, tested == 0, !isTested, jump == .none { exit() }
      }
      pipeline = here.pointee.next
    }
  }

  mutating func isOwn(_ name: Text) -> Bool { Shell.builtin(name) != nil || function(name) != nil }

  /// Sets `fields`; the assignments before them are returned as they are to be.
  @inline(never)
  mutating func expandCommand(_ command: Node.Pointer) -> List<CString> {
    fields = List<CString>()
    var assignments = List<CString>()
    var word = command.pointee.words.first
    var named = false
    while let here = word, jump == .none {
      let text = here.pointee.item
      let equals = text.index(of: 61)
      if !named, equals < text.count, isVariableName(text.part(0, equals)) {
        let value = Text(expandOne(text.from(equals + 1)))
        assignments.append(arena.copy(text.part(0, equals + 1), value), &arena)
      } else {
        named = true
        expandFields(text)
      }
      word = here.pointee.next
    }
    if trace, jump == .none { showTrace(assignments) }
    return assignments
  }

  @inline(never)
  private mutating func showTrace(_ assignments: List<CString>) {
    let words = fields.first
    withBytes(256) {
      var error = Output(2, $0, 256)
      error.put(43)
      error.put(assignments.first)
      error.put(words)
      error.newline()
      error.flush()
    }
  }

  @inline(never)
  mutating func runNode(_ command: Node.Pointer) {
    let mark = arena.mark
    if command.pointee.kind == .simple {
      runSimple(command)
    } else if command.pointee.kind == .function {
      let name = command.pointee.words.first.unsafelyUnwrapped.pointee.item
      assign(Text(arena.copy(name, Text("()"))), command.pointee.text)
      status = 0
    } else if command.pointee.kind == .subshell {
      program.out.flush()
      if resolve(command.pointee.redirections) {
        group = 0
        let process = spawnShell(command.pointee.text, command.pointee.redirections, -1, -1, background: false)
        release(command.pointee.redirections)
        status = process > 0 ? wait(process) : 1
        group = -1
      }
    } else if command.pointee.redirections.first == nil {
      runCompound(command)
    } else if resolve(command.pointee.redirections) {
      var saved = List<SavedDescriptor>()
      if redirect(command.pointee.redirections, saving: &saved) { runCompound(command) } else { status = 1 }
      restore(saved)
      release(command.pointee.redirections)
    }
    arena.release(to: mark)
  }

  @inline(never)
  private mutating func runCompound(_ command: Node.Pointer) {
    switch command.pointee.kind {
    case .group: runList(command.pointee.first.unsafelyUnwrapped)
    case .condition:
      var branch: Node.Pointer? = command
      status = 0
      while let here = branch, here.pointee.kind == .condition {
        if isTrue(here.pointee.first) { return runList(here.pointee.second.unsafelyUnwrapped) }
        if jump != .none { return }
        status = 0
        branch = here.pointee.third
      }
      if let branch { runList(branch) }
    case .whileLoop, .untilLoop:
      var last: Int32 = 0
      loops &+= 1
      while jump == .none, isTrue(command.pointee.first) == (command.pointee.kind == .whileLoop), jump == .none {
        runList(command.pointee.second.unsafelyUnwrapped)
        last = status
        if endTurn() { break }
      }
      _ = endTurn()
      loops &-= 1
      if jump == .none { status = last }
    case .forLoop: runFor(command)
    default: runChoice(command)
    }
  }

  @inline(never)
  private mutating func isTrue(_ list: Node.Pointer?) -> Bool {
    tested &+= 1
    runList(list.unsafelyUnwrapped)
    tested &-= 1
    return status == 0
  }
  /// Whether the loop is to be left. Looks after the one that `break` or `continue` meant.
  @inline(never)
  private mutating func endTurn() -> Bool {
    guard jump == .leaveLoop || jump == .nextTurn else { return jump != .none }
    if jumpCount > 1 {
      jumpCount &-= 1
      // The outer one takes notice.
      return true
    }
    let leaves = jump == .leaveLoop
    jump = .none
    return leaves
  }

  @inline(never)
  private mutating func runFor(_ command: Node.Pointer) {
    let name = command.pointee.words.first.unsafelyUnwrapped
    fields = List<CString>()
    if command.pointee.flag {
      var word = name.pointee.next
      while let here = word, jump == .none {
        expandFields(here.pointee.item)
        word = here.pointee.next
      }
    } else {
      for i in 0..<parameterCount { if let parameter = parameters[i] { fields.append(parameter, &arena) } }
    }
    var value = fields.first
    status = 0
    loops &+= 1
    while let here = value, jump == .none {
      assign(name.pointee.item, Text(here.pointee.item))
      if jump == .none { runList(command.pointee.second.unsafelyUnwrapped) }
      if endTurn() { break }
      value = here.pointee.next
    }
    loops &-= 1
  }

  @inline(never)
  private mutating func runChoice(_ command: Node.Pointer) {
    let word = Text(expandOne(command.pointee.words.first.unsafelyUnwrapped.pointee.item))
    status = 0
    var branch = command.pointee.first
    while let here = branch, jump == .none {
      var pattern = here.pointee.words.first
      while let one = pattern, jump == .none {
        if matches(Text(expandOne(one.pointee.item, pattern: true)), word) {
          return runList(here.pointee.second.unsafelyUnwrapped)
        }
        pattern = one.pointee.next
      }
      branch = here.pointee.next
    }
  }

  @inline(never)
  private mutating func runSimple(_ command: Node.Pointer) {
    substitutionStatus = 0
    let assignments = expandCommand(command)
    let redirections = command.pointee.redirections
    guard jump == .none, resolve(redirections) else { return }
    let name = fields.first.map { Text($0.pointee.item) }
    let body = name.flatMap { function($0) }
    let builtin = name.flatMap { Shell.builtin($0) }
    if let name, body == nil, builtin == nil {
      program.out.flush()
      group = 0
      let process = launch(assignments, redirections, -1, -1, false)
      release(redirections)
      _ = name
      status = process > 0 ? wait(process) : 126
      group = -1
      return
    }
    var saved = List<SavedDescriptor>()
    guard redirect(redirections, saving: &saved) else {
      restore(saved)
      release(redirections)
      status = 1
      return
    }
    if name == nil { status = substitutionStatus }
    // Before a command they are for it alone.
    let variablesBefore = locals
    var assignment = assignments.first
    while let here = assignment, jump == .none {
      let text = Text(here.pointee.item)
      let equals = text.index(of: 61)
      if name != nil { saveLocal(text.part(0, equals)) }
      assign(text.part(0, equals), text.from(equals + 1))
      if name != nil { variables.find(text.part(0, equals))?.pointee.exported = true }
      assignment = here.pointee.next
    }
    if jump == .none {
      let arguments = argumentArray() + 1
      if let body {
        call(body, arguments)
      } else if let builtin {
        keepsRedirections = false
        previousStatus = status
        run(builtin, arguments)
        program.out.flush()
        if program.out.failure != 0 { status = program.finish() }
      }
    }
    if keepsLocals { keepsLocals = false } else { restoreLocals(variablesBefore) }
    if keepsRedirections { keepsRedirections = false } else { restore(saved) }
    release(redirections)
  }

  /// Room for the name of a shell, then the fields, and a nil.
  @inline(never)
  mutating func argumentArray() -> UnsafeMutablePointer<CString?> {
    let count = fields.count
    let array = UnsafeMutableRawPointer(arena.allocate((count + 2) * MemoryLayout<CString?>.stride))
      .bindMemory(to: CString?.self, capacity: count + 2)
    array[0] = nil
    var field = fields.first
    var i = 1
    while let here = field {
      array[i] = here.pointee.item
      i &+= 1
      field = here.pointee.next
    }
    array[i] = nil
    return array
  }

}

extension Output {
  /// Words, each with a blank before it.
  fileprivate mutating func put(_ words: List<CString>.Pointer?) {
    var word = words
    while let here = word {
      put(32)
      put(here.pointee.item)
      word = here.pointee.next
    }
  }
}
