// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The compressed bytes of a file or pipe, from the first on, part by part.
final class CompressedInput {
  private let file: OpenFile
  /// Where they are in a file that can be read at any place, and how many were read.
  private let place: TarInput.Place?
  private var position: UInt64 = 0
  /// Bytes that were read already.
  private var start: ArraySlice<UInt8>
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
  /// The number of the error if reading has failed.
  private(set) var fault: Int32 = 0

  /// - Parameter start: what was already read of a pipe.
  init(_ file: OpenFile, start: ArraySlice<UInt8>) {
    self.file = file
    self.start = start
    place = nil
  }

  init(_ place: TarInput.Place) {
    (file, start, self.place) = (place.file, [], place)
  }

  deinit { buffer.deallocate() }

  /// Puts the next bytes into the buffer.
  ///
  /// - Returns: how many they are: 0 at the end, -1 for a failure.
  func next() -> Int {
    if !start.isEmpty {
      let count = min(start.count, buffer.count)
      buffer.copyBytes(from: start.prefix(count))
      start = start.dropFirst(count)
      return count
    }
    while true {
      let count = place?.read(buffer, at: position) ?? TarInput.next(file.descriptor, buffer)
      if count >= 0 {
        position += UInt64(count)
        return count
      }
      if errno != EINTR {
        fault = errno
        return -1
      }
    }
  }
}

/// What is compressed with gzip, bzip2, xz, lzma, lzip or zstd, whatever it is.
public enum Decompression {
  /// Decompresses bytes of a file.
  ///
  /// - Parameters:
  ///   - file: one that can be read at any place.
  ///   - range: its bytes that are compressed.
  ///   - body: gets what they decompress to, part by part.
  /// - Throws: `TreeError` if they are not compressed, or damaged; and what `body` throws.
  public static func forEachPart(
    of file: OpenFile, _ range: Range<UInt64>, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let place = TarInput.Place(file: file, start: range.lowerBound, size: UInt64(range.count))
    let first = [UInt8](unsafeUninitializedCapacity: 2) { bytes, count in
      count = max(
        0, place.read(UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(bytes)[..<2]), at: 0))
    }
    let input = CompressedInput(place)
    let decompressor: any Decompressing = Gunzip.isGzip(first) ? try Gunzip(input) : try Decompressor(input)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      let count = try decompressor.read(into: buffer)
      if count == 0 { return }
      try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
  }
}

/// What compressed bytes decompress to.
protocol Decompressing: AnyObject {
  /// Some of the next bytes; 0 at the end.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws(TreeError) -> Int
}
