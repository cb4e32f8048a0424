// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Any of the 256 bytes.
struct ByteSet {
  private(set) var bits = InlineArray<8, UInt32>(repeating: 0)

  @inline(never)
  mutating func insert(_ byte: UInt8) { bits[Int(byte >> 5)] |= 1 &<< UInt32(byte & 31) }
  func contains(_ byte: UInt8) -> Bool { bits[Int(byte >> 5)] & (1 &<< UInt32(byte & 31)) != 0 }
  /// Letters of either case are then there in both.
  mutating func fold() {
    for byte: UInt8 in 65...90 where contains(byte) != contains(byte | 32) {
      insert(byte)
      insert(byte | 32)
    }
  }
  mutating func invert() { for i in 0..<8 { bits[i] = ~bits[i] } }
}

/// Reads the inside of a bracket expression, from behind its [ to behind its ]. false if it has no end or is wrong.
/// `folds`: upper and lower case are the same. `escapes`, in the shell: a ! negates too, and a backslash takes the next byte as it is.
@inline(never)
func parseBracket(_ text: Text, _ at: inout Int, escapes: Bool, folds: Bool, _ set: inout ByteSet) -> Bool {
  var negated = false
  if at < text.count, text[at] == 94 || (escapes && text[at] == 33) {
    negated = true
    at &+= 1
  }
  var first = true
  while at < text.count {
    var low = text[at]
    at &+= 1
    if low == 93, !first {
      if folds { set.fold() }
      if negated { set.invert() }
      return true
    }
    first = false
    if low == 91, at < text.count, text[at] == 58 {
      // [:class:]
      let begin = at + 1
      let end = text.index(of: 58, from: begin)
      guard end + 1 < text.count, text[end + 1] == 93, addClass(text.part(begin, end), &set) else { return false }
      at = end + 2
      continue
    }
    if escapes, low == 92, at < text.count {
      low = text[at]
      at &+= 1
    }
    var high = low
    if at + 1 < text.count, text[at] == 45, text[at + 1] != 93 {
      high = text[at + 1]
      at &+= 2
      if escapes, high == 92, at < text.count {
        high = text[at]
        at &+= 1
      }
      if high < low {
        if escapes { continue }
        return false
      }
    }
    for byte in low...high { set.insert(byte) }
  }
  return false
}

private var classes: Literal { "alpha digit alnum space blank upper lower punct print graph cntrl xdigit" }

@inline(never)
private func addClass(_ name: Text, _ set: inout ByteSet) -> Bool {
  guard let number = index(of: name, in: classes, width: 6) else { return false }
  for value in 0...127 {
    let byte = UInt8(value)
    let visible = byte &- 33 < 94
    let plain = isLetter(byte) || isDigit(byte)
    let has: Bool
    switch number {
    case 0: has = isLetter(byte)
    case 1: has = isDigit(byte)
    case 2: has = plain
    case 3: has = isSpace(byte)
    case 4: has = isBlank(byte)
    case 5: has = isUpper(byte)
    case 6: has = isLetter(byte) && !isUpper(byte)
    case 7: has = visible && !plain
    case 8: has = visible || byte == 32
    case 9: has = visible
    case 10: has = byte < 32 || byte == 127
    default: has = digitValue(byte) != nil
    }
    if has { set.insert(byte) }
  }
  return true
}
