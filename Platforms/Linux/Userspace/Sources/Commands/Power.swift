// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// What reboot(2) is asked for.
enum Power {
  static let restart: UInt32 = 0x0123_4567, halt: UInt32 = 0xcdef_0123, off: UInt32 = 0x4321_fedc
}

/// reboot, poweroff, halt: [-fn]. What is to be written is written first, but for -n. Processes are not asked.
func power(_ program: inout Program, _ command: UInt32) {
  var options = Options(program)
  guard options.all(&program, "fn") else { return }
  program.out.flush()
  if !options.has("n") { linux_sync() }
  program.fail("not done", linux_reboot(command))
}
