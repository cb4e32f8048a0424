// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// uname [-asnrvmo]
func uname(_ program: inout Program) {
  var options = Options(program)
  guard options.all(&program, "asnrvmo") else { return }
  var wanted = options.has("a") ? 63 : options.bits("snrvmo")
  if let extra = program.next() { return program.fail(extra, "extra operand") }
  if wanted == 0 { wanted = 1 }
  var names = LinuxNames()
  _ = linux_uname(&names)
  var first = true
  for index in 0..<6 where wanted & (1 << UInt32(index)) != 0 {
    if !first { program.out.put(32) }
    first = false
    if index == 5 {
      program.out.put("Linux")
    } else {
      withUnsafeBytes(of: &names) { bytes in
        let start = bytes.baseAddress.unsafelyUnwrapped + 65 * index
        program.out.put(Text(start.assumingMemoryBound(to: UInt8.self).mutable))
      }
    }
  }
  program.out.newline()
}
