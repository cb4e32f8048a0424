// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// init [COMMAND [WORD...]], process 1.
///
/// Mounts /proc, /sys and /dev, runs /etc/rc, then a shell on the console, over and over. With a command (on the kernel's
/// command line behind `--`) or with `run=COMMANDS` there, runs that instead, shows its exit status and turns the machine
/// off. It never ends: the kernel would panic.
func startSystem(_ program: inout Program) {
  if linux_process() != 1 { return program.fail("only the kernel starts it, as process 1") }
  mountSystem(&program)
  openConsole()
  // Keys for an interrupt or a stop are for others, and the kernel's Ctrl-Alt-Del restarts the machine at once.
  _ = linux_signal(2, 1)
  var stat = LinuxStat()
  if linux_stat(Literal("/etc/rc").start, 0, &stat) == 0 {
    let words = Argv("sh", "/etc/rc")
    _ = runAndWait(&program, words)
  }
  if program.hasArguments {
    runOnce(&program, Argv("sh", "-c", "\"$@\"", "sh", rest: program.arguments))
  } else if let commands = program.variable("run") {
    runOnce(&program, Argv("sh", "-c", commands))
  }
  while true {
    let status = runAndWait(&program, Argv("-sh"))
    // A shell that cannot start would fill the console.
    if status == 127 || status == 126 || status == 2 {
      var pause = LinuxTime(seconds: 1, nanoseconds: 0)
      _ = linux_sleep(&pause)
    }
  }
}

/// A few words for exec.
private struct Argv {
  var words = InlineArray<40, CString?>(repeating: nil)

  init(_ first: Literal, _ second: Literal? = nil) {
    words[0] = first.start
    if let second { words[1] = second.start }
  }
  init(_ first: Literal, _ second: Literal, _ third: CString) {
    self.init(first, second)
    words[2] = third
  }
  init(
    _ first: Literal, _ second: Literal, _ third: Literal, _ fourth: Literal,
    rest: UnsafeMutablePointer<CString?>
  ) {
    self.init(first, second, third.start)
    words[3] = fourth.start
    // The kernel takes 32 at most.
    var i = 0
    while i < 35, let word = rest[i] {
      words[4 + i] = word
      i &+= 1
    }
  }
}

private func mountSystem(_ program: inout Program) {
  func mount(_ type: Literal, _ target: Literal, _ program: inout Program) {
    let status = linux_mount(type.start, target.start, type.start, 0, nil)
    // The kernel may have none of that type, or have mounted it already.
    if status < 0, status != -Errno.busy, status != -Errno.noDevice { program.complain(Text(target), status) }
  }
  mount("proc", "/proc", &program)
  mount("sysfs", "/sys", &program)
  mount("devtmpfs", "/dev", &program)
}

/// The console as the standard input, output and error output, if there is one.
private func openConsole() {
  let opened = linux_open(Literal("/dev/console").start, 2 | Open.large | Open.noTerminal, 0)
  guard opened >= 0 else { return }
  let console = Int32(truncatingIfNeeded: opened)
  for descriptor: Int32 in 0...2 where descriptor != console { _ = linux_dup(console, descriptor) }
  if console > 2 { close(console) }
}

private struct Start {
  var words: Argv
  var environment: UnsafeMutablePointer<CString?>
}

/// The child: a session of its own, whose terminal is the console, so that keys reach what runs there.
private func childOfInit(_ context: UnsafeMutableRawPointer) {
  let start = context.assumingMemoryBound(to: Start.self)
  _ = linux_signal(2, 0)
  _ = linux_setsid()
  _ = linux_ioctl(0, 0x540e, nil)
  let words = UnsafeMutableRawPointer(start).assumingMemoryBound(to: CString?.self)
  _ = linux_exec(Literal("/proc/self/exe").start, words, start.pointee.environment)
  linux_exit(linux_exec(Literal("/bin/sh").start, words, start.pointee.environment) < 0 ? 127 : 0)
}

/// Runs a command and waits until it has ended, and for all orphans that end meanwhile.
private func runAndWait(_ program: inout Program, _ words: Argv) -> Int32 {
  program.out.flush()
  var start = Start(words: words, environment: program.environment)
  let process = withUnsafeMutablePointer(to: &start) { linux_vfork(childOfInit, UnsafeMutableRawPointer($0)) }
  if process < 0 {
    program.fail("cannot start a process", process)
    return 126
  }
  var child = LinuxChild()
  while true {
    let status = linux_wait(0, &child, 4)
    if status == -Errno.interrupted { continue }
    if status < 0 { return 127 }
    if Int(child.process) == process { return child.code == 1 ? child.status : 128 + child.status }
  }
}

private func runOnce(_ program: inout Program, _ words: Argv) -> Never {
  let status = runAndWait(&program, words)
  program.out.put("init: exit status ")
  program.out.decimal(Int(status))
  program.out.newline()
  program.out.flush()
  linux_sync()
  // What the console still has to send.
  var pause = LinuxTime(seconds: 0, nanoseconds: 100_000_000)
  _ = linux_sleep(&pause)
  _ = linux_reboot(Power.off)
  // A machine that cannot turn itself off restarts, which an emulator that was told so takes as the end.
  _ = linux_reboot(Power.restart)
  while true {
    pause.seconds = 1000
    _ = linux_sleep(&pause)
  }
}
