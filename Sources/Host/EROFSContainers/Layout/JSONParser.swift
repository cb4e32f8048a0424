// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTools

/// Reads JSON text that may be anything: depth is limited, numbers are whole or `Double`s, and of members with one name the
/// last counts.
struct JSONParser {
  struct Failure: Error, CustomStringConvertible {
    let offset: Int
    var description: String { "it is no JSON text that can be read, at byte \(offset)" }
  }

  private static let deepest = 64

  private let bytes: [UInt8]
  private var at = 0
  private var depth = 0

  private init(_ bytes: [UInt8]) { self.bytes = bytes }

  static func value(_ bytes: [UInt8]) throws(Failure) -> JSON {
    var parser = JSONParser(bytes)
    let value = try parser.value()
    parser.skipBlanks()
    guard parser.at == bytes.count else { throw parser.failure }
    return value
  }

  /// - Parameter name: what it is, for messages.
  static func document(_ bytes: [UInt8], _ name: String) throws(LayoutError) -> JSON {
    do throws(Failure) { return try value(bytes) } catch { throw .unusable(name, "\(error)") }
  }

  private var failure: Failure { Failure(offset: at) }
  private var byte: UInt8? { at < bytes.count ? bytes[at] : nil }

  private mutating func skipBlanks() {
    while let byte, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { at += 1 }
  }

  private mutating func take(_ text: StaticString) -> Bool {
    let found = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    guard bytes[at...].starts(with: found) else { return false }
    at += found.count
    return true
  }

  private mutating func expect(_ text: StaticString) throws(Failure) {
    skipBlanks()
    guard take(text) else { throw failure }
  }

  private mutating func value() throws(Failure) -> JSON {
    skipBlanks()
    switch byte {
    case UInt8(ascii: "{"):
      return .object(
        try list("}") { (parser: inout JSONParser) throws(Failure) in
          parser.skipBlanks()
          let key = try parser.string()
          try parser.expect(":")
          return (key, try parser.value())
        })
    case UInt8(ascii: "["):
      return .array(try list("]") { (parser: inout JSONParser) throws(Failure) in try parser.value() })
    case UInt8(ascii: "\""): return .string(try string())
    default:
      if let byte, byte == UInt8(ascii: "-") || (0x30...0x39).contains(byte) { return try number() }
      if take("true") { return .bool(true) }
      if take("false") { return .bool(false) }
      if take("null") { return .null }
      throw failure
    }
  }

  private mutating func list<Element>(
    _ end: StaticString, _ element: (inout JSONParser) throws(Failure) -> Element
  ) throws(Failure) -> [Element] {
    at += 1
    depth += 1
    guard depth <= Self.deepest else { throw failure }
    defer { depth -= 1 }
    var elements: [Element] = []
    skipBlanks()
    if take(end) { return elements }
    while true {
      elements.append(try element(&self))
      skipBlanks()
      if take(end) { return elements }
      try expect(",")
    }
  }

  private mutating func number() throws(Failure) -> JSON {
    let start = at
    while let byte, "+-.0123456789eE".utf8.contains(byte) { at += 1 }
    let text = String(decoding: bytes[start..<at], as: UTF8.self)
    if let whole = UInt64(text) { return .unsigned(whole) }
    if let whole = Int64(text) { return .integer(whole) }
    guard let value = Double(text), value.isFinite else { throw Failure(offset: start) }
    return .number(value)
  }

  private mutating func string() throws(Failure) -> String {
    guard take("\"") else { throw failure }
    var text: [UInt8] = []
    while let next = byte {
      at += 1
      switch next {
      case UInt8(ascii: "\""):
        guard let text = String(validating: text, as: UTF8.self) else { throw failure }
        return text
      case UInt8(ascii: "\\"): text += try escaped()
      case 0..<0x20: throw failure
      default: text.append(next)
      }
    }
    throw failure
  }

  private mutating func escaped() throws(Failure) -> [UInt8] {
    guard let next = byte else { throw failure }
    at += 1
    switch next {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [next]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "u"):
      var units = [try unit()]
      if UTF16.isLeadSurrogate(units[0]), take("\\u") { units.append(try unit()) }
      guard let text = String(validating: units, as: UTF16.self) else { throw failure }
      return Array(text.utf8)
    default: throw failure
    }
  }

  private mutating func unit() throws(Failure) -> UInt16 {
    guard at + 4 <= bytes.count else { throw failure }
    let digits = String(decoding: bytes[at..<at + 4], as: UTF8.self)
    guard digits.allSatisfy(\.isHexDigit), let unit = UInt16(digits, radix: 16) else { throw failure }
    at += 4
    return unit
  }
}

extension JSON {
  /// The member with this name; of several the last.
  subscript(_ name: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    return members.last { $0.key == name }?.value
  }

  var text: String? { if case .string(let text) = self { text } else { nil } }
  var elements: [JSON]? { if case .array(let elements) = self { elements } else { nil } }
  /// A whole number that is not negative.
  var count: UInt64? {
    switch self {
    case .unsigned(let count): count
    case .integer(let count): UInt64(exactly: count)
    default: nil
    }
  }
}
