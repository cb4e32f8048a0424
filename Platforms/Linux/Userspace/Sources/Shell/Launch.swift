// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// All that a new process needs, so that it has nothing to find out and no memory to ask for: it shares the shell's.
private struct Launch {
  /// Room for the name of a shell, then the arguments.
  var words: UnsafeMutablePointer<CString?>
  var arguments: UnsafeMutablePointer<CString?> { words + 1 }
  var environment: UnsafeMutablePointer<CString?>
  var redirections: List<Redirection>.Pointer?
  var input: Int32
  var output: Int32
  var background: Bool
  /// Where to look, and room for a path.
  var folders: Text
  var path: CString
  /// This program itself, whatever it is called.
  var own: Bool
  /// Filled in by `start`: how the shell has changed signals, and where it puts its jobs.
  var signals = Signals()
  var interactive = false
  var terminal: Int32 = -1
  var group = -1
}

/// Arguments and environment lie on the new process's stack, and without an MMU the kernel does not see when they do not
/// fit: they would overwrite what lies below. This much of the stack is theirs (Tools/erofs_tools/userspace/build.py).
private let longestArguments = 8192

private var ownPath: Literal { "/proc/self/exe" }
private var shellPath: Literal { "/bin/sh" }

extension Shell {
  /// Starts the program that `fields` name. Its number, or 0 after saying why not.
  @inline(never)
  mutating func launch(
    _ assignments: List<CString>, _ redirections: List<Redirection>, _ input: Int32, _ output: Int32,
    _ background: Bool
  ) -> Int {
    let words = argumentArray()
    let folders = variables.find(Text("PATH")).map { Text(Variable.value($0)) } ?? Text("/bin:/sbin:/usr/bin:/usr/sbin")
    let name = Text(words[1].unsafelyUnwrapped)
    let path = arena.allocate(folders.count + name.count + 2)
    return start(
      Launch(
        words: words, environment: environmentArray(assignments, all: false), redirections: redirections.first,
        input: input, output: output, background: background, folders: folders, path: path, own: false))
  }

  /// Starts a shell for a piece of a script: there is no fork, so it is told what this one knows.
  @inline(never)
  mutating func spawnShell(
    _ text: Text, _ redirections: List<Redirection>, _ input: Int32, _ output: Int32, background: Bool
  ) -> Int {
    fields = List<CString>()
    fields.append(Literal("sh").start, &arena)
    if exitOnError { fields.append(Literal("-e").start, &arena) }
    if trace { fields.append(Literal("-x").start, &arena) }
    if noGlob { fields.append(Literal("-f").start, &arena) }
    if unsetIsError { fields.append(Literal("-u").start, &arena) }
    fields.append(Literal("-c").start, &arena)
    fields.append(arena.copy(text), &arena)
    fields.append(zero, &arena)
    for i in 0..<parameterCount { if let parameter = parameters[i] { fields.append(parameter, &arena) } }
    return start(
      Launch(
        words: argumentArray(), environment: environmentArray(List<CString>(), all: true),
        redirections: redirections.first, input: input, output: output, background: background, folders: Text(""),
        path: zero, own: true))
  }

  /// Exported variables and `extra`, which comes first. `all`: also others, their names with a dot before, and $? and $$.
  private mutating func environmentArray(_ extra: List<CString>, all: Bool) -> UnsafeMutablePointer<CString?> {
    var list = extra
    var variable = variables.first
    while let here = variable {
      variable = here.pointee.next
      let text = Variable.text(here)
      if here.pointee.exported {
        if !isAmong(extra, Variable.name(here)) { list.append(text, &arena) }
      } else if all, text[0] != 40 {
        // But traps are this shell's alone.
        list.append(arena.copy(Text("."), Text(text)), &arena)
      }
    }
    if all {
      list.append(arena.copy(Text(".?="), number(Int(status))), &arena)
      list.append(arena.copy(Text(".$="), number(processNumber)), &arena)
    }
    fields = list
    return argumentArray() + 1
  }
  private func isAmong(_ list: List<CString>, _ name: Text) -> Bool {
    var entry = list.first
    while let here = entry {
      let text = Text(here.pointee.item)
      if text.starts(with: name), text.count > name.count, text[name.count] == 61 { return true }
      entry = here.pointee.next
    }
    return false
  }

  private mutating func start(_ launch: Launch) -> Int {
    let name = launch.arguments[0].unsafelyUnwrapped
    if size(launch.arguments) + size(launch.environment) > longestArguments {
      program.fail(name, Errno.tooLong)
      status = 126
      return 0
    }
    var launch = launch
    (launch.signals, launch.interactive, launch.terminal, launch.group) = (signals, interactive, terminal, group)
    let process = withUnsafeMutablePointer(to: &launch) { linux_vfork(childOfShell, UnsafeMutableRawPointer($0)) }
    if process < 0 {
      program.fail(name, process)
      status = 126
      return 0
    }
    // The others of a pipeline join the first.
    if group == 0 { group = process }
    return process
  }
  private func size(_ words: UnsafeMutablePointer<CString?>) -> Int {
    var size = 64
    var i = 0
    while let word = words[i] {
      size += length(word) + 1 + MemoryLayout<CString?>.stride
      i &+= 1
    }
    return size
  }

