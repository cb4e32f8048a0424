// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Commands side by side: pipelines, what runs in the background, and what stands in a $(...).
extension Shell {
  @inline(never)
  mutating func runPipeline(_ pipeline: Node.Pointer) {
    if let only = pipeline.pointee.first, only.pointee.next == nil {
      runNode(only)
    } else {
      runProcesses(pipeline)
    }
    takeSignals()
    if pipeline.pointee.flag { status = status == 0 ? 1 : 0 }
  }

  @inline(never)
  mutating func runProcesses(_ pipeline: Node.Pointer) {
    let mark = arena.mark
    var processes = List<Int>()
    var input: Int32 = -1
    var command = pipeline.pointee.first
    program.out.flush()
    group = 0
    while let here = command {
      var ends: (Int32, Int32) = (-1, -1)
      if here.pointee.next != nil, let pipe = makePipe() { ends = pipe }
      let process = spawn(here, input, ends.1, background: false)
      if input >= 0 { close(input) }
      if ends.1 >= 0 { close(ends.1) }
      input = ends.0
      processes.append(process, &arena)
      command = here.pointee.next
    }
    if input >= 0 { close(input) }
    var process = processes.first
    while let here = process {
      if here.pointee.next == nil, here.pointee.item <= 0 { status = 1 }
      // In a group of their own they are waited for all at once.
      if here.pointee.item > 0, terminal < 0 || here.pointee.next == nil { status = wait(here.pointee.item) }
      process = here.pointee.next
    }
    group = -1
    arena.release(to: mark)
  }

  @inline(never)
  mutating func makePipe() -> (Int32, Int32)? {
    var ends: InlineArray<2, Int32> = [-1, -1]
    let status = withUnsafeMutableBytes(of: &ends) {
      linux_pipe($0.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: Int32.self))
    }
    if status < 0 {
      program.fail("pipe", status)
      return nil
    }
    return (ends[0], ends[1])
  }

  mutating func runInBackground(_ statement: Node.Pointer) {
    let mark = arena.mark
    program.out.flush()
    let process: Int
    group = 0
    if let pipeline = statement.pointee.first, pipeline.pointee.next == nil, !pipeline.pointee.flag,
      let command = pipeline.pointee.first, command.pointee.next == nil
    {
      process = spawn(command, -1, -1, background: true)
    } else {
      process = spawnShell(statement.pointee.text, List<Redirection>(), -1, -1, background: true)
    }
    arena.release(to: mark)
    status = process > 0 ? 0 : 1
    if process > 0 { addJob(process, statement.pointee.text) }
    group = -1
  }

  /// Starts a command as a process of its own, or 0.
  @inline(never)
  mutating func spawn(_ command: Node.Pointer, _ input: Int32, _ output: Int32, background: Bool) -> Int {
    guard command.pointee.kind == .simple else {
      guard resolve(command.pointee.redirections) else { return 0 }
      let process = spawnShell(
        command.pointee.text, command.pointee.redirections, input, output, background: background)
      release(command.pointee.redirections)
      return process
    }
    let assignments = expandCommand(command)
    guard jump == .none else { return 0 }
    // What this shell itself does, another one does as well; but echo and the like are programs too.
    if let name = fields.first.map({ Text($0.pointee.item) }), isCommandName(name) || !isOwn(name) {
      guard resolve(command.pointee.redirections) else { return 0 }
      let process = launch(assignments, command.pointee.redirections, input, output, background)
      release(command.pointee.redirections)
      return process
    }
    return spawnShell(command.pointee.text, List<Redirection>(), input, output, background: background)
  }

  /// $(...): what the commands write, without the ends of lines at its end.
  @inline(never)
  mutating func substitute(_ commands: Text, _ quoted: Bool) {
    program.out.flush()
    let (savedFields, savedStatus) = (fields, status)
    guard let ends = makePipe() else { return fail(commands, "no pipe") }
    let outer = group
    group = -1
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
    group = outer
  }
}
