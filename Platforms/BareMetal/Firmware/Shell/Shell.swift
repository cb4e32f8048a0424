// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// A command line on the serial port, for trying an image by hand. Options as for Walk.

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
    let line = memory.take(256)
    let output = memory.take(4096)
    let arena = memory.arena(options)
    var flash = Flash(options)
    let status: UInt8 = flash.withStorage { storage in
      var shell = Shell(files: FileSystem(storage, in: arena), line: line, output: output, arena: arena)
      do throws(MountError) {
        try shell.files.mount()
        return shell.run()
      } catch {
        Console.write("refused: ")
        Console.write(error)
        Console.line()
        return 2
      }
    }
    Board.exit(status)
  }
}

struct Shell<Source: Storage>: ~Copyable {
  var files: FileSystem<Source>
  let line: UnsafeMutableRawBufferPointer
  let output: UnsafeMutableRawBufferPointer
  let arena: Arena

  /// Until `exit`, whose argument is the exit status.
  mutating func run() -> UInt8 {
    Console.line("ls, cat, stat PATH; mem; exit")
    while true {
      Console.write("> ")
      let text = readLine()
      let (command, argument) = Self.split(text)
      do throws(EROFSError) {
        if Self.equal(command, "ls") {
          try list(argument)
        } else if Self.equal(command, "cat") {
          try show(argument)
        } else if Self.equal(command, "stat") {
          try describe(argument)
        } else if Self.equal(command, "mem") {
          memory()
        } else if Self.equal(command, "exit") {
          return argument.reduce(0) { $0 &* 10 &+ ($1 &- 0x30) }
        } else if !command.isEmpty {
          Console.line("ls, cat, stat PATH; mem; exit")
        }
      } catch {
        Console.write("error: ")
        Console.write(error)
        Console.line()
      }
    }
  }

  /// A line, echoed; backspace takes back. What is longer than the buffer is dropped.
  private func readLine() -> UnsafeRawBufferPointer {
    var count = 0
    while true {
      let byte = Console.read()
      switch byte {
      case 0x0A, 0x0D:
        Console.line()
        return UnsafeRawBufferPointer(rebasing: line[..<count])
      case 0x08, 0x7F:
        if count > 0 {
          count -= 1
          Console.write("\u{8} \u{8}")
        }
      default:
        if count < line.count {
          line[count] = byte
          count += 1
          Console.write(byte: byte)
        }
      }
    }
  }

  private static func split(_ text: UnsafeRawBufferPointer) -> (UnsafeRawBufferPointer, UnsafeRawBufferPointer) {
    var end = 0
    while end < text.count, text[end] != 0x20 { end += 1 }
    return (
      UnsafeRawBufferPointer(rebasing: text[..<end]),
      UnsafeRawBufferPointer(rebasing: text[min(end + 1, text.count)...])
    )
  }

  private static func equal(_ text: UnsafeRawBufferPointer, _ word: StaticString) -> Bool {
    guard text.count == word.utf8CodeUnitCount else { return false }
    for i in 0..<text.count where text[i] != word.utf8Start[i] { return false }
    return true
  }

  private mutating func list(_ path: UnsafeRawBufferPointer) throws(EROFSError) {
    let directory = try files.open(path)
    var cursor = DirectoryCursor()
    while let entry = try files.nextEntry(of: directory, &cursor) {
      if entry.isDotOrDotDot { continue }
      entry.name.forEachRun { Console.write(escaped: $0) }
      if entry.kind == .directory { Console.write("/") }
      Console.line()
    }
  }

  private mutating func show(_ path: UnsafeRawBufferPointer) throws(EROFSError) {
    let inode = try files.open(path)
    guard inode.kind != .directory else { throw .notAFile }
    var offset: FileOffset = 0
    while true {
      let count = try files.read(inode, at: offset, into: output)
      if count == 0 { return }
      Console.write(bytes: UnsafeRawBufferPointer(rebasing: output[..<count]))
      offset += FileOffset(count)
    }
  }

  private mutating func describe(_ path: UnsafeRawBufferPointer) throws(EROFSError) {
    let inode = try files.open(path)
    Console.write(inode.kind.name)
    Console.write(" ")
    Console.write(permissions: inode.permissions)
    Console.write(", owner ")
    Console.write(UInt64(inode.userID))
    Console.write(":")
    Console.write(UInt64(inode.groupID))
    Console.write(", links ")
    Console.write(UInt64(inode.linkCount))
    Console.write(", nid ")
    Console.write(inode.nid)
    Console.line()
    Console.write("size ")
    Console.write(UInt64(inode.size))
    Console.write(", ")
    Console.write(inode.layout.name)
    Console.write(", reading takes ")
    Console.write(try files.volume.plan(for: inode).totalBytes)
    Console.write(" bytes of memory")
    if let bytes = try files.bytesInPlace(of: inode) {
      Console.write(", in place at ")
      Console.write(hexadecimal: UInt64(UInt(bitPattern: bytes.baseAddress)), digits: UInt.bitWidth / 4)
    }
    Console.line()
  }

  private func memory() {
    Console.write("arena ")
    Console.write(arena.count)
    Console.write(", image needs ")
    Console.write(files.memoryNeeded)
    Console.write(", stack ")
    Console.write(Board.stackUsed)
    Console.write(" of ")
    Console.write(Board.stackSize)
    Console.write(", variables ")
    Console.write(Board.variableBytes)
    Console.line()
  }
}
