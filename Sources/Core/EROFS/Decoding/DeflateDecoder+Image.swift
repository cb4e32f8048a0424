// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs

extension DeflateDecoder: ImageCodec {
  static var recordBytes: Int { 6 }

  /// log2 of the window.
  static func number(of record: CompressionRecord) -> UInt32? {
    // mkfs.erofs 1.9.4 writes 0 with libdeflate, and its streams use all 32 KiB.
    let bits = record.low & 0xFF == 0 ? 15 : record.low & 0xFF
    return (8...15).contains(bits) ? bits : nil
  }

  static func window(_ number: UInt32) -> Int { 1 &<< Int(truncatingIfNeeded: number) }
}

extension CompressionLimits {
  /// log2 of the window, 8 ... 15.
  public var deflateWindowBits: Int { Int(numbers.deflate) }
}
