// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Reads patterns into a Regex: one a line, each an alternative.
struct RegexParser {
  enum Syntax { case fixed, basic, extended }
  private let text: Text
  private let syntax: Syntax
  private var extended: Bool { syntax == .extended }
  private var at = 0
  private var depth = 0

  @inline(never)
  init(_ text: Text, _ syntax: Syntax) {
    self.text = text
    self.syntax = syntax
  }

  /// Adds the patterns to the program; nested at most 20 deep.
  @inline(never)
  mutating func parse(into regex: inout Regex) throws(Regex.Failure) {
    try alternatives(&regex)
    if at < text.count { throw .parenthesis }
  }

  private enum Token { case or, open, close, star, plus, question, brace, byte }
  /// What the next bytes are, and how many they are.
  @inline(never)
  private func token() -> (Token, Int) {
    let byte = text[at]
    if byte == 10 { return (.or, 1) }
    if syntax == .fixed { return (.byte, 1) }
    if byte == 42 { return (.star, 1) }
    let escaped = byte == 92 && at + 1 < text.count
    if escaped == extended { return (.byte, 1) }
    let sign = escaped ? text[at + 1] : byte
    let length = escaped ? 2 : 1
    switch sign {
    case letter("|"): return (.or, length)
    case letter("("): return (.open, length)
    case letter(")"): return (.close, length)
    case letter("+"): return (.plus, length)
    case letter("?"): return (.question, length)
    case letter("{"): return (.brace, length)
    default: return (.byte, 1)
    }
  }
  private func isNext(_ token: Token) -> Bool { at < text.count && self.token().0 == token }

  @inline(never)
  private mutating func alternatives(_ regex: inout Regex) throws(Regex.Failure) {
    guard depth < 20 else { throw .tooLarge }
    depth &+= 1
    var begin = regex.count
    try branch(&regex)
    // Jumps over the alternatives that follow: each leads to the next such jump, the last to the end.
    var jump = -1
    while isNext(.or) {
      // What is open at the end of a line is not closed on the next.
      if depth > 1, text[at] == 10 { throw .parenthesis }
      at += token().1
      try regex.insert(Regex.Instruction(operation: .split, target: Int16(begin + 1)), at: begin)
      if jump >= begin { jump &+= 1 }
      try regex.emit(Regex.Instruction(operation: .jump, target: 0, other: Int16(jump)))
      jump = regex.count - 1
      regex.setOther(begin, regex.count)
      begin = regex.count
      try branch(&regex)
    }
    while jump >= 0 {
      let next = Int(regex.code[jump].other)
      regex.setTarget(jump, regex.count)
      regex.setOther(jump, 0)
      jump = next
    }
    depth &-= 1
  }

  @inline(never)
  private mutating func branch(_ regex: inout Regex) throws(Regex.Failure) {
    var first = true
    while at < text.count {
      let (token, length) = token()
      if token == .or || token == .close { return }
      let begin = regex.count
      switch token {
      case .open:
        at += length
        try alternatives(&regex)
        guard isNext(.close) else { throw .parenthesis }
        at += self.token().1
      case .star, .plus, .question, .brace:
        // At the beginning there is nothing to repeat: a plain byte in basic ones, and passed over in extended ones.
        if extended {
          if token == .brace { throw .repetition }
          at += length
          continue
        }
        if token == .brace { throw .repetition }
        at += length
        try regex.emit(byte: text[at - 1])
      default: try single(&regex, first)
      }
      // An anchor of a basic expression can be followed by a plain star.
      let anchor =
        regex.count == begin + 1 && regex.code[begin].operation == .lineStart && !extended
      if !anchor { try repetitions(&regex, begin) }
      first = false
    }
  }

