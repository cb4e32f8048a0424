// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A process in the background.
struct Job {
  var process: Int
  var number: Int
  var text: CString
  /// Its exit status, once it has ended.
  var status: Int32?
  var size: Int
}

extension Shell {
  mutating func addJob(_ process: Int, _ text: Text) {
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
      to: List<Job>.Node(next: nil, item: Job(process: process, number: number, text: copy, status: nil, size: size)))
    jobs.append(node)
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

  /// Notes the jobs that have ended.
  @inline(never)
  mutating func collect() {
    var job = jobs.first
    while let here = job {
      if here.pointee.item.status == nil {
        here.pointee.item.status = ended(here.pointee.item.process, blocking: false)
      }
      job = here.pointee.next
    }
  }

  /// Shows the jobs, `all` or those that have ended; those are then forgotten.
  @inline(never)
  mutating func reportJobs(all: Bool) {
    collect()
    var job = jobs.first
    while let here = job {
      let item = here.pointee.item
      job = here.pointee.next
      guard all || item.status != nil else { continue }
      putJobNumber(item.number)
      if let status = item.status {
        program.out.put(status == 0 ? "Done    " : "Exit ")
        if status != 0 { program.out.decimal(UInt64(status), width: 3) }
      } else {
        program.out.put("Running ")
      }
      program.out.put("  ")
      program.out.put(item.text)
      program.out.newline()
      if item.status != nil { forget(here) }
    }
  }
  private mutating func forget(_ node: List<Job>.Pointer) {
    jobs.remove(node)
    _ = linux_unmap(node, node.pointee.item.size)
  }

  /// The exit status of a process that has ended; nil if it has not.
  private func ended(_ process: Int, blocking: Bool) -> Int32? {
    var child = LinuxChild()
    while true {
      // WEXITED, WNOHANG
      let status = linux_wait(Int32(process), &child, blocking ? 4 : 5)
      if status == -Errno.interrupted { continue }
      if status < 0 { return 127 }
      if child.process == 0 { return nil }
      return child.code == 1 ? child.status : 128 + child.status
    }
  }

  /// Waits for a command.
  @inline(never)
  mutating func wait(_ process: Int) -> Int32 {
    let status = ended(process, blocking: true) ?? 127
    // Nobody is told of an interrupt, or of an end of output that nobody wanted.
    if status > 128, status != 130, status != 141, let name = signalName(Int(status) - 128) {
      program.complain(name, 0, "the signal ended the command")
    } else if status == 130, interactive {
      program.out.newline()
    }
    return status
  }

  /// wait [PROCESS | %JOB]...
  mutating func waitForJobs(_ arguments: UnsafeMutablePointer<CString?>) {
    status = 0
    guard arguments[0] != nil else {
      while let here = jobs.first, jump == .none {
        _ = waitFor(here)
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

  private mutating func waitFor(_ job: List<Job>.Pointer) -> Int32 {
    let process = job.pointee.item.process
    var result = job.pointee.item.status ?? ended(process, blocking: !interactive)
    while result == nil {
      // Until it or an interrupt comes.
      if linux_signal_wait(interruptMask | childMask, nil) == 2 {
        jump = .interrupted
        return 130
      }
      result = ended(process, blocking: false)
    }
    forget(job)
    return result ?? 127
  }

  /// Whether somebody has pressed the key for it since the last time.
  @inline(never)
  func takeInterrupt() -> Bool {
    var none = LinuxTime()
    return linux_signal_wait(interruptMask, &none) == 2
  }
}
