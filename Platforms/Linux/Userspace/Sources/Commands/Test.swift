// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// test EXPRESSION, or [ EXPRESSION ]: 0 where it is true, 1 where it is not, 2 where it is none.
func test(_ program: inout Program) {
  var count = program.argumentCount
  if program.name.is("[") {
    guard count > 0, let last = program.arguments[count - 1], Text(last).is("]") else {
      return program.fail("] is missing", status: 2)
    }
    count &-= 1
  }
  var expression = Expression(words: program.arguments, count: count)
  let result = count == 0 ? false : expression.or()
  if let bad = expression.bad ?? (expression.at < count ? expression.words[expression.at] : nil) {
    return program.fail(bad, "not understood", status: 2)
  }
  if expression.short { return program.fail("an operand is missing", status: 2) }
  program.status = result ? 0 : 1
}

private struct Expression {
  let words: UnsafeMutablePointer<CString?>
  let count: Int
  var at = 0
  var depth = 0
  /// The word that was not understood.
  var bad: CString?
  var short = false

  init(words: UnsafeMutablePointer<CString?>, count: Int) {
    self.words = words
    self.count = count
  }

  private func word(_ index: Int) -> Text? { index < count ? words[index].map { Text($0) } : nil }
  private func isNext(_ literal: Literal) -> Bool { word(at)?.is(literal) ?? false }

  @inline(never)
  mutating func or() -> Bool {
    var result = and()
    while isNext("-o") {
      at &+= 1
      let right = and()
      result = result || right
    }
    return result
  }
  private mutating func and() -> Bool {
    var result = not()
    while isNext("-a") {
      at &+= 1
      let right = not()
      result = result && right
    }
    return result
  }
  @inline(never)
  private mutating func not() -> Bool {
    var negated = false
    // With two words behind it that compare, even a "!" is only a word.
    while isNext("!"), at + 1 < count, !(at + 2 < count && comparison(word(at + 1)) != nil) {
      negated.toggle()
      at &+= 1
    }
    return primary() != negated
  }

  /// Which comparison the word is: a column of `accepted`.
  private func comparison(_ word: Text?) -> Int? {
    word.flatMap { index(of: $0, in: "=  == != <  >  -eq-ne-lt-le-gt-ge-nt-ot-ef", width: 3) }
  }
  /// For each, a bit for less, equal and greater.
  private var accepted: Literal { "22514251346412" }

  @inline(never)
  private mutating func primary() -> Bool {
    guard let first = word(at) else {
      short = true
      return false
    }
    if at + 2 < count, let comparison = comparison(word(at + 1)), let right = word(at + 2) {
      at += 3
      return compare(first, comparison, right)
    }
    if first.is("("), at + 1 < count {
      at &+= 1
      guard depth < 16 else {
        bad = words[at]
        return false
      }
      depth &+= 1
      let result = or()
      depth &-= 1
      if isNext(")") { at &+= 1 } else { bad = bad ?? first.start.mutable }
      return result
    }
    at &+= 1
    if first.count == 2, first[0] == 45, at < count, let operand = words[at] {
      at &+= 1
      if let result = unary(first[1], operand) { return result }
      at &-= 1
    }
    return first.count > 0
  }

  private mutating func compare(_ left: Text, _ comparison: Int, _ right: Text) -> Bool {
    var order: Int
    if comparison < 5 {
      order = left.compare(right)
    } else if comparison < 11 {
      guard let a = integer(left), let b = integer(right) else {
        bad = (integer(left) == nil ? left : right).start.mutable
        return false
      }
      order = a == b ? 0 : a < b ? -1 : 1
    } else {
      var a = LinuxStat(), b = LinuxStat()
      let hasLeft = linux_stat(left.start, 0, &a) == 0, hasRight = linux_stat(right.start, 0, &b) == 0
      if comparison == 13 {
        order = hasLeft && hasRight && isSame(a, b) ? 0 : 1
      } else if hasLeft && hasRight {
        order = Userspace.compare(a.modification_time, b.modification_time)
      } else {
        // One that is not there is older than any.
        order = hasLeft ? 1 : hasRight ? -1 : 0
      }
    }
    order = order < 0 ? 1 : order == 0 ? 2 : 4
    return Int(Text(accepted)[comparison]) & order != 0
  }

  private func integer(_ text: Text) -> Int64? {
    var begin = 0, end = text.count
    while begin < end, isBlank(text[begin]) { begin &+= 1 }
    while end > begin, isBlank(text[end - 1]) { end &-= 1 }
    let negative = begin < end && text[begin] == 45
    if negative || (begin < end && text[begin] == 43) { begin &+= 1 }
    guard let value = text.part(begin, end).wide() else { return nil }
    return negative ? -value : value
  }

  private func unary(_ option: UInt8, _ operand: CString) -> Bool? {
    var stat = LinuxStat()
    switch option {
    case letter("z"): return operand[0] == 0
    case letter("n"): return operand[0] != 0
    case letter("t"): return isTerminal(Int32(Text(operand).number ?? -1))
    case letter("r"), letter("w"), letter("x"):
      return linux_access(operand, option == letter("r") ? 4 : option == letter("w") ? 2 : 1) == 0
    case letter("h"), letter("L"): return linux_stat(operand, 0x100, &stat) == 0 && stat.isLink
    default: break
    }
    let letters = Text("efdbcpSsugk")
    let place = letters.index(of: option)
    guard place < letters.count else { return nil }
    guard linux_stat(operand, 0, &stat) == 0 else { return false }
    if place == 0 { return true }
    if place < 7 { return stat.mode >> 12 & 15 == UInt32(Text(" 84621<")[place]) & 15 }
    if option == letter("s") { return stat.size > 0 }
    return stat.mode & (0o10000 >> UInt32(place &- 7)) != 0
  }
}
