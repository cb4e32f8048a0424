// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Board
import EROFSFirmware
import FirmwareSupport

/// Images of which it is known what they are refused for.
///
/// They come as a list: a block of 4096 bytes with the length of each in bytes, 32 bits in the byte order of the machine, 0
/// after the last; then the images, each from a multiple of 4096 bytes on.
struct KnownImages {
  private let list: UnsafeRawBufferPointer
  private let reader: ImageReader
  private let arena: Arena

  private static var blockBytes: Int { 4096 }

  /// Nil if the options name none.
  init?(_ options: Options, _ memory: inout Memory) {
    guard let (address, bytes) = options.numbers("images") else { return nil }
    list = UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: address), count: Int(bytes))
    reader = ImageReader(&memory)
    arena = Arena(unsafeMemory: memory.take(1 &<< 19))
  }

  /// Prints a line for each image and each way to read it: the image's number, the way, and the error.
  func report() {
    var start = Self.blockBytes
    for number in 0..<Self.blockBytes / 4 {
      let bytes = Int(list.load(fromByteOffset: 4 * number, as: UInt32.self))
      if bytes == 0 { return }
      let image = UnsafeRawBufferPointer(rebasing: list[start..<start + bytes])
      for way in 0..<4 { line(number, image, fromDevice: way & 1 != 0, surveyed: way & 2 != 0) }
      start += (bytes + Self.blockBytes - 1) / Self.blockBytes * Self.blockBytes
    }
  }

  private func line(_ number: Int, _ image: UnsafeRawBufferPointer, fromDevice: Bool, surveyed: Bool) {
    Console.write(number)
    Console.write(fromDevice ? " device" : " memory")
    Console.write(surveyed ? " planned: " : " opened: ")
    switch reader.read(image, arena, fromDevice: fromDevice, surveyed: surveyed) {
    case .whole: Console.write("whole")
    case .part(nil): Console.write("too much")
    case .part(let error?): Console.write(error)
    case .refused(let error): Console.write(error)
    }
    Console.line()
  }
}
