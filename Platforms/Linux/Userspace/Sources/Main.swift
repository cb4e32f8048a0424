// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Called by `_start` with what the kernel has put on the stack: the number of arguments, the arguments up to a nil, the
/// environment up to a nil.
@c(program_start)
public func programStart(_ stack: UnsafeMutablePointer<Int>) {
  var words = stack + 1
  let count = stack[0]
  // For bFLT files, some kernels put pointers to both lists first.
  if words[0] == Int(bitPattern: words + 2) { words += 2 }
  let arguments = UnsafeMutableRawPointer(words).assumingMemoryBound(to: CString?.self)
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

private var names: Literal {
  """
  cat      cp       date     dmesg    echo     false    free     grep     halt     head     init     kill     ls       \
  mkdir    mount    poweroff ps       reboot   rm       sh       sleep    sum      test     true     umount   uname    \
  wc       [        \

  """
}
/// Whether this program is also one of that name.
func isCommandName(_ name: Text) -> Bool { index(of: name, in: names, width: 9) != nil }

/// The command of the program's name; false if there is none.
@inline(never)
func runCommand(_ program: inout Program) -> Bool {
  switch index(of: program.name, in: names, width: 9) {
  case 0: cat(&program)
  case 1: cp(&program)
  case 2: date(&program)
  case 3: dmesg(&program)
  case 4: echo(&program)
  case 5: program.status = 1
  case 6: free(&program)
  case 7: grep(&program)
  case 8: power(&program, Power.halt)
  case 9: head(&program)
  case 10: startSystem(&program)
  case 11: kill(&program)
  case 12: ls(&program)
  case 13: mkdir(&program)
  case 14: mount(&program)
  case 15: power(&program, Power.off)
  case 16: ps(&program)
  case 17: power(&program, Power.restart)
  case 18: rm(&program)
  case 19: sh(&program)
  case 20: sleep(&program)
  case 21: sum(&program)
  case 22, 27: test(&program)
  case 23: break
  case 24: umount(&program)
  case 25: uname(&program)
  case 26: wc(&program)
  default: return false
  }
  return true
}
