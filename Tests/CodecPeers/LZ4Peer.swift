// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CLZ4

final class LZ4Peer: PeerLibrary {
  static var library: String { "liblz4 " + String(cString: LZ4_versionString()) }
  static var defaultLevel: Int { 9 }

  static func encode(
    _ input: UnsafeRawPointer, _ length: Int, _ output: UnsafeMutablePointer<UInt8>, _ capacity: Int, _ level: Int
  ) -> Int {
    Int(
      LZ4_compress_HC(
        input.assumingMemoryBound(to: CChar.self),
        UnsafeMutableRawPointer(output).assumingMemoryBound(to: CChar.self), CInt(length), CInt(capacity), CInt(level)))
  }

  func decode(_ stored: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Bool {
    let count = LZ4_decompress_safe(
      stored.baseAddress!.assumingMemoryBound(to: CChar.self), output.baseAddress!.assumingMemoryBound(to: CChar.self),
      CInt(stored.count), CInt(output.count))
    return count == output.count
  }
}
