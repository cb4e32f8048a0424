// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs

/// A decoder's working memory between guard bytes.
final class GuardedMemory {
  let memory: WorkingMemory
  private let bytes: UnsafeMutableRawBufferPointer
  private let used: Range<Int>
  private static let guardByte: UInt8 = 0xC3

  /// - Parameter offset: where the memory starts, counted from a multiple of 64.
  init(count: Int, offset: Int = 0) {
    bytes = .allocate(byteCount: count + offset + 128, alignment: 64)
    used = 64 + offset..<64 + offset + count
    memory = WorkingMemory(unsafeStart: bytes.baseAddress! + used.lowerBound, count: count)
    _ = bytes.initializeMemory(as: UInt8.self, repeating: Self.guardByte)
  }

  deinit { bytes.deallocate() }

  var guardsAreIntact: Bool {
    bytes[..<used.lowerBound].allSatisfy { $0 == Self.guardByte }
      && bytes[used.upperBound...].allSatisfy { $0 == Self.guardByte }
  }
}
