// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// Breaks an image in many ways and reads all that can be read of it: whatever is in it, the reader says so and goes on. A
// fault would end the machine with a status of its own. The line that the machine is started with says:
//
//   image=ADDRESS,BYTES   the image: at most 64 KiB
//   rounds=N seed=N       how many broken ones, and which
//
// It prints how many were mounted and read whole, mounted and read in part, and refused. Or it reads images that are broken
// already, in each way in which it reads images, and prints of each what it is refused for (see KnownImages.swift):
//
//   images=ADDRESS,BYTES  a list of them

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
    if let known = KnownImages(options, &memory) {
      known.report()
      Board.exit(0)
    }
    var test = Breaker(options, &memory)
    Board.exit(test.run(rounds: options.number("rounds") ?? 1000))
  }
}

struct Breaker {
  private let pristine: UnsafeRawBufferPointer
  private let copy: UnsafeMutableRawBufferPointer
  private let reader: ImageReader
  /// The arena, with bytes on both sides that nobody may write to.
  private let fenced: UnsafeMutableRawBufferPointer
  private var random: UInt32

  private static var fence: Int { 64 }
  /// With its first extra slot.
  private static var superblockEnd: Int {
    SuperblockRecord.start + SuperblockRecord.byteCount + SuperblockRecord.extraSlotBytes
  }

  init(_ options: Options, _ memory: inout Memory) {
    guard let (address, bytes) = options.numbers("image"), let start = UnsafeRawPointer(bitPattern: address),
      bytes >= Self.superblockEnd, bytes <= 65536
    else {
      Console.line("no image: start with image=ADDRESS,BYTES")
      Board.exit(2)
    }
    pristine = UnsafeRawBufferPointer(start: start, count: Int(bytes))
    copy = memory.take(pristine.count)
    reader = ImageReader(&memory)
    fenced = memory.take(Int(options.number("arena") ?? 1 &<< 19) + 2 * Self.fence)
    random = UInt32(truncatingIfNeeded: options.number("seed") ?? 1) &* 2_654_435_761 | 1
  }

  /// A number below `limit`, by a generator of Marsaglia's (xorshift).
  private mutating func next(_ limit: Int) -> Int {
    random ^= random &<< 13
    random ^= random &>> 17
    random ^= random &<< 5
    return Int(random &>> 1) % limit
  }

  mutating func run(rounds: UInt) -> UInt8 {
    var whole = 0
    var part = 0
    var refused = 0
    fenced.initializeMemory(as: UInt8.self, repeating: 0x5A)
    for round in 0..<rounds {
      let count = breakCopy()
      let bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(copy)[..<count])
      let arena = Arena(
        unsafeMemory: UnsafeMutableRawBufferPointer(rebasing: fenced[Self.fence..<(fenced.count - Self.fence)]))
      let outcome = reader.read(bytes, arena, fromDevice: round & 1 != 0, surveyed: round & 2 == 0)
      switch outcome {
      case .whole: whole += 1
      case .part: part += 1
      case .refused: refused += 1
      }
      for i in 0..<Self.fence where fenced[i] != 0x5A || fenced[fenced.count - 1 - i] != 0x5A {
        Console.write("round ")
        Console.write(UInt64(round))
        Console.line(": written outside the arena")
        return 4
      }
    }
    Console.write("whole ")
    Console.write(whole)
    Console.write(", part ")
    Console.write(part)
    Console.write(", refused ")
    Console.write(refused)
    Console.write(", stack ")
    Console.write(Board.stackUsed)
    Console.line()
    return 0
  }

  /// Copies the image and breaks the copy; returns how many bytes of it there are.
  private mutating func breakCopy() -> Int {
    copy.copyMemory(from: pristine)
    // Half of the images without a checksum: otherwise nothing that is wrong in the superblock's block would get further.
    let start = SuperblockRecord.start
    if next(2) == 0 {
      let superblock = RecordView<SuperblockRecord>(unsafe: UnsafeMutableRawBufferPointer(rebasing: copy[start...]))
      superblock[.compatible] &= ~CompatibleFeatures.superblockChecksum.rawValue
    }
    var count = copy.count
    if next(8) == 0 { count = next(copy.count + 1) }
    var changes = next(4) == 0 ? 0 : 1 + next(6)
    while changes > 0 {
      changes -= 1
      // Where the structure is: in the superblock with its first extra slot, in what is not zero; else anywhere.
      var at = next(copy.count)
      switch next(8) {
      case 0: at = start + next(Self.superblockEnd - start)
      case 1...5:
        var tries = 0
        while copy[at] == 0, tries < 64 {
          at = next(copy.count)
          tries += 1
        }
      default: break
      }
      switch next(4) {
      case 0: copy[at] = UInt8(truncatingIfNeeded: next(256))
      case 1: copy[at] = next(2) == 0 ? 0xFF : 0
      case 2:
        let from = next(copy.count)
        let length = min(1 + next(64), copy.count - max(from, at))
        for i in 0..<max(0, length) { copy[at + i] = pristine[from + i] }
      default: copy[at] ^= 1 &<< UInt8(truncatingIfNeeded: next(8))
      }
    }
    return count
  }
}
