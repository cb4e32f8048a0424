// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// How records on disk are declared. A field is declared once, as a `Field` of its record, in the order of its offset; bits
// inside a field are declared once, as `Bits` of a value that has `init(raw)` and `raw`. Reading and writing both go through
// these declarations. They fold to the load or the shift that they stand for.

/// A kind of record on disk. All its integers are little-endian.
@usableFromInline
package protocol Record {
  /// Bytes of a record, or of its part of constant size.
  static var byteCount: Int { get }
}

extension Record {
  /// A field in the first 8 bytes of a record, which are given as a number.
  @inlinable @inline(__always)
  package static func read<Value>(_ field: Field<Self, Value>, of word: UInt64) -> Value { field.get(word) }
}

/// An integer at a constant offset of a record.
@usableFromInline
package struct Field<Owner: Record, Value: FixedWidthInteger & Sendable>: Sendable {
  /// In bytes from the start of the record.
  @usableFromInline package let offset: Int

  @inlinable @inline(__always)
  package init(at offset: Int) { self.offset = offset }

  /// Bytes of the field.
  @inlinable package var byteCount: Int { @inline(__always) get { MemoryLayout<Value>.size } }
}

/// A run of bits inside a word.
@usableFromInline package struct Bits<Word: FixedWidthInteger & UnsignedInteger & Sendable>: Sendable {
  @usableFromInline package let shift: Word
  @usableFromInline package let count: Word

  /// `count` bits from bit `shift` on, 1 at least; bit 0 is the lowest.
  @inlinable @inline(__always)
  package init(_ shift: Word, count: Word = 1) {
    self.shift = shift
    self.count = count
  }

  /// The largest value that they hold.
  @inlinable package var limit: Word { @inline(__always) get { Word.max &>> (Word(Word.bitWidth) &- count) } }

  @inlinable @inline(__always)
  package func get(_ word: Word) -> Word { (word &>> shift) & limit }

  @inlinable @inline(__always)
  package func isSet(_ word: Word) -> Bool { word & (limit &<< shift) != 0 }

  /// Replaces them. The value must fit.
  @inlinable @inline(__always)
  package func set(_ word: inout Word, to value: Word) {
    precondition(value <= limit)
    word = word & ~(limit &<< shift) | value &<< shift
  }
}

/// A value that a field holds, taken apart by its bits. Each raw value is kept as it is, reserved bits too.
@usableFromInline package protocol BitField: Equatable, Sendable {
  associatedtype Raw: FixedWidthInteger & UnsignedInteger & Sendable
  init(raw: Raw)
  var raw: Raw { get set }
}

extension Field {
  /// The field's value in the first 8 bytes of a record, which are given as a number.
  @inlinable @inline(__always)
  package func get(_ word: UInt64) -> Value {
    Value(truncatingIfNeeded: word &>> UInt64(truncatingIfNeeded: (offset & 7) &* 8))
  }

  /// Replaces it in such a word.
  @inlinable @inline(__always)
  package func set(_ word: inout UInt64, to value: Value) {
    let shift = UInt64(truncatingIfNeeded: (offset & 7) &* 8)
    let mask = UInt64.max &>> UInt64(truncatingIfNeeded: 64 &- Value.bitWidth)
    word = word & ~(mask &<< shift) | (UInt64(truncatingIfNeeded: value) & mask) &<< shift
  }
}

/// A record in memory, to be read and written field by field. It owns no memory.
///
/// This is what writers use; the reader takes its fields from loads that it has checked.
@safe
package struct RecordView<Owner: Record> {
  @usableFromInline let bytes: UnsafeMutableRawBufferPointer

  /// - Parameter bytes: at least those of the record, which must stay where they are as long as the view is used.
  @inlinable
  package init(unsafe bytes: UnsafeMutableRawBufferPointer) {
    precondition(bytes.count >= Owner.byteCount)
    unsafe self.bytes = bytes
  }

  @inlinable
  package subscript<Value>(field: Field<Owner, Value>) -> Value {
    @inline(__always) get {
      unsafe precondition(field.offset &+ MemoryLayout<Value>.size <= bytes.count)
      return unsafe Value(littleEndian: bytes.loadUnaligned(fromByteOffset: field.offset, as: Value.self))
    }
    @inline(__always) nonmutating set {
      unsafe precondition(field.offset &+ MemoryLayout<Value>.size <= bytes.count)
      unsafe bytes.storeBytes(of: newValue.littleEndian, toByteOffset: field.offset, as: Value.self)
    }
  }
}
