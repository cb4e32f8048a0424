// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs

extension MicroLZMADecoder: ImageCodec {
  static var recordBytes: Int { 14 }

  /// The dictionary's size.
  static func number(of record: CompressionRecord) -> UInt32? {
    record.high == 0 && record.low >= 4096 && record.low <= 8 << 20 ? record.low : nil
  }

  static func window(_ number: UInt32) -> Int { Int(truncatingIfNeeded: number) }
}

extension CompressionLimits {
  /// Bytes, 4 KiB ... 8 MiB.
  public var lzmaDictionaryBytes: Int { Int(numbers.microLZMA) }
}
