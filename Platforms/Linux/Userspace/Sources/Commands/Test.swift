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

  private enum Comparison: Int {
    case equal, alsoEqual, unequal, less, greater, eq, ne, lt, le, gt, ge, newer, older, same
  }
  private func comparison(_ word: Text?) -> Comparison? {
    guard let word else { return nil }
    guard let index = index(of: word, in: "=  == != <  >  -eq-ne-lt-le-gt-ge-nt-ot-ef", width: 3) else { return nil }
    return Comparison(rawValue: index)
  }

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

  private mutating func compare(_ left: Text, _ comparison: Comparison, _ right: Text) -> Bool {
    switch comparison {
    case .equal, .alsoEqual: return left.equals(right)
    case .unequal: return !left.equals(right)
    case .less: return left.compare(right) < 0
    case .greater: return left.compare(right) > 0
    case .newer, .older, .same:
      var a = LinuxStat(), b = LinuxStat()
      let hasLeft = linux_stat(left.start, 0, &a) == 0, hasRight = linux_stat(right.start, 0, &b) == 0
      if comparison == .same {
        return hasLeft && hasRight && a.inode == b.inode && a.device_minor == b.device_minor
          && a.device_major == b.device_major
      }
      if !hasLeft || !hasRight { return comparison == .newer ? hasLeft : hasRight }
      if comparison == .older { swap(&a, &b) }
      return Userspace.compare(a.modification_time, b.modification_time) > 0
    default:
      guard let a = integer(left) else {
        bad = left.start.mutable
        return false
      }
      guard let b = integer(right) else {
        bad = right.start.mutable
        return false
      }
      switch comparison {
      case .eq: return a == b
      case .ne: return a != b
      case .lt: return a < b
      case .le: return a <= b
      case .gt: return a > b
      default: return a >= b
      }
    }
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
    case letter("r"): return linux_access(operand, 4) == 0
    case letter("w"): return linux_access(operand, 2) == 0
    case letter("x"): return linux_access(operand, 1) == 0
    case letter("h"), letter("L"): return linux_stat(operand, 0x100, &stat) == 0 && stat.isLink
    default: break
    }
    let letters = Text("efdsbcpSugk")
    guard letters.index(of: option) < letters.count else { return nil }
    guard linux_stat(operand, 0, &stat) == 0 else { return false }
    let kind = stat.mode & Mode.mask
    switch option {
    case letter("e"): return true
    case letter("f"): return kind == Mode.file
    case letter("d"): return kind == Mode.folder
    case letter("s"): return stat.size > 0
    case letter("b"): return kind == Mode.block
    case letter("c"): return kind == Mode.character
    case letter("p"): return kind == Mode.pipe
    case letter("S"): return kind == Mode.socket
    case letter("u"): return stat.mode & 0o4000 != 0
    case letter("g"): return stat.mode & 0o2000 != 0
    default: return stat.mode & 0o1000 != 0
    }
  }
}
