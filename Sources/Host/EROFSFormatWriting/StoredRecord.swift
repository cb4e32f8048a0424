// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

/// The bytes of a record, all 0 at first.
@usableFromInline
package struct StoredRecord<Owner: Record>: Equatable, Sendable {
  @usableFromInline package var bytes: [UInt8]

  package init(_: Owner.Type = Owner.self) { bytes = [UInt8](repeating: 0, count: Owner.byteCount) }

  /// - Parameter bytes: as many as the record has.
  package init(_ bytes: some Collection<UInt8>) {
    precondition(bytes.count == Owner.byteCount)
    self.bytes = Array(bytes)
  }

  @inlinable
  package subscript<Value>(field: Field<Owner, Value>) -> Value {
    get { bytes[field, of: Owner.self, at: 0] }
    set { bytes[field, of: Owner.self, at: 0] = newValue }
  }
}

extension Array<UInt8> {
  /// A field of the record that starts at byte `start`.
  @inlinable
  package subscript<Owner: Record, Value>(field: Field<Owner, Value>, of _: Owner.Type, at start: Int) -> Value {
    get { number(at: start + field.offset, as: Value.self) }
    set { put(newValue, at: start + field.offset) }
  }

  @inlinable
  package func number<Value: FixedWidthInteger>(at offset: Int, as _: Value.Type) -> Value {
    withUnsafeBytes {
      precondition(offset >= 0 && offset <= $0.count - MemoryLayout<Value>.size)
      return Value(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Value.self))
    }
  }

  @inlinable
  package mutating func put<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
    withUnsafeMutableBytes {
      precondition(offset >= 0 && offset <= $0.count - MemoryLayout<Value>.size)
      $0.storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
    }
  }

  /// Adds zeros up to a multiple of `alignment`.
  package mutating func align(to alignment: Int) {
    append(contentsOf: repeatElement(0, count: (alignment - count % alignment) % alignment))
  }
}

extension StoredRecord where Owner == SuperblockRecord {
  /// Puts the checksum into the superblock of an image, and announces it; the block must be complete.
  package static func seal(_ image: inout [UInt8]) {
    let start = SuperblockRecord.start
    let features = CompatibleFeatures(rawValue: image[.compatible, of: SuperblockRecord.self, at: start])
    image[.compatible, of: SuperblockRecord.self, at: start] = features.union(.superblockChecksum).rawValue
    image[.checksum, of: SuperblockRecord.self, at: start] = 0
    let block = 1 << Int(image[.blockShift, of: SuperblockRecord.self, at: start])
    var crc = CRC32C()
    for byte in image[start..<(block > start ? block : start + block)] { crc.update(byte) }
    image[.checksum, of: SuperblockRecord.self, at: start] = crc.value
  }
}
