// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// The compression record of a codec for a test.
package enum StoredDataRecord: Record { package static var byteCount: Int { 8 } }

extension Field where Owner == StoredDataRecord {
  /// Must be 0.
  package static var format: Field<Owner, UInt8> { .init(at: 2) }
}