  /// One byte, class or anchor.
  @inline(never)
  private mutating func single(_ regex: inout Regex, _ first: Bool) throws(Regex.Failure) {
    let byte = text[at]
    at &+= 1
    if syntax == .fixed { return try regex.emit(byte: byte) }
    switch byte {
    case letter("."): try regex.emit(.any)
    case letter("["): try regex.emit(set: bracket(regex.ignoreCase))
    case letter("^") where extended || first: try regex.emit(.lineStart)
    case letter("$") where extended || at == text.count || isNext(.or) || (depth > 1 && isNext(.close)):
      try regex.emit(.lineEnd)
    case 92:
      guard at < text.count, text[at] != 10 else { throw .backslash }
      let escaped = text[at]
      at &+= 1
      switch escaped {
      case letter("w"), letter("W"): try regex.emit(set: named(isName, escaped == letter("W")))
      case letter("s"), letter("S"): try regex.emit(set: named(isSpace, escaped == letter("S")))
      case letter("<"): try regex.emit(.wordStart)
      case letter(">"): try regex.emit(.wordEnd)
      case letter("b"): try regex.emit(.boundary)
      case letter("B"): try regex.emit(.noBoundary)
      case 49...57: throw .reference
      default: try regex.emit(byte: escaped)
      }
    default: try regex.emit(byte: byte)
    }
  }

  @inline(never)
  private func named(_ member: (UInt8) -> Bool, _ negated: Bool) -> ByteSet {
    var set = ByteSet()
    for byte in 0...255 where member(UInt8(byte)) != negated { set.insert(UInt8(byte)) }
    return set
  }

  private mutating func bracket(_ folds: Bool) throws(Regex.Failure) -> ByteSet {
    var set = ByteSet()
    let line = text.part(0, text.index(of: 10, from: at))
    guard parseBracket(line, &at, escapes: false, folds: folds, &set) else { throw .bracket }
    return set
  }

  private mutating func repetitions(_ regex: inout Regex, _ first: Int) throws(Regex.Failure) {
    var begin = first
    while at < text.count {
      let (token, length) = token()
      var least = 0
      var most: Int? = 1
      switch token {
      case .star: most = nil
      case .plus: (least, most) = (1, nil)
      case .question: break
      case .brace:
        let start = at
        at += length
        let range = counts()
        guard let range else {
          // Without a count it is a plain brace, where those are plain.
          if extended, text.count > start + 1, !isDigit(text[start + 1]), text[start + 1] != 44 {
            at = start + 1
            begin = regex.count
            try regex.emit(byte: letter("{"))
            continue
          }
          throw .brace
        }
        (least, most) = range
        at -= length
      default: return
      }
      at += length
      try repeated(&regex, begin, least, most)
    }
  }

  /// The counts of a brace, up to its end.
  @inline(never)
  private mutating func counts() -> (Int, Int?)? {
    let least = text.leadingNumber(&at)
    var most: Int? = least
    if at < text.count, text[at] == 44 {
      at &+= 1
      most = text.leadingNumber(&at)
    } else if least == nil {
      return nil
    }
    if !extended {
      guard at < text.count, text[at] == 92 else { return nil }
      at &+= 1
    }
    guard at < text.count, text[at] == letter("}") else { return nil }
    at &+= 1
    if let most, (least ?? 0) > most { return nil }
    guard (least ?? 0) <= 255, (most ?? 0) <= 255 else { return nil }
    return (least ?? 0, most)
  }

  /// What begins at `begin`, so many times.
  @inline(never)
  private mutating func repeated(
    _ regex: inout Regex, _ begin: Int, _ least: Int, _ most: Int?
  ) throws(Regex.Failure) {
    let end = regex.count
    let length = end - begin
    if length == 0 { return }
    if most == 0 { return regex.cut(to: begin) }
    // The copies that have to be; one at least, which the others are copied from.
    var copies = 1
    while copies < least {
      try regex.duplicate(begin, begin + length)
      copies &+= 1
    }
    var place = begin + (copies - 1) * length
    if least == 0 {
      try regex.insert(Regex.Instruction(operation: .split, target: Int16(begin + 1)), at: begin)
      if most == nil { try regex.emit(Regex.Instruction(operation: .jump, target: Int16(begin))) }
      regex.setOther(begin, regex.count)
      place = begin + 1
    } else if most == nil {
      try regex.emit(Regex.Instruction(operation: .split, target: Int16(place)))
      regex.setOther(regex.count - 1, regex.count)
    }
    guard let most else { return }
    let source = least == 0 ? place : begin
    while copies < most {
      try regex.emit(.split)
      let split = regex.count - 1
      regex.setTarget(split, regex.count)
      try regex.duplicate(source, source + length)
      regex.setOther(split, regex.count)
      copies &+= 1
    }
  }
}
