// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// Mounts an image in memory-mapped flash, reads all of it, and says what is in it. The exit status is 0 where all could be
// read, 1 where something could not, 2 where the image was not mounted. The line that the machine is started with may say:
//
//   image=ADDRESS,BYTES   where the image lies, if it is not the one that the program was linked with
//   device=ADDRESS,BYTES  where its extra device lies
//   arena=BYTES           memory to read it in
//   scattered=SHIFT       that memory as page frames of 2^SHIFT bytes, shuffled

import Board
import EROFS
import EROFSFirmware
import FirmwareSupport
import PageVectors

@main
struct Program {
  static func main() {
    Console.start()
    var memory = Memory()
    let options = Options(unsafeBuffer: memory.take(256))
    // On a machine with little memory as little as will do.
    let isLarge = memory.left > 1 &<< 17
    let report = Report(
      output: MutablePageVector(unsafeContiguous: memory.take(isLarge ? 16384 : 512)),
      unsafeLevels: memory.take((isLarge ? 64 : 8) * MemoryLayout<TreeWalk.Level>.stride),
      path: memory.take(isLarge ? 1024 : 256))
    let arena = memory.arena(options)
    var flash = Flash(options)
    Board.exit(flash.withStorage { readEverything($0, arena, report) })
  }
}
