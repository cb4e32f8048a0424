// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Called by `_start` with what the kernel has put on the stack: the number of arguments, the arguments up to a nil, the
/// environment up to a nil.
@c(program_start)
public func programStart(_ stack: UnsafeMutablePointer<Int>) {
  let arguments = UnsafeMutableRawPointer(stack + 1).assumingMemoryBound(to: CString?.self)
  let count = stack[0]
  withBytes(1024) { buffer in
    var program = Program(
      arguments: arguments, environment: arguments + count + 1, name: Text("userspace"), out: Output(1, buffer, 1024))
    exit(run(&program))
  }
}

/// Runs what the first argument names: the program by its link, or `userspace NAME`.
private func run(_ program: inout Program) -> Int32 {
  while let argument = program.next() {
    program.name = lastName(Text(argument))
    // A shell for somebody who has just come.
    if program.name.count > 1, program.name[0] == 45 { program.name = program.name.from(1) }
    if !program.name.is("userspace") { break }
  }
  guard runCommand(&program) else {
    program.fail("no such command", status: 127)
    return program.finish()
  }
  return program.finish()
}

/// The command of the program's name; false if there is none.
func runCommand(_ program: inout Program) -> Bool {
  let name = program.name
  if name.is("cat") {
    cat(&program)
  } else if name.is("cp") {
    cp(&program)
  } else if name.is("date") {
    date(&program)
  } else if name.is("dmesg") {
    dmesg(&program)
  } else if name.is("echo") {
    echo(&program)
  } else if name.is("free") {
    free(&program)
  } else if name.is("grep") {
    grep(&program)
  } else if name.is("head") {
    head(&program)
  } else if name.is("kill") {
    kill(&program)
  } else if name.is("ls") {
    ls(&program)
  } else if name.is("mkdir") {
    mkdir(&program)
  } else if name.is("mount") {
    mount(&program)
  } else if name.is("poweroff") {
    power(&program, Power.off)
  } else if name.is("halt") {
    power(&program, Power.halt)
  } else if name.is("ps") {
    ps(&program)
  } else if name.is("reboot") {
    power(&program, Power.restart)
  } else if name.is("rm") {
    rm(&program)
  } else if name.is("sleep") {
    sleep(&program)
  } else if name.is("sum") {
    sum(&program)
  } else if name.is("test") || name.is("[") {
    test(&program)
  } else if name.is("umount") {
    umount(&program)
  } else if name.is("uname") {
    uname(&program)
  } else if name.is("wc") {
    wc(&program)
  } else if name.is("true") {
    program.status = 0
  } else if name.is("false") {
    program.status = 1
  } else {
    return false
  }
  return true
}
