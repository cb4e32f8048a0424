// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// echo [-neE] [WORD...]
func echo(_ program: inout Program) {
  var newline = true
  var escapes = false
  options: while let argument = program.arguments[0] {
    let text = Text(argument)
    guard text.count > 1, text[0] == 45 else { break }
    for i in 1..<text.count {
      let option = text[i]
      if option != letter("n") && option != letter("e") && option != letter("E") { break options }
    }
    for i in 1..<text.count {
      switch text[i] {
      case letter("n"): newline = false
      case letter("e"): escapes = true
      default: escapes = false
      }
    }
    program.arguments += 1
  }
  var first = true
  while let argument = program.next() {
    if !first { program.out.put(32) }
    first = false
    let text = Text(argument)
    if !escapes {
      program.out.put(text)
    } else if !putEscaped(text, &program.out) {
      return
    }
  }
  if newline { program.out.newline() }
}

/// Writes what backslashes stand for. false: a \c says that nothing follows.
func putEscaped(_ text: Text, _ out: inout Output) -> Bool {
  var i = 0
  while i < text.count {
    let byte = text[i]
    i &+= 1
    guard byte == 92, i < text.count else {
      out.put(byte)
      continue
    }
    let escape = text[i]
    i &+= 1
    switch escape {
    case letter("a"): out.put(7)
    case letter("b"): out.put(8)
    case letter("c"): return false
    case letter("e"): out.put(27)
    case letter("f"): out.put(12)
    case letter("n"): out.put(10)
    case letter("r"): out.put(13)
    case letter("t"): out.put(9)
    case letter("v"): out.put(11)
    case 92: out.put(92)
    case letter("0"), letter("x"):
      let shift: UInt8 = escape == letter("x") ? 4 : 3
      var value: UInt8 = 0
      var digits = 0
      while i < text.count, digits < (shift == 4 ? 2 : 3) {
        guard let digit = digitValue(text[i]), digit < 1 << shift else { break }
        value = value &<< shift | digit
        digits &+= 1
        i &+= 1
      }
      if digits == 0 && shift == 4 { out.put("\\x") } else { out.put(value) }
    default:
      out.put(92)
      out.put(escape)
    }
  }
  return true
}

/// Of a hexadecimal digit.
func digitValue(_ byte: UInt8) -> UInt8? {
  if isDigit(byte) { return byte - 48 }
  let value = lowered(byte) &- 97
  return value < 6 ? value + 10 : nil
}
