// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs

extension ZstandardDecoder: ImageCodec {
  static var recordBytes: Int { ZstandardRecord.byteCount &- CompressionRecord.byteCount }

  /// log2 of the window.
  static func number(of record: UInt64) -> UInt32? {
    let log = UInt32(ZstandardRecord.read(.windowLog, of: record)) &+ 10
    return ZstandardRecord.read(.format, of: record) == 0 && log <= 20 ? log : nil
  }

  static func window(_ number: UInt32) -> Int { 1 &<< Int(truncatingIfNeeded: number) }
}

extension CompressionLimits {
  /// log2 of the window, 10 ... 20.
  public var zstandardWindowLog: Int { Int(numbers.zstandard) }
}
