// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// Swift firmware that prints /etc/motd, lists a directory and runs code in place, from the image that it is linked
// with. The parts between SNIPPET and END are shown in the documentation; a test compares them.

import Board
import EROFS
import EROFSFirmware
import PageVectors

@main
struct Firmware {
  static func main() {
    Console.start()
    // SNIPPET
    let flash = MemoryStorage(PageVector(unsafeContiguous: Board.linkedImage))
    // All the memory that the file system may use, and a buffer beside it.
    let free = Board.freeMemory
    let arena = Arena(unsafeMemory: UnsafeMutableRawBufferPointer(rebasing: free[..<131072]))
    let buffer = UnsafeMutableRawBufferPointer(rebasing: free[131072..<131172])
    var files = FileSystem(flash, in: arena)
    // END
    do throws(MountError) {
      try files.mount()
      do throws(EROFSError) {
        try show("/etc/motd", &files, buffer)
        try list("/bin", &files)
        guard try twice(21, &files) == 42 else { Board.exit(3) }
      } catch {
        Console.line("not readable")
        Board.exit(1)
      }
    } catch {
      Console.line("not mounted")
      Board.exit(2)
    }
    Board.exit(0)
  }

  static func show(
    _ path: StaticString, _ files: inout FileSystem<MemoryStorage>, _ buffer: UnsafeMutableRawBufferPointer
  ) throws(EROFSError) {
    // SNIPPET
    let file = try files.open(UnsafeRawBufferPointer(start: path.utf8Start, count: path.utf8CodeUnitCount))
    var offset: FileOffset = 0
    while true {
      let count = try files.read(file, at: offset, into: buffer)
      if count == 0 { return }
      Console.write(bytes: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      offset += FileOffset(count)
    }
    // END
  }

  static func list(_ path: StaticString, _ files: inout FileSystem<MemoryStorage>) throws(EROFSError) {
    // SNIPPET
    let directory = try files.open(UnsafeRawBufferPointer(start: path.utf8Start, count: path.utf8CodeUnitCount))
    var cursor = DirectoryCursor()
    while let entry = try files.nextEntry(of: directory, &cursor) {
      if entry.isDotOrDotDot { continue }
      entry.name.forEachRun { Console.write(bytes: $0) }
      Console.line()
    }
    // END
  }

  /// Twice a number, by machine code in the image: a file that is not compressed can be called where it is in flash.
  static func twice(_ number: Int32, _ files: inout FileSystem<MemoryStorage>) throws(EROFSError) -> Int32? {
    #if arch(arm)
      let path: StaticString = "/code/thumb"
      // An odd address is one of Thumb code.
      let entry = 1
    #else
      let path: StaticString = "/code/riscv"
      let entry = 0
    #endif
    let file = try files.open(UnsafeRawBufferPointer(start: path.utf8Start, count: path.utf8CodeUnitCount))
    guard let code = try files.bytesInPlace(of: file)?.baseAddress else { return nil }
    return unsafeBitCast(code + entry, to: (@convention(c) (Int32) -> Int32).self)(number)
  }
}
