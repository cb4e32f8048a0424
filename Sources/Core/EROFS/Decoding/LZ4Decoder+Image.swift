// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs

extension LZ4Decoder: ImageCodec {
  static var recordBytes: Int { LZ4Record.byteCount &- CompressionRecord.byteCount }

  /// The largest distance, and the largest pcluster in the upper half.
  static func number(of record: UInt64) -> UInt32? {
    UInt32(LZ4Record.read(.pclusterBlocks, of: record)) &<< 16 | UInt32(LZ4Record.read(.maximumDistance, of: record))
  }

  static func window(_ number: UInt32) -> Int { number & 0xFFFF == 0 ? 65535 : Int(number & 0xFFFF) }
}

extension CompressionLimits {
  /// How far back a match may reach, in bytes, 1 ... 65535.
  public var lz4MaximumDistance: Int { LZ4Decoder.window(numbers.lz4) }
  /// The largest LZ4 pcluster, in blocks.
  public var lz4MaximumPclusterBlocks: Int { max(1, Int(numbers.lz4 &>> 16)) }
}
