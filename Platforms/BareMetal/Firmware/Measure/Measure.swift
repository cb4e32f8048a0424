// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// Reads a file of an image, and says what that took: memory, stack, and instructions where the machine counts them (RISC-V;
// Cortex-M under QEMU's -icount shift=0). Options as for Walk, and:
//
//   path=PATH             the file
//   piece=BYTES           read it in pieces of so many bytes; else all at once, straight to where it is wanted
//   extents=1             only say where its extents lie: offset, stored bytes, bytes, algorithm (9: none), padded

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
    let piece = options.number("piece")
    let output = memory.take(Int(piece ?? 1 &<< 20))
    let arena = memory.arena(options)
    let path = options.value("path") ?? UnsafeRawBufferPointer(start: nil, count: 0)
    var flash = Flash(options)
    let status = flash.withStorage { storage in
      // From here on counts: what is above is the test's own.
      Board.paintStack()
      var files = FileSystem(storage, in: arena, reading: piece == nil ? .direct : .least)
      return measure(&files, path, output, options.number("extents") != nil)
    }
    Board.exit(status)
  }

  @inline(never)
  static func list(_ file: Inode, _ files: inout FileSystem<MappedStorage>) throws(EROFSError) {
    var at: FileOffset = 0
    while let extent = try files.volume.extent(of: file, at: at) {
      at = extent.end
      guard let place = try files.volume.location(of: extent) else { continue }
      var algorithm = 9
      if case .compressed(let codec) = extent.encoding { algorithm = Int(codec.rawValue) }
      var isPadded = 0
      if case .device = extent.place { isPadded = 1 }
      report("extent ", Int(place.offset))
      report(" ", Int(extent.storedLength))
      report(" ", Int(extent.length))
      report(" ", algorithm)
      report(" ", isPadded)
      Console.line()
    }
  }

  @inline(never)
  static func measure(
    _ files: inout FileSystem<MappedStorage>, _ path: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer,
    _ onlyLists: Bool
  ) -> UInt8 {
    do throws(MountError) {
      try files.mount(.root)
    } catch {
      Console.write(error)
      Console.line()
      return 2
    }
    do throws(EROFSError) {
      let file = try files.open(path)
      if onlyLists {
        try list(file, &files)
        return 0
      }
      let before = Board.instructions
      var done = 0
      while true {
        let count = try files.read(file, at: FileOffset(done), into: output)
        done += count
        if count < output.count { break }
      }
      let after = Board.instructions
      let stack = Board.stackUsed
      report("arena ", files.memoryNeeded)
      report(", stack ", stack)
      report(", variables ", Board.variableBytes)
      report(", bytes ", done)
      report(", instructions ", Int(bitPattern: after &- before))
      Console.line()
      return 0
    } catch {
      Console.write(error)
      Console.line()
      return 1
    }
  }

  static func report(_ name: StaticString, _ value: Int) {
    Console.write(name)
    Console.write(value)
  }
}
