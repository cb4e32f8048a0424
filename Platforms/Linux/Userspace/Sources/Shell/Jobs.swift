// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// What runs in the background, or has been stopped.
struct Job {
  /// Its last process, whose exit status is the job's.
  var process: Int
  /// The process group of all of them; 0 where it is the shell's own.
  var group: Int
  var number: Int
  var text: CString
  var state: State
  var size: Int
}

/// What is known of a process or job.
enum State {
  case running, stopped
  case ended(Int32)
}

extension Shell {
  @inline(never)
  mutating func addJob(_ process: Int, _ text: Text, _ state: State = .running) {
    lastBackground = process
    var number = 1
    var job = jobs.first
    while let here = job {
      if here.pointee.item.number >= number { number = here.pointee.item.number + 1 }
      job = here.pointee.next
    }
    // Of its own memory, as it outlives the command that started it.
    var shown = text.count < 200 ? text.count : 200
    while shown > 0, isSpace(text[shown - 1]) { shown &-= 1 }
    let size = MemoryLayout<List<Job>.Node>.stride + shown + 1
    let node = UnsafeMutableRawPointer(mapped(size)).bindMemory(to: List<Job>.Node.self, capacity: 1)
    let copy = UnsafeMutableRawPointer(node + 1).assumingMemoryBound(to: UInt8.self)
    copy.update(from: text.start, count: shown)
    node.initialize(
      to: List<Job>.Node(
        next: nil,
        item: Job(
          process: process, group: terminal < 0 ? 0 : group, number: number, text: copy, state: state, size: size)))
    jobs.append(node)
    if case .stopped = state { return show(node) }
    if interactive {
      putJobNumber(number)
      program.out.decimal(process)
      program.out.newline()
    }
  }
  private mutating func putJobNumber(_ number: Int) {
    program.out.put(91)
    program.out.decimal(number)
    program.out.put("] ")
  }
  @inline(never)
  private mutating func show(_ job: List<Job>.Pointer) {
    putJobNumber(job.pointee.item.number)
    switch job.pointee.item.state {
    case .running: program.out.put("Running   ")
    case .stopped: program.out.put("Stopped   ")
    case .ended(0): program.out.put("Done      ")
    case .ended(let status):
      program.out.put("Exit ")
      program.out.decimal(UInt64(status), width: 3)
      program.out.put("  ")
    }
    program.out.put(job.pointee.item.text)
    program.out.newline()
  }

  /// Shows the jobs, `all` or those that have ended or stopped; those that have ended are then forgotten.
  @inline(never)
  mutating func reportJobs(all: Bool) {
    var job = jobs.first
    while let here = job {
      job = here.pointee.next
      let news = look(here)
      if all || news { show(here) }
      if case .ended = here.pointee.item.state { forget(here) }
    }
  }
  private mutating func forget(_ node: List<Job>.Pointer) {
    jobs.remove(node)
    _ = linux_unmap(node, node.pointee.item.size)
  }
  /// Whether it has ended, or stopped, since the last time.
  private func look(_ job: List<Job>.Pointer) -> Bool {
    let state = state(job.pointee.item.process, 0, options: 7)
    if case .running = state { return false }
    // Each process of a pipeline that stops is told of.
    if case .stopped = state, case .stopped = job.pointee.item.state { return false }
    job.pointee.item.state = state
    return true
  }

  /// Of a process, or of a group whose last one it is. `options` as waitid has them: 1 does not wait, 2 takes notice of
  /// those that stop, 4 of those that end.
  @inline(never)
  private func state(_ process: Int, _ group: Int, options: Int32) -> State {
    var child = LinuxChild()
    var result = State.ended(127)
    while true {
      let status = linux_wait(Int32(group > 0 ? -group : process), &child, options)
      if status == -Errno.interrupted { continue }
      if status < 0 { return result }
      if child.process == 0 { return .running }
      if child.code == 5 { return .stopped }
      if child.process == process {
        result = .ended(child.code == 1 ? child.status : 128 + child.status)
        // The others of the group, too.
        if group <= 0 { return result }
      }
    }
  }

