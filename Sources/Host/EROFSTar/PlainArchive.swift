// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CDeflate
import CZstd
import EROFSTree
import HostSupport

/// An archive in memory, as it is when it is decompressed. Contents of its members are read from there.
///
/// What fits in memory is decompressed in one call, which for gzip takes less than half the time of doing it piece by piece.
package final class PlainArchive: ForeignContents, @unchecked Sendable {
  private let memory: LargeMemory
  /// Of sparse members. Complete before a content is read.
  private var maps: [[ContentPiece]] = []

  package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(memory.bytes) }

  /// - Parameters:
  ///   - compressed: with gzip or Zstandard.
  ///   - room: from which the memory is taken.
  /// - Returns: nil if that is not enough, or if this is something else or damaged: what reads it piece by piece says which.
  package init?(decompressing compressed: UnsafeRawBufferPointer, in room: MemoryRoom) {
    let decompress: (UnsafeRawBufferPointer, UnsafeMutableRawBufferPointer) -> Int?
    let size: Int
    if Gunzip.isGzip(compressed) {
      guard compressed.count > 18 else { return nil }
      // Of the last member, modulo 4 GiB. Archives of many members are mostly made so that one can be read alone.
      let last = UInt32(littleEndian: compressed.loadUnaligned(fromByteOffset: compressed.count - 4, as: UInt32.self))
      size = max(Int(last), 5 * compressed.count)
      decompress = Self.gunzip
    } else if compressed.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) {
      // Programs that write to a pipe do not know it.
      let stated = ZSTD_getFrameContentSize(compressed.baseAddress, compressed.count)
      guard stated != UInt64.max - 1 else { return nil }
      size = stated == .max ? 6 * compressed.count : Int(min(stated, 1 << 46)) + 1
      decompress = Self.unpackZstandard
    } else {
      return nil
    }
    guard let memory = LargeMemory(size, in: room), let count = decompress(compressed, memory.bytes), count > 0 else {
      return nil
    }
    memory.shorten(to: count)
    self.memory = memory
  }

  /// One member after the other; what follows the last and is none does not count.
  private static func gunzip(_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer) -> Int? {
    guard let decompressor = libdeflate_alloc_decompressor() else { return nil }
    defer { libdeflate_free_decompressor(decompressor) }
    var (at, made) = (0, 0)
    repeat {
      var (used, count) = (0, 0)
      let result = libdeflate_gzip_decompress_ex(
        decompressor, input.baseAddress! + at, input.count - at, output.baseAddress! + made, output.count - made, &used,
        &count)
      guard result == LIBDEFLATE_SUCCESS else { return nil }
      (at, made) = (at + used, made + count)
    } while at < input.count && input[at] == 0x1F
    return made
  }

  private static func unpackZstandard(_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer) -> Int?
  {
    guard let context = ZSTD_createDCtx() else { return nil }
    defer { ZSTD_freeDCtx(context) }
    var from = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
    var to = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
    while true {
      let result = ZSTD_decompressStream(context, &to, &from)
      if ZSTD_isError(result) != 0 { return nil }
      // 0 is the end of a frame, after which another may come.
      if from.pos == from.size { return result == 0 ? to.pos : nil }
      if to.pos == to.size { return nil }
    }
  }

  // MARK: Contents

  /// Of a member that is stored as a whole.
  func content(at offset: UInt64, size: UInt64) -> Content { .foreign(self, number: offset, size: size) }

  /// Of a sparse member.
  func content(_ pieces: [ContentPiece], size: UInt64) -> Content {
    maps.append(pieces)
    return .foreign(self, number: Self.sparse | UInt64(maps.count - 1), size: size)
  }

  private static let sparse: UInt64 = 1 << 63

  package func read(_ number: UInt64, into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) {
    guard number & Self.sparse != 0 else { return copy(Int(number + offset), buffer) }
    _ = buffer.initializeMemory(as: UInt8.self, repeating: 0)
    let end = offset + UInt64(buffer.count)
    let pieces = maps[Int(number ^ Self.sparse)]
    for piece in pieces[pieces.firstIndex(endingAfter: offset)...] {
      if piece.offset >= end { break }
      let (from, to) = (max(offset, piece.offset), min(end, piece.offset + piece.length))
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[Int(from - offset)..<Int(to - offset)])
      copy(Int(piece.place + (from - piece.offset)), part)
    }
  }

  private func copy(_ from: Int, _ buffer: UnsafeMutableRawBufferPointer) {
    buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[from..<from + buffer.count]))
  }

  package func data(of number: UInt64, after offset: UInt64) -> Range<UInt64>? {
    // The reader knows where the content ends.
    guard number & Self.sparse != 0 else { return offset..<UInt64(Int64.max) }
    let pieces = maps[Int(number ^ Self.sparse)]
    let index = pieces.firstIndex(endingAfter: offset)
    guard index < pieces.count else { return nil }
    return max(offset, pieces[index].offset)..<pieces[index].offset + pieces[index].length
  }
}
