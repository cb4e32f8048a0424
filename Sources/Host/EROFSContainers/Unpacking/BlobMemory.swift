// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import HostSupport
import SystemPackage

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

extension LargeMemory {
  /// The blob's bytes, if they are compressed in a way that is decompressed in memory, and if there is room for them.
  convenience init?(compressed blob: ImageLayout.Blob, in room: MemoryRoom) throws {
    guard blob.range.count > 512, try blob.starts(with: [0x1F, 0x8B]) || blob.starts(with: [0x28, 0xB5, 0x2F, 0xFD])
    else { return nil }
    self.init(blob.range.count, in: room)
    try blob.read(into: bytes)
  }
}

extension UnsafeRawBufferPointer {
  func forEachPart(_ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
    var rest = self[...]
    while !rest.isEmpty {
      try body(UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 20)))
      rest = rest.dropFirst(1 << 20)
    }
  }
}

extension ImageLayout.Blob {
  /// Makes a file that has no name yet a copy of it, and names it; or gives the blob that name too, if it is a file by
  /// itself on the same file system.
  func give(to output: OutputFile, at path: FilePath) throws {
    var status = stat()
    guard fstat(file.descriptor, &status) == 0 else {
      throw LayoutError.unusable("\(path)", "\(Errno(rawValue: errno))")
    }
    if range == 0..<UInt64(status.st_size) {
      #if os(Linux)
        let own = "/proc/self/fd/\(file.descriptor)"
        if path.withPlatformString({ linkat(AT_FDCWD, own, AT_FDCWD, $0, AT_SYMLINK_FOLLOW) }) == 0 {
          return output.discard()
        }
      #endif
    }
    var done: UInt64 = 0
    try forEachPart { part in
      try output.write(part, at: done)
      done += UInt64(part.count)
    }
    try output.publish()
  }
}
