// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSFirmware
import FirmwareSupport
import PageVectors

/// A device of sectors in memory.
struct CopyDevice: SectorDevice {
  let bytes: UnsafeRawBufferPointer

  var sectorCount: UInt64 { UInt64(bytes.count) &>> 9 }

  func read(sector number: UInt64, into buffer: UnsafeMutableRawPointer) -> Int32 {
    guard number < sectorCount else { return 1 }
    buffer.copyMemory(from: bytes.baseAddress! + Int(number) * 512, byteCount: 512)
    return 0
  }
}

/// Mounts an image and reads all that can be read of it.
struct ImageReader {
  enum Outcome {
    case whole
    /// The first error; nil if there is so much to read that it was left at a part.
    case part(EROFSError?)
    case refused(MountError)
  }

  private let levels: UnsafeMutableRawBufferPointer
  private let output: UnsafeMutableRawBufferPointer
  private let sector: UnsafeMutableRawBufferPointer

  /// As much as is read of an image, because one with wrong sizes may have no end.
  private static var readingLimit: Int { 1 &<< 18 }

  init(_ memory: inout Memory) {
    levels = memory.take(16 * MemoryLayout<TreeWalk.Level>.stride)
    output = memory.take(4096)
    sector = memory.take(SectorStorage<CopyDevice>.bufferBytes)
  }

  /// Reads the image from memory, or as from a device, with every inode planned when it is mounted or with none.
  func read(_ bytes: UnsafeRawBufferPointer, _ arena: Arena, fromDevice: Bool, surveyed: Bool) -> Outcome {
    guard fromDevice else { return read(MemoryStorage(PageVector(unsafeContiguous: bytes)), arena, surveyed) }
    return read(SectorStorage(CopyDevice(bytes: bytes), unsafeBuffer: sector.baseAddress!), arena, surveyed)
  }

  private func read<Source: Storage>(_ storage: Source, _ arena: Arena, _ surveyed: Bool) -> Outcome {
    var files = FileSystem(storage, in: arena)
    do throws(MountError) {
      try files.mount(surveyed ? .everything : .root)
      return readAll(&files)
    } catch { return .refused(error) }
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
        } catch {
          if case .whole = outcome { outcome = .part(error) }
        }
      } catch {
        // Somewhere in a directory: the walk cannot go on after it.
        if case .whole = outcome { return .part(error) }
        return outcome
      }
    }
    if case .whole = outcome { return .part(nil) }
    return outcome
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