  /// Becomes the program that `fields` name; returns only if that fails, with the status set.
  mutating func become() {
    let words = argumentArray()
    let folders = variables.find(Text("PATH")).map { Text(Variable.value($0)) } ?? Text("/bin:/sbin")
    let path = arena.allocate(folders.count + length(words[1].unsafelyUnwrapped) + 2)
    let environment = environmentArray(List<CString>(), all: false)
    if size(words + 1) + size(environment) > longestArguments {
      program.fail(words[1].unsafelyUnwrapped, Errno.tooLong)
      return status = 126
    }
    var launch = Launch(
      words: words, environment: environment, redirections: nil, input: -1, output: -1, background: false,
      folders: folders, path: path, own: false)
    restoreSignals(signals, interactive: interactive, deaf: false)
    status = execute(&launch)
    holdSignals()
  }
}

/// The child, up to its exec. The shell waits meanwhile.
private func childOfShell(_ context: UnsafeMutableRawPointer) {
  let launch = context.assumingMemoryBound(to: Launch.self)
  if launch.pointee.terminal >= 0, launch.pointee.group >= 0 {
    _ = linux_set_group(0, launch.pointee.group)
    if !launch.pointee.background { giveTerminal(launch.pointee.terminal, launch.pointee.group) }
  }
  let deaf = launch.pointee.background && launch.pointee.terminal < 0
  restoreSignals(launch.pointee.signals, interactive: launch.pointee.interactive, deaf: deaf)
  var failed: (Text, Int)?
  if deaf, launch.pointee.input < 0 {
    let opened = linux_open(Literal("/dev/null").start, 0, 0)
    if opened > 0 {
      _ = duplicate(Int32(truncatingIfNeeded: opened), 0)
      close(Int32(truncatingIfNeeded: opened))
    }
  }
  if launch.pointee.input >= 0 { _ = duplicate(launch.pointee.input, 0) }
  if launch.pointee.output >= 0 { _ = duplicate(launch.pointee.output, 1) }
  var redirection = launch.pointee.redirections
  while let here = redirection, failed == nil {
    let status = applyRedirection(here.pointee.item)
    if status < 0 { failed = (here.pointee.item.target.map { Text($0) } ?? here.pointee.item.text, status) }
    redirection = here.pointee.next
  }
  if let (what, why) = failed {
    complainOfChild(what, why)
    linux_exit(1)
  }
  linux_exit(execute(&launch.pointee))
}

private func complainOfChild(_ what: Text, _ why: Int) {
  withBytes(8) { bytes in
    var program = Program(
      arguments: UnsafeMutableRawPointer(bytes).bindMemory(to: CString?.self, capacity: 1),
      environment: UnsafeMutableRawPointer(bytes).bindMemory(to: CString?.self, capacity: 1), name: Text("sh"),
      out: Output(1, bytes, 8))
    if why == 0 { program.complain(what, 0, "command not found") } else { program.complain(what, why) }
  }
}

/// Looks for the program and becomes it. The exit status of a shell that could not: 127 not found, 126 otherwise.
private func execute(_ launch: inout Launch) -> Int32 {
  let arguments = launch.arguments
  let name = arguments[0].unsafelyUnwrapped
  let text = Text(name)
  var status = -Errno.noEntry
  if launch.own {
    status = become(&launch, ownPath.start)
    if status == -Errno.noEntry { status = become(&launch, shellPath.start) }
  } else if text.index(of: 47) < text.count {
    status = become(&launch, name)
  } else if text.count > 0 {
    var at = 0
    let folders = launch.folders
    var denied = false
    while at <= folders.count {
      let end = folders.index(of: 58, from: at)
      let folder = folders.part(at, end)
      launch.path.update(from: folder.start, count: folder.count)
      var count = folder.count
      if count > 0 {
        launch.path[count] = 47
        count &+= 1
      }
      (launch.path + count).update(from: name, count: text.count + 1)
      let why = become(&launch, launch.path)
      if why == -Errno.access {
        denied = true
      } else if why != -Errno.noEntry && why != -Errno.notDirectory {
        status = why
      }
      at = end + 1
    }
    if denied, status == -Errno.noEntry { status = -Errno.access }
    // What this program can do needs no link.
    if status == -Errno.noEntry, isCommandName(text) { status = become(&launch, ownPath.start) }
    if status == -Errno.noEntry {
      complainOfChild(text, 0)
      return 127
    }
  } else {
    complainOfChild(text, 0)
    return 127
  }
  complainOfChild(text, status)
  return status == -Errno.noEntry || status == -Errno.notDirectory ? 127 : 126
}

/// exec; a file that is no program is a script.
private func become(_ launch: inout Launch, _ path: UnsafePointer<UInt8>) -> Int {
  let status = linux_exec(path, launch.arguments, launch.environment)
  guard status == -Errno.noExecutable else { return status }
  let script = launch.words
  let name = script[1]
  script[0] = Literal("sh").start
  script[1] = path.mutable
  var again = linux_exec(ownPath.start, script, launch.environment)
  if again == -Errno.noEntry { again = linux_exec(shellPath.start, script, launch.environment) }
  script[1] = name
  return again
}
