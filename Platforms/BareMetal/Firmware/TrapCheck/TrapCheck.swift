// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// Ends in the way that a byte on the serial port asks for, so that the host can see that none of them hangs in silence. With
// silent=1 it traps before there is a console.

import Board

@inline(never)
func deepen(_ level: Int) -> Int {
  guard level >= 0 else { return 0 }
  let below = deepen(level &+ 1)
  // Something is left to do behind the call, so that it cannot become a loop.
  Console.write(byte: UInt8(truncatingIfNeeded: below))
  return below &* 3 &+ level
}

@inline(never)
func add(_ a: Int, _ b: Int) -> Int { a + b }

func isSilent(_ line: UnsafeRawBufferPointer) -> Bool {
  let word: StaticString = "silent=1"
  guard line.count == word.utf8CodeUnitCount else { return false }
  for i in 0..<line.count where line[i] != word.utf8Start[i] { return false }
  return true
}

@main
struct Program {
  static func main() {
    // Without Options, which would bring all of Core to a program that reads no image.
    let line = Semihosting.commandLine(into: UnsafeMutableRawBufferPointer(rebasing: Board.freeMemory[..<256]))
    if isSilent(line) { Board.exit(UInt8(truncatingIfNeeded: add(Int.max, line.count))) }
    Console.start()
    Console.line("ready")
    switch Console.read() {
    case UInt8(ascii: "o"): Console.write(add(Int.max, Int(Console.read())))
    case UInt8(ascii: "s"): Console.write(deepen(0))
    case UInt8(ascii: "a"):
      // Nothing answers there on any of the boards.
      #if arch(arm)
        let nowhere: UInt = 0x7000_0000
      #else
        let nowhere: UInt = 0x0F00_0000
      #endif
      Console.write(Int(UnsafePointer<UInt32>(bitPattern: nowhere)!.pointee))
    case UInt8(ascii: "u"):
      // Unaligned: ARMv6-M refuses it, the others read it.
      let address = UInt(bitPattern: Board.freeMemory.baseAddress) &+ 1
      Console.write(Int(UnsafePointer<UInt32>(bitPattern: address)!.pointee))
      Console.line()
      Board.exit(0)
    case UInt8(ascii: "r"): break
    case let byte: Board.exit(byte)
    }
  }
}
