// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Machine

/// What a program exits with when it did not get to say so itself.
public enum ExitStatus {
  public static var trapped: UInt8 { 70 }
  public static var returned: UInt8 { 71 }
}

/// Says in words what happened. Starting the console sets it: a program that has none does not hold the words either.
nonisolated(unsafe) var describeTrap: (@convention(c) (UnsafePointer<machine_trap>) -> Void)?

/// Reports a trap of the processor (a Swift trap, a stack that is too small, a bad address) and ends the machine: nothing
/// hangs in silence.
@c(machine_trapped)
public func trapped(_ trap: UnsafePointer<machine_trap>) {
  describeTrap?(trap)
  Board.exit(hasReturned(trap.pointee) ? ExitStatus.returned : ExitStatus.trapped)
}

private func hasReturned(_ trap: machine_trap) -> Bool { trap.cause == 0 && trap.address == 0 }

/// Writes it to the serial port.
func writeTrap(_ trap: UnsafePointer<machine_trap>) {
  let trap = trap.pointee
  UART.start()
  if hasReturned(trap) { return Console.line("\nthe program returned without an exit status") }
  field("\ntrap ", trap.cause)
  field(" at ", trap.address)
  field(" from ", trap.caller)
  field(" value ", trap.value)
  field(" stack ", trap.stack)
  Console.line()
}

@inline(never)
private func field(_ name: StaticString, _ value: UInt) {
  Console.write(name)
  Console.write(hexadecimal: value)
}
