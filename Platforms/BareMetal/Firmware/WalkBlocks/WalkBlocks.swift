// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// As Walk, but the image is on a device of sectors, read through a buffer of 512 bytes: it is never in memory. The device is
// a file of the host, read through semihosting; the line that the machine is started with names it:
//
//   disk=FILE             the file
//   arena=BYTES           memory to read it in
//   scattered=SHIFT       that memory as page frames of 2^SHIFT bytes, shuffled

import Board
import EROFS
import EROFSFirmware
import FirmwareSupport
import PageVectors

/// A file of the host as a device of sectors, whose driver takes aligned addresses only. The last one is filled up with zeros.
struct Disk: SectorDevice {
  let file: Semihosting.File

  var sectorCount: UInt64 { (UInt64(file.size) + 511) &>> 9 }

  func read(sector number: UInt64, into buffer: UnsafeMutableRawPointer) -> Int32 {
    guard UInt(bitPattern: buffer) & 7 == 0, number < sectorCount else { return 6 }
    buffer.initializeMemory(as: UInt8.self, repeating: 0, count: 512)
    let count = min(512, UInt64(file.size) - number &<< 9)
    let missing = file.read(at: UInt(number &<< 9), into: buffer, count: Int(count))
    return missing == 0 ? 0 : 5
  }
}

@main
struct Program {
  static func main() {
    Console.start()
    var memory = Memory()
    let options = Options(unsafeBuffer: memory.take(256))
    guard let name = options.value("disk"), let file = Semihosting.File(path: name) else {
      Console.line("no disk: start with disk=FILE")
      Board.exit(2)
    }
    let buffer = memory.take(SectorStorage<Disk>.bufferBytes).baseAddress!
    let output = memory.take(4096)
    let levels = memory.take(64 * MemoryLayout<TreeWalk.Level>.stride)
    let path = memory.take(1024)
    let arena = memory.arena(options)
    let pages = MutablePageVector(unsafeContiguous: output)
    Board.exit(
      readEverything(
        SectorStorage(Disk(file: file), unsafeBuffer: buffer), arena,
        Report(output: pages, unsafeLevels: levels, path: path)))
  }
}
