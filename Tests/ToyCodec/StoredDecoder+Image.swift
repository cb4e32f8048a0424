// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs

extension StoredDecoder: ImageCodec {
  static var recordBytes: Int { StoredDataRecord.byteCount &- CompressionRecord.byteCount }

  /// Nothing: the first byte must be 0.
  static func number(of record: UInt64) -> UInt32? { StoredDataRecord.read(.format, of: record) == 0 ? 0 : nil }

  static func window(_ number: UInt32) -> Int { 0 }
}
