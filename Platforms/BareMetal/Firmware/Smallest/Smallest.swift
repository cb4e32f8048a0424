// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// The least that a program can do with an image: mount the one that it was linked with, and read a file. What the linker
// makes of it is what reader and codecs cost, startup included, and the end of the machine where it traps.

import Board
import EROFS
import EROFSFirmware
import PageVectors

@main
struct Program {
  static func main() {
    let flash = MemoryStorage(PageVector(unsafeContiguous: Board.linkedImage))
    let memory = Board.freeMemory
    let arena = Arena(unsafeMemory: UnsafeMutableRawBufferPointer(rebasing: memory[4096...]))
    var files = FileSystem(flash, in: arena)
    Board.exit(read(&files, UnsafeMutableRawBufferPointer(rebasing: memory[..<4096])))
  }

  @inline(never)
  static func read(
    _ files: inout FileSystem<MemoryStorage>, _ buffer: UnsafeMutableRawBufferPointer
  ) -> UInt8 {
    do throws(MountError) { try files.mount(.root) } catch { return 2 }
    let path: StaticString = "/etc/motd"
    do throws(EROFSError) {
      let file = try files.open(UnsafeRawBufferPointer(start: path.utf8Start, count: path.utf8CodeUnitCount))
      return try files.read(file, at: 0, into: buffer) > 0 ? 0 : 3
    } catch { return 1 }
  }
}
