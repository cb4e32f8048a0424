// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Board
import EROFS
import EROFSFirmware

/// Hands out the machine's free memory, from its start; what it cannot give ends the program.
public struct Memory {
  private var rest = Board.freeMemory

  public init() {}

  /// `count` bytes, aligned to 8.
  public mutating func take(_ count: Int) -> UnsafeMutableRawBufferPointer {
    let size = (count + 7) & ~7
    guard size <= rest.count else {
      Console.write("this machine has no ")
      Console.write(count)
      Console.line(" bytes left")
      Board.exit(3)
    }
    let taken = UnsafeMutableRawBufferPointer(rebasing: rest[..<count])
    rest = UnsafeMutableRawBufferPointer(rebasing: rest[size...])
    return taken
  }

  public var left: Int { rest.count & ~7 }

  /// The memory to read an image in, as the options `arena` and `scattered` say; without them, all that is left.
  public mutating func arena(_ options: Options) -> Arena {
    let count = options.number("arena").map { Int($0) }
    guard let shift = options.number("scattered").map({ Int($0) }) else {
      return Arena(unsafeMemory: take(count ?? left))
    }
    return scattered(count, shift)
  }
}

/// Mounts the image in `storage` and reports on it; returns the exit status.
public func readEverything<Source: Storage>(_ storage: Source, _ arena: Arena, _ report: consuming Report) -> UInt8 {
  do throws(MountError) {
    var files = FileSystem(storage, in: arena)
    try files.mount()
    Console.write("mounted, needs ")
    Console.write(files.memoryNeeded)
    Console.write(" bytes of ")
    Console.write(arena.count)
    Console.line()
    report.run(&files)
    Console.write("inodes ")
    Console.write(report.inodes)
    Console.write(", failures ")
    Console.write(report.failures)
    Console.write(", stack ")
    Console.write(Board.stackUsed)
    Console.write(", variables ")
    Console.write(Board.variableBytes)
    Console.line()
    return report.failures == 0 ? 0 : 1
  } catch {
    Console.write("refused: ")
    Console.write(error)
    Console.line()
    return 2
  }
}
