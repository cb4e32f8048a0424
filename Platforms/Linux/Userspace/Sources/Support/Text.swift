// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A byte in memory that may be changed.
typealias Bytes = UnsafeMutablePointer<UInt8>
/// A C string: bytes up to a zero, of any value, as the kernel has them. Names are bytes, not characters.
typealias CString = UnsafeMutablePointer<UInt8>

/// A text of the program itself, with a zero behind it and none in it: one word, where the library's StaticString is three.
struct Literal: ExpressibleByStringLiteral {
  let start: CString

  @inline(__always)
  init(stringLiteral value: StaticString) { start = value.utf8Start.mutable }
}

/// A run of bytes that lies elsewhere.
struct Text {
  var start: UnsafePointer<UInt8>
  var count: Int

  @inline(__always)
  init(_ start: UnsafePointer<UInt8>, _ count: Int) {
    self.start = start
    self.count = count
  }
  @inline(__always)
  init(_ literal: Literal) { self.init(literal.start) }
  @inline(never)
  init(_ string: CString) { self.init(string, length(string)) }

  subscript(index: Int) -> UInt8 {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
    return start[index]
  }

  /// The bytes from `from` up to `to`.
  @inline(never)
  func part(_ from: Int, _ to: Int) -> Text {
    precondition(from >= 0 && from <= to && to <= count)
    return Text(start + from, to - from)
  }
  func from(_ from: Int) -> Text { part(from, count) }

  @inline(never)
  func `is`(_ literal: Literal) -> Bool { equals(Text(literal)) }
  @inline(never)
  func equals(_ other: Text) -> Bool { count == other.count && starts(with: other) }
  @inline(never)
  func starts(with other: Text) -> Bool {
    guard count >= other.count else { return false }
    for i in 0..<other.count where start[i] != other.start[i] { return false }
    return true
  }
  @inline(never)
  func starts(with literal: Literal) -> Bool { starts(with: Text(literal)) }

  /// Where `byte` is first, or `count`.
  @inline(never)
  func index(of byte: UInt8, from: Int = 0) -> Int {
    var i = from
    while i < count, start[i] != byte { i &+= 1 }
    return i
  }

  /// Negative, 0 or positive, by unsigned bytes.
  @inline(never)
  func compare(_ other: Text) -> Int {
    var i = 0
    while i < count, i < other.count {
      if start[i] != other.start[i] { return Int(start[i]) - Int(other.start[i]) }
      i &+= 1
    }
    return count - other.count
  }

  /// The number that all of it is in decimal; nil if it is none, or larger than 2^31 - 1.
  var number: Int? {
    var at = 0
    let value = leadingNumber(&at)
    return at == count ? value : nil
  }
  /// Decimal digits from `at` on, which is moved behind them; nil if there are none, or if they are too many.
  @inline(never)
  func leadingNumber(_ at: inout Int) -> Int? {
    var value: Int32 = 0
    let begin = at
    while at < count, isDigit(start[at]) {
      let (tens, over) = value.multipliedReportingOverflow(by: 10)
      let (sum, over2) = tens.addingReportingOverflow(Int32(start[at] &- 48))
      if over || over2 { return nil }
      value = sum
      at &+= 1
    }
    return at == begin ? nil : Int(value)
  }
  /// The same for numbers up to 2^63 - 1.
  @inline(never)
  func wide() -> Int64? {
    var value: Int64 = 0
    guard count > 0 else { return nil }
    for i in 0..<count {
      guard isDigit(start[i]), value < 922_337_203_685_477_580 else { return nil }
      value = (value &<< 3) &+ (value &<< 1) &+ Int64(start[i] &- 48)
    }
    return value
  }
}

@inline(never)
func length(_ string: UnsafePointer<UInt8>) -> Int {
  var count = 0
  while string[count] != 0 { count &+= 1 }
  return count
}

func isDigit(_ byte: UInt8) -> Bool { byte &- 48 < 10 }
func isLetter(_ byte: UInt8) -> Bool { (byte | 32) &- 97 < 26 }
func isBlank(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 }
func isSpace(_ byte: UInt8) -> Bool { byte == 32 || byte &- 9 < 5 }
func isUpper(_ byte: UInt8) -> Bool { byte &- 65 < 26 }
/// What a variable's name is made of, after its first letter.
func isName(_ byte: UInt8) -> Bool { isLetter(byte) || isDigit(byte) || byte == 95 }
func lowered(_ byte: UInt8) -> UInt8 { isUpper(byte) ? byte | 32 : byte }

/// A letter as a byte.
func letter(_ scalar: Unicode.Scalar) -> UInt8 { UInt8(truncatingIfNeeded: scalar.value) }

/// Divides by `divisor`, which is below 65,536, and returns the rest. Small processors cannot divide 64 bits.
@inline(never)
func divide(_ value: inout UInt64, by divisor: UInt32) -> UInt32 {
  let high = UInt32(truncatingIfNeeded: value &>> 32), low = UInt32(truncatingIfNeeded: value)
  var rest = high % divisor
  let top = high / divisor
  rest = rest &<< 16 | low &>> 16
  let middle = rest / divisor
  rest = (rest % divisor) &<< 16 | low & 0xffff
  let bottom = rest / divisor
  value = UInt64(top) &<< 32 | UInt64(middle &<< 16 | bottom)
  return rest % divisor
}

/// Sets aside small buffers on the stack.
@inline(__always)
func withBytes<Result>(_ count: Int, _ body: (Bytes) -> Result) -> Result {
  withUnsafeTemporaryAllocation(byteCount: count, alignment: 8) {
    body($0.baseAddress!.assumingMemoryBound(to: UInt8.self))
  }
}

/// Where a word stands in a table of words that have so many bytes each, filled with blanks; nil if it does not.
@inline(never)
func index(of word: Text, in table: Literal, width: Int) -> Int? {
  let table = Text(table)
  var at = 0
  while at < table.count {
    let entry = table.part(at, at + width)
    if word.count <= width, entry.starts(with: word), word.count == width || entry[word.count] == 32, word.count > 0 {
      return at / width
    }
    at += width
  }
  return nil
}
