// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// $((...)): numbers of the machine's word, which wrap around.
private struct Arithmetic {
  let text: Text
  var at = 0
  var wrong: Literal?
  var depth = 0

  init(_ text: Text) { self.text = text }

  /// Two-byte operators as two bytes in one number, with how tightly they bind; 0 for none.
  mutating func peek() -> (sign: Int, level: Int) {
    while at < text.count, isSpace(text[at]) { at &+= 1 }
    guard at < text.count else { return (0, 0) }
    let first = Int(text[at])
    let second = at + 1 < text.count ? Int(text[at + 1]) : 0
    // == != <= >= && || << >>
    if second == 61, first == 61 || first == 33 { return (first << 8 | second, 6) }
    if second == 61, first == 60 || first == 62 { return (first << 8 | second, 7) }
    if first == second {
      if first == 38 { return (first << 8 | second, 2) }
      if first == 124 { return (first << 8 | second, 1) }
      if first == 60 || first == 62 { return (first << 8 | second, 8) }
    }
    switch first {
    case 124: return (first, 3)
    case 94: return (first, 4)
    case 38: return (first, 5)
    case 60, 62: return (first, 7)
    case 43, 45: return (first, 9)
    case 42, 47, 37: return (first, 10)
    default: return (first, 0)
    }
  }

  mutating func operate(_ sign: Int, _ a: Int, _ b: Int) -> Int {
    switch sign {
    case 42: return a &* b
    case 47, 37:
      if b == 0 {
        wrong = "division by zero"
        return 0
      }
      if b == -1 { return sign == 47 ? 0 &- a : 0 }
      return sign == 47 ? a / b : a % b
    case 43: return a &+ b
    case 45: return a &- b
    case 60 << 8 | 60: return a &<< b
    case 62 << 8 | 62: return a &>> b
    case 60: return a < b ? 1 : 0
    case 62: return a > b ? 1 : 0
    case 60 << 8 | 61: return a <= b ? 1 : 0
    case 62 << 8 | 61: return a >= b ? 1 : 0
    case 61 << 8 | 61: return a == b ? 1 : 0
    case 33 << 8 | 61: return a != b ? 1 : 0
    case 38: return a & b
    case 94: return a ^ b
    case 124: return a | b
    case 38 << 8 | 38: return a != 0 && b != 0 ? 1 : 0
    default: return a != 0 || b != 0 ? 1 : 0
    }
  }
}

extension Shell {
  @inline(never)
  mutating func evaluate(_ text: Text) -> Int {
    var arithmetic = Arithmetic(text)
    let result = choice(&arithmetic, true)
    if arithmetic.peek().sign != 0, arithmetic.wrong == nil { arithmetic.wrong = "not an arithmetic expression" }
    if let wrong = arithmetic.wrong { fail(text, wrong) }
    return result
  }

  /// A ? B : C. What is not `live` is read, but assigns nothing and divides by nothing.
  private mutating func choice(_ e: inout Arithmetic, _ live: Bool) -> Int {
    guard e.depth < 20 else {
      e.wrong = "nested too deeply"
      return 0
    }
    e.depth &+= 1
    let condition = binary(&e, 1, live)
    var result = condition
    if e.peek().sign == 63 {
      e.at &+= 1
      let yes = choice(&e, live && condition != 0)
      if e.peek().sign == 58 { e.at &+= 1 } else { e.wrong = "a : is missing" }
      let no = choice(&e, live && condition == 0)
      result = condition != 0 ? yes : no
    }
    e.depth &-= 1
    return result
  }

  private mutating func binary(_ e: inout Arithmetic, _ least: Int, _ live: Bool) -> Int {
    var left = unary(&e, live)
    while e.wrong == nil {
      let (sign, level) = e.peek()
      guard level >= least else { break }
      e.at += sign > 255 ? 2 : 1
      let decided = level == 1 ? left != 0 : level == 2 ? left == 0 : false
      let right = binary(&e, level + 1, live && !decided)
      if !live { continue }
      left = decided ? (level == 1 ? 1 : 0) : e.operate(sign, left, right)
    }
    return left
  }

  private mutating func unary(_ e: inout Arithmetic, _ live: Bool) -> Int {
    let sign = e.peek().sign
    switch sign {
    case 43, 45, 33, 126, 33 << 8 | 61:
      guard e.depth < 20 else {
        e.wrong = "nested too deeply"
        return 0
      }
      e.at &+= 1
      e.depth &+= 1
      let value = unary(&e, live)
      e.depth &-= 1
      return sign == 43 ? value : sign == 45 ? 0 &- value : sign == 126 ? ~value : value == 0 ? 1 : 0
    case 40:
      e.at &+= 1
      let value = choice(&e, live)
      if e.peek().sign == 41 { e.at &+= 1 } else { e.wrong = "a ) is missing" }
      return value
    default: break
    }
    let begin = e.at
    while e.at < e.text.count, isName(e.text[e.at]) { e.at &+= 1 }
    let word = e.text.part(begin, e.at)
    guard word.count > 0 else {
      e.wrong = "not an arithmetic expression"
      return 0
    }
    if isDigit(word[0]) {
      guard let number = integer(word) else {
        e.wrong = "not a number"
        return 0
      }
      return number
    }
    let old = variables.find(word).map { Text(Variable.value($0)) }
    let current = old.flatMap { $0.count == 0 ? 0 : integer($0) }
    if old != nil, current == nil { e.wrong = "the variable is not a number" }
    // NAME = VALUE, NAME += VALUE
    let (operation, _) = e.peek()
    var assigns = operation == 61
    if !assigns, operation != 0, e.at + 1 < e.text.count {
      let equals = operation > 255 ? e.at + 2 : e.at + 1
      let known = Text("*/%+-&^|<>")
      assigns =
        equals < e.text.count && e.text[equals] == 61 && known.index(of: UInt8(operation & 255)) < known.count
        && operation & 255 != 61
      if operation == 60 || operation == 62 { assigns = false }
    }
    guard assigns else { return current ?? 0 }
    e.at += operation == 61 ? 1 : operation > 255 ? 3 : 2
    let right = choice(&e, live)
    if !live || e.wrong != nil { return 0 }
    let value = operation == 61 ? right : e.operate(operation, current ?? 0, right)
    assign(word, number(value))
    return value
  }

  /// Decimal, 0x and octal.
  private func integer(_ text: Text) -> Int? {
    var value = 0
    var at = 0
    let negative = text.count > 1 && text[0] == 45
    if negative { at = 1 }
    var base = 10
    if text.count > at + 1, text[at] == 48 {
      base = lowered(text[at + 1]) == letter("x") ? 16 : 8
      at += base == 16 ? 2 : 1
    }
    guard at < text.count else { return nil }
    while at < text.count {
      guard let digit = digitValue(text[at]), Int(digit) < base else { return nil }
      value = value &* base &+ Int(digit)
      at &+= 1
    }
    return negative ? 0 &- value : value
  }
}
