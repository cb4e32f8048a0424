// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

extension Collection<UInt8> where SubSequence: Collection<UInt8> {
  /// The scalar that the bytes start with, and how many bytes it takes; nil where they do not start with UTF-8.
  package var firstScalar: (scalar: Unicode.Scalar, count: Int)? {
    var decoder = UTF8()
    var iterator = makeIterator()
    guard case .scalarValue(let scalar) = decoder.decode(&iterator) else { return nil }
    return (scalar, UTF8.width(scalar))
  }
}

extension [UInt8] {
  /// As text for a terminal: control characters and bytes that are not UTF-8 become `\xNN`, and a backslash `\\`, so
  /// nothing is lost, and a terminal does not act on it.
  package var printable: String {
    var text = ""
    var rest = self[...]
    while !rest.isEmpty {
      let first = rest.firstScalar
      let count = first?.count ?? 1
      if let scalar = first?.scalar, !scalar.isControl {
        text.unicodeScalars.append(scalar)
        if scalar == "\\" { text += "\\" }
      } else {
        for byte in rest.prefix(count) { text += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16) }
      }
      rest = rest.dropFirst(count)
    }
    return text
  }

  /// Two lower-case digits a byte.
  package var hexadecimal: String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in self {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }
}

extension Unicode.Scalar {
  /// Whether it is not shown, but changes a terminal's state or the order of text.
  var isControl: Bool {
    switch properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: true
    default: false
    }
  }
}
