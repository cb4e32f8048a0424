// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs

extension DeflateDecoder: ImageCodec {
  static var recordBytes: Int { DeflateRecord.byteCount &- CompressionRecord.byteCount }

  /// log2 of the window.
  static func number(of record: UInt64) -> UInt32? {
    // mkfs.erofs 1.9.4 writes 0 with libdeflate, and its streams use all 32 KiB.
    let stored = UInt32(DeflateRecord.read(.windowBits, of: record))
    let bits = stored == 0 ? 15 : stored
    return (8...15).contains(bits) ? bits : nil
  }

  static func window(_ number: UInt32) -> Int { 1 &<< Int(truncatingIfNeeded: number) }
}

extension CompressionLimits {
  /// log2 of the window, 8 ... 15.
  public var deflateWindowBits: Int { Int(numbers.deflate) }
}
