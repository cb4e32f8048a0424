// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs

extension MicroLZMADecoder: ImageCodec {
  static var recordBytes: Int { MicroLZMARecord.byteCount &- CompressionRecord.byteCount }

  /// The dictionary's size.
  static func number(of record: UInt64) -> UInt32? {
    let bytes = MicroLZMARecord.read(.dictionaryBytes, of: record)
    return MicroLZMARecord.read(.format, of: record) == 0 && bytes >= 4096 && bytes <= 8 << 20 ? bytes : nil
  }

  static func window(_ number: UInt32) -> Int { Int(truncatingIfNeeded: number) }
}

extension CompressionLimits {
  /// Bytes, 4 KiB ... 8 MiB.
  public var lzmaDictionaryBytes: Int { Int(numbers.microLZMA) }
}
