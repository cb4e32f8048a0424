// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A JSON value whose members keep the order in which they are given.
package enum JSON: Sendable {
  case null
  case bool(Bool)
  case integer(Int64)
  case unsigned(UInt64)
  case number(Double)
  case string(String)
  case array([JSON])
  case object([Member])

  package typealias Member = (key: String, value: JSON)

  package init(_ value: some FixedWidthInteger) {
    self = value < 0 ? .integer(Int64(clamping: value)) : .unsigned(UInt64(clamping: value))
  }

  /// Members for text that may be any bytes: `key` holds it as text, and where it is not UTF-8, `key_hex` holds the
  /// bytes, two digits each.
  package static func members(_ key: String, _ bytes: [UInt8]) -> [Member] {
    let text = String(decoding: bytes, as: UTF8.self)
    if text.utf8.elementsEqual(bytes) { return [(key, .string(text))] }
    return [(key, .string(text)), (key + "_hex", .string(bytes.hexadecimal))]
  }

  /// The value as text: in one line, or with a line for each member and two spaces more at each depth.
  package func text(pretty: Bool = true) -> String {
    var out = ""
    write(to: &out, pretty ? 0 : nil)
    return out
  }

  private func write(to out: inout String, _ depth: Int?) {
    switch self {
    case .null: out += "null"
    case .bool(let value): out += value ? "true" : "false"
    case .integer(let value): out += "\(value)"
    case .unsigned(let value): out += "\(value)"
    case .number(let value): out += value.isFinite ? "\(value)" : "null"
    case .string(let value): Self.quote(value, &out)
    case .array(let values):
      Self.list("[", "]", values, &out, depth) { value, out, depth in value.write(to: &out, depth) }
    case .object(let members):
      Self.list("{", "}", members, &out, depth) { member, out, depth in
        Self.quote(member.key, &out)
        out += depth == nil ? ":" : ": "
        member.value.write(to: &out, depth)
      }
    }
  }

  private static func list<Element>(
    _ open: String, _ close: String, _ elements: [Element], _ out: inout String, _ depth: Int?,
    _ write: (Element, inout String, Int?) -> Void
  ) {
    out += open
    let inner = depth.map { $0 + 1 }
    for (index, element) in elements.enumerated() {
      if index > 0 { out += "," }
      if let inner { out += "\n" + String(repeating: "  ", count: inner) }
      write(element, &out, inner)
    }
    if let depth, !elements.isEmpty { out += "\n" + String(repeating: "  ", count: depth) }
    out += close
  }

  private static func quote(_ text: String, _ out: inout String) {
    out += "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\t": out += "\\t"
      default:
        if scalar.value < 0x20 || scalar.value == 0x7F {
          let digits = String(scalar.value, radix: 16)
          out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        } else {
          out.unicodeScalars.append(scalar)
        }
      }
    }
    out += "\""
  }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  package init(stringLiteral value: String) { self = .string(value) }
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  package init(integerLiteral value: Int64) { self = .integer(value) }
  package init(arrayLiteral elements: JSON...) { self = .array(elements) }
  package init(dictionaryLiteral elements: (String, JSON)...) { self = .object(elements.map { ($0.0, $0.1) }) }
}
