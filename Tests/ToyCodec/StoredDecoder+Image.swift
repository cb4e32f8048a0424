// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs

extension StoredDecoder: ImageCodec {
  static var recordBytes: Int { 6 }

  /// Nothing: the first byte must be 0.
  static func number(of record: CompressionRecord) -> UInt32? { record.low & 0xFF == 0 ? 0 : nil }

  static func window(_ number: UInt32) -> Int { 0 }
}
