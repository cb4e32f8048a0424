// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// Breaks an image in many ways and reads all that can be read of it: whatever is in it, the reader says so and goes on. A
// fault would end the machine with a status of its own. The line that the machine is started with says:
//
//   image=ADDRESS,BYTES   the image: at most 64 KiB
//   rounds=N seed=N       how many broken ones, and which
//
// It prints how many were mounted and read whole, mounted and read in part, and refused.

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
    var test = Breaker(options, &memory)
    Board.exit(test.run(rounds: options.number("rounds") ?? 1000))
  }
}

/// The image as a device of sectors.
struct CopyDevice: SectorDevice {
  let bytes: UnsafeRawBufferPointer

  var sectorCount: UInt64 { UInt64(bytes.count) &>> 9 }

  func read(sector number: UInt64, into buffer: UnsafeMutableRawPointer) -> Int32 {
    guard number < sectorCount else { return 1 }
    buffer.copyMemory(from: bytes.baseAddress! + Int(number) * 512, byteCount: 512)
    return 0
  }
}

struct Breaker {
  private let pristine: UnsafeRawBufferPointer
  private let copy: UnsafeMutableRawBufferPointer
  private let levels: UnsafeMutableRawBufferPointer
  private let output: UnsafeMutableRawBufferPointer
  private let sector: UnsafeMutableRawBufferPointer
  /// The arena, with bytes on both sides that nobody may write to.
  private let fenced: UnsafeMutableRawBufferPointer
  private var random: UInt32

  private static var fence: Int { 64 }
  /// As much as one broken image may make us read, so that sizes that lie do not keep us for ever.
  private static var readingLimit: Int { 1 &<< 18 }

  init(_ options: Options, _ memory: inout Memory) {
    guard let (address, bytes) = options.numbers("image"), let start = UnsafeRawPointer(bitPattern: address),
      bytes >= 2048, bytes <= 65536
    else {
      Console.line("no image: start with image=ADDRESS,BYTES")
      Board.exit(2)
    }
    pristine = UnsafeRawBufferPointer(start: start, count: Int(bytes))
    copy = memory.take(pristine.count)
    levels = memory.take(16 * MemoryLayout<TreeWalk.Level>.stride)
    output = memory.take(4096)
    sector = memory.take(SectorStorage<CopyDevice>.bufferBytes)
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
      let outcome: Outcome
      if round & 1 == 0 {
        outcome = read(MemoryStorage(PageVector(unsafeContiguous: bytes)), arena, round & 2 == 0)
      } else {
        let device = CopyDevice(bytes: bytes)
        outcome = read(SectorStorage(device, unsafeBuffer: sector.baseAddress!), arena, round & 2 == 0)
      }
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

  enum Outcome { case whole, part, refused }

  /// Copies the image and breaks the copy; returns how many bytes of it there are.
  private mutating func breakCopy() -> Int {
    copy.copyMemory(from: pristine)
    // Half of the images without a checksum: otherwise nothing that lies in the superblock's block would get further.
    if next(2) == 0 { copy[1024 + 8] &= 0xFE }
    var count = copy.count
    if next(8) == 0 { count = next(copy.count + 1) }
    var changes = next(4) == 0 ? 0 : 1 + next(6)
    while changes > 0 {
      changes -= 1
      // Where the structure is: in the superblock, in what is not zero; else anywhere.
      var at = next(copy.count)
      switch next(8) {
      case 0: at = 1024 + next(144)
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

  private func read<Source: Storage>(_ storage: Source, _ arena: Arena, _ surveyed: Bool) -> Outcome {
    var files = FileSystem(storage, in: arena)
    do throws(MountError) {
      try files.mount(surveyed ? .everything : .root)
      return readAll(&files)
    } catch { return .refused }
  }

  private func readAll<Source: Storage>(_ files: inout FileSystem<Source>) -> Outcome {
    var outcome = Outcome.whole
    var left = Self.readingLimit
    var walk = TreeWalk(from: files.volume.superblock.rootNID, unsafeLevels: levels)
    var entries = 0
    while entries < 1000, left > 0 {
      do throws(EROFSError) {
        guard let inode = try walk.next(in: &files.volume) else { return outcome }
        entries += 1
        do throws(EROFSError) {
          try readFile(inode, &files, &left)
        } catch { outcome = .part }
      } catch {
        // Somewhere in a directory: the walk cannot go on behind it.
        return .part
      }
    }
    return .part
  }

  private func readFile<Source: Storage>(
    _ inode: Inode, _ files: inout FileSystem<Source>, _ left: inout Int
  ) throws(EROFSError) {
    var attributes = AttributeCursor()
    while let attribute = try files.volume.nextAttribute(of: inode, &attributes) {
      _ = try files.volume.copyValue(of: attribute, into: MutablePageVector(unsafeContiguous: output))
      left -= 16
      if left < 0 { return }
    }
    guard inode.kind == .regular || inode.kind == .symbolicLink else { return }
    _ = try files.bytesInPlace(of: inode)
    try files.prepare(for: inode)
    var offset: FileOffset = 0
    while offset < inode.size, left > 0 {
      let count = try files.read(inode, at: offset, into: output)
      if count == 0 { break }
      left -= count
      offset += FileOffset(count)
    }
    if inode.size > 0 { _ = try files.read(inode, at: inode.size - 1, into: output) }
  }
}
