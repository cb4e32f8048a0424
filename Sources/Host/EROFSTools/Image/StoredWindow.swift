// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import EROFS
import PageVectors

/// A stretch of an image in memory, as it is stored, and the tables of its decoder: where one thread's reading is.
///
/// Data is read into the same memory again and again, which takes as long as a mapping does that is made and undone page
/// by page, but the process does not grow with the image, and what cannot be read is an error and not a signal.
struct StoredWindow {
  /// Extents of small files are side by side: they are read together up to this many bytes. More would read much that
  /// another thread takes.
  private static let readAhead = 16 << 10

  let state: WorkingMemory
  private let image: ImageFile
  private let tables: UnsafeMutableRawBufferPointer
  private let buffer: UnsafeMutableRawBufferPointer
  /// What is in the buffer.
  private var device = 0
  private var offset: UInt64 = 0
  private var count = 0

  init(_ image: ImageFile, _ plan: MemoryPlan) {
    self.image = image
    tables = .allocate(byteCount: max(plan.file.state, 8), alignment: 16)
    buffer = .allocate(byteCount: max(Superblock.maximumStoredBytes, Self.readAhead), alignment: 4096)
    state = WorkingMemory(unsafeStart: tables.baseAddress!, count: tables.count)
  }

  func deallocate() {
    tables.deallocate()
    buffer.deallocate()
  }

  /// Bytes of a device, good until the next call.
  ///
  /// - Parameter count: at most `Superblock.maximumStoredBytes`; all of them are inside the device.
  mutating func bytes(device: Int, at offset: UInt64, count: Int) throws(EROFSError) -> PageVector {
    let isThere =
      self.device == device && offset >= self.offset && UInt64(count) <= UInt64(self.count)
      && offset - self.offset <= UInt64(self.count - count)
    if !isThere {
      let rest = image.byteCount(ofDevice: device) - offset
      let wanted = Int(min(UInt64(max(count, Self.readAhead)), max(rest, UInt64(count))))
      self.count = 0
      try image.read(device: device, at: offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]))
      (self.device, self.offset, self.count) = (device, offset, wanted)
    }
    let start = Int(offset - self.offset)
    return PageVector(unsafeContiguous: UnsafeRawPointer(buffer.baseAddress! + start), count: count)
  }
}
