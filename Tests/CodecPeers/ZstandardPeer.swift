// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CZstd

final class ZstandardPeer: PeerLibrary {
  static var library: String { "libzstd " + String(cString: ZSTD_versionString()) }
  static var defaultLevel: Int { 3 }

  private let context = ZSTD_createDCtx()

  deinit { ZSTD_freeDCtx(context) }

  static func encode(
    _ input: UnsafeRawPointer, _ length: Int, _ output: UnsafeMutablePointer<UInt8>, _ capacity: Int, _ level: Int
  ) -> Int {
    let count = ZSTD_compress(output, capacity, input, length, CInt(level))
    return ZSTD_isError(count) == 0 ? count : 0
  }

  func decode(_ stored: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Bool {
    ZSTD_decompressDCtx(context, output.baseAddress!, output.count, stored.baseAddress!, stored.count) == output.count
  }
}
