// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// The words of one line: separated by blanks and tabs, with quotes and backslashes as the file list has them.
struct LineReader {
  private var rest: ArraySlice<UInt8>

  init(_ line: ArraySlice<UInt8>) { rest = line }

  /// Lines with their numbers from 1, without those that are blank or comments.
  static func lines(of text: [UInt8]) -> [(number: Int, bytes: ArraySlice<UInt8>)] {
    var lines: [(number: Int, bytes: ArraySlice<UInt8>)] = []
    for (index, line) in text.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
      let line = line.last == 0x0D ? line.dropLast() : line
      guard let first = line.first(where: { $0 != 0x20 && $0 != 0x09 }), first != 0x23 else { continue }
      lines.append((index + 1, line))
    }
    return lines
  }

  /// The next word without its quotes; nil at the end of the line.
  mutating func word() throws(LineError) -> [UInt8]? {
    rest = rest.drop { $0 == 0x20 || $0 == 0x09 }
    guard !rest.isEmpty else { return nil }
    var word: [UInt8] = []
    var quoted = false
    while let byte = rest.popFirst() {
      switch byte {
      case 0x22: quoted.toggle()
      case 0x5C: word.append(try escaped())
      case 0x20, 0x09:
        if !quoted { return word }
        word.append(byte)
      default: word.append(byte)
      }
    }
    if quoted { throw LineError(.unterminatedQuote) }
    return word
  }

  private mutating func escaped() throws(LineError) -> UInt8 {
    guard let byte = rest.popFirst() else { throw LineError(.badEscape) }
    switch byte {
    case 0x5C, 0x22, 0x20, 0x23: return byte
    case UInt8(ascii: "n"): return 0x0A
    case UInt8(ascii: "t"): return 0x09
    case UInt8(ascii: "r"): return 0x0D
    case UInt8(ascii: "x"):
      guard let high = rest.popFirst()?.hexadecimalDigit, let low = rest.popFirst()?.hexadecimalDigit else {
        throw LineError(.badEscape)
      }
      return high << 4 | low
    case 0x30...0x33:
      var value = byte - 0x30
      for _ in 0..<2 {
        guard let digit = rest.popFirst(), (0x30...0x37).contains(digit) else { throw LineError(.badEscape) }
        value = value << 3 | (digit - 0x30)
      }
      return value
    default: throw LineError(.badEscape)
    }
  }

  mutating func word(_ what: String) throws(LineError) -> [UInt8] {
    guard let word = try word() else { throw LineError(.missing(what)) }
    return word
  }

  mutating func end() throws(LineError) {
    if let word = try word() { throw LineError(.unexpected(word.printable)) }
  }

  mutating func number(_ what: String, radix: Int = 10, limit: UInt32 = .max) throws(LineError) -> UInt32 {
    try Self.number(try word(what), what, radix: radix, limit: limit)
  }

  static func number(
    _ word: some Collection<UInt8>, _ what: String, radix: Int = 10, limit: UInt32 = .max
  ) throws(LineError) -> UInt32 {
    let text = String(decoding: word, as: UTF8.self)
    // `UInt32` takes a sign, too.
    guard text.utf8.allSatisfy({ $0.hexadecimalDigit != nil }), let number = UInt32(text, radix: radix),
      number <= limit
    else { throw LineError(.number(word.printable, of: what)) }
    return number
  }
}

/// A fault in a line whose number the caller knows.
struct LineError: Error {
  let fault: LineFault
  init(_ fault: LineFault) { self.fault = fault }
}
