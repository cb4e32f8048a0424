// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs

extension ZstandardDecoder: ImageCodec {
  static var recordBytes: Int { 6 }

  /// log2 of the window.
  static func number(of record: CompressionRecord) -> UInt32? {
    let log = (record.low &>> 8) & 0xFF &+ 10
    return record.low & 0xFF == 0 && log <= 20 ? log : nil
  }

  static func window(_ number: UInt32) -> Int { 1 &<< Int(truncatingIfNeeded: number) }
}

extension CompressionLimits {
  /// log2 of the window, 10 ... 20.
  public var zstandardWindowLog: Int { Int(numbers.zstandard) }
}