  /// Waits for a command in the foreground. One that is stopped becomes a job.
  @inline(never)
  mutating func wait(_ process: Int) -> Int32 {
    let ours = terminal >= 0 && group > 0
    let state = state(process, ours ? group : 0, options: ours ? 6 : 4)
    if ours { giveTerminal(terminal, 0) }
    return note(state, process)
  }
  private mutating func note(_ state: State, _ process: Int) -> Int32 {
    guard case .ended(let status) = state else {
      program.out.newline()
      addJob(process, statement, .stopped)
      return 148
    }
    // Nobody is told of an interrupt, or of an end of output that nobody wanted.
    if status > 128, status != 130, status != 141, let name = signalName(Int(status) - 128) {
      program.complain(name, 0, "the signal ended the command")
    } else if status == 130, interactive {
      program.out.newline()
      // Of a group of its own, this shell was not told.
      if terminal >= 0, group > 0 { jump = .interrupted }
    }
    return status
  }

  /// fg and bg: a stopped job goes on, or one from the background comes to the fore.
  mutating func resume(_ words: UnsafeMutablePointer<CString?>, foreground: Bool) {
    guard let job = job(Text(words[0] ?? Literal("%%").start)), terminal >= 0 else {
      return complain(words[0].map { Text($0) } ?? Text("job"), "there is none, or no terminal for it")
    }
    let item = job.pointee.item
    job.pointee.item.state = .running
    if !foreground { putJobNumber(item.number) }
    program.out.put(item.text)
    program.out.newline()
    program.out.flush()
    if foreground { giveTerminal(terminal, item.group) }
    _ = linux_kill(Int32(-item.group), Signals.go)
    if !foreground { return }
    group = item.group
    statement = Text(item.text)
    let state = state(item.process, group, options: 6)
    giveTerminal(terminal, 0)
    if case .stopped = state {
      job.pointee.item.state = state
      program.out.newline()
      show(job)
      status = 148
    } else {
      status = note(state, item.process)
      forget(job)
    }
    group = -1
  }

  /// wait [PROCESS | %JOB]...
  mutating func waitForJobs(_ arguments: UnsafeMutablePointer<CString?>) {
    status = 0
    guard arguments[0] != nil else {
      while let here = jobs.first {
        let result = waitFor(here)
        // It is still there if a signal came first.
        if jobs.first == here { return status = result }
      }
      return
    }
    var i = 0
    while let argument = arguments[i], jump == .none {
      i &+= 1
      guard let job = job(Text(argument)) else {
        status = 127
        continue
      }
      status = waitFor(job)
    }
  }

  /// The job of a process number, or of a job number with a percent sign; %% and %+ are the last.
  @inline(never)
  func job(_ word: Text) -> List<Job>.Pointer? {
    let byNumber = word.count > 0 && word[0] == 37
    let rest = byNumber ? word.from(1) : word
    if byNumber, rest.is("") || rest.is("%") || rest.is("+") { return jobs.last }
    var job = jobs.first
    while let here = job {
      if (byNumber ? here.pointee.item.number : here.pointee.item.process) == rest.number { return here }
      job = here.pointee.next
    }
    return nil
  }

  /// Until it ends, or a signal comes that has a trap, or an interrupt.
  private mutating func waitFor(_ job: List<Job>.Pointer) -> Int32 {
    while true {
      if case .ended(let status) = job.pointee.item.state {
        forget(job)
        return status
      }
      let held = signals.held
      job.pointee.item.state = state(job.pointee.item.process, 0, options: held == 0 ? 4 : 5)
      guard held != 0, case .running = job.pointee.item.state else { continue }
      let signal = Int32(truncatingIfNeeded: linux_signal_wait(held, nil))
      if signal > 0, signal != Signals.child {
        take(signal)
        return 128 + signal
      }
    }
  }

  /// The terminal's keys are for this shell from now on, and then for its jobs in turn.
  mutating func takeTerminal() {
    guard interactive else { return }
    let copy = Int32(truncatingIfNeeded: linux_fcntl(2, 1030, 10))
    _ = linux_set_group(0, 0)
    if giveTerminal(copy, 0) { terminal = copy } else { close(copy) }
  }
}

/// Keys are for that group; 0: the caller's own, which is called as it is.
@inline(never)
@discardableResult
func giveTerminal(_ terminal: Int32, _ group: Int) -> Bool {
  var number = Int32(group == 0 ? linux_process() : group)
  return linux_ioctl(terminal, 0x5410, &number) == 0
}
