// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Memory that is made larger when more is needed, and whose contents do not outlast a call.
final class Scratch {
  private var bytes = UnsafeMutableRawBufferPointer(start: nil, count: 0)

  deinit { bytes.deallocate() }

  /// Exactly `count` bytes, aligned to 16, with what was in them. How many there are in all depends on earlier calls, and
  /// must not have an effect on a result.
  func reserve(_ count: Int) -> UnsafeMutableRawBufferPointer {
    if bytes.count < count {
      let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 2 * bytes.count), alignment: 16)
      larger.copyMemory(from: UnsafeRawBufferPointer(bytes))
      bytes.deallocate()
      bytes = larger
    }
    return UnsafeMutableRawBufferPointer(rebasing: bytes[..<count])
  }
}
