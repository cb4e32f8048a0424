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
  /// Bytes that were read already.
  private var start: ArraySlice<UInt8>
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
  /// The number of the error if reading has failed.
  private(set) var fault: Int32 = 0

  /// - Parameter start: what was already read of a pipe.
  init(_ file: OpenFile, start: ArraySlice<UInt8>) {
    self.file = file
    self.start = start
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
      let count = TarInput.next(file.descriptor, buffer)
      if count >= 0 { return count }
      if errno != EINTR {
        fault = errno
        return -1
      }
    }
  }
}

/// What compressed bytes decompress to.
protocol Decompressing: AnyObject {
  /// Some of the next bytes; 0 at the end.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws(TreeError) -> Int
}
