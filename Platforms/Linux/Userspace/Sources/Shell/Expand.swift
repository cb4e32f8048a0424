// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// From a word as it was written to what it means. Bytes that would be special in a pattern and are quoted get a
/// backslash on the way, so that patterns are looked for last.
extension Shell {
  /// Each word's fields, as arguments of a command.
  @inline(never)
  mutating func expandFields(_ word: Text) {
    fieldStart = scratch.count
    fieldIsQuoted = false
    endedBySpace = false
    splitting = true
    expand(word, quoted: false)
    splitting = false
    endField(false)
    scratch.shorten(to: fieldStart)
  }

  /// One string, without splitting and without looking for files: of an assignment, say. With `pattern`, backslashes
  /// stay where the word has quotes.
  @inline(never)
  mutating func expandOne(_ word: Text, quoted: Bool = false, pattern: Bool = false) -> CString {
    let before = (splitting, fieldStart)
    splitting = false
    let begin = scratch.count
    expand(word, quoted: quoted)
    var count = scratch.count - begin
    if !pattern { count = unescape(scratch.start + begin, count) }
    let result = arena.copy(Text(scratch.start + begin, count))
    scratch.shorten(to: begin)
    (splitting, fieldStart) = before
    return result
  }

  @inline(never)
  private mutating func endField(_ force: Bool) {
    let count = scratch.count - fieldStart
    if count > 0 || fieldIsQuoted || force {
      let text = Text(scratch.start + fieldStart, count)
      var paths = List<CString>()
      if !noGlob, isPattern(text) { paths = Glob.paths(text, &arena) }
      if paths.first == nil {
        let plain = arena.copy(text)
        plain[unescape(plain, count)] = 0
        fields.append(plain, &arena)
      }
      var path = paths.first
      while let here = path {
        fields.append(here.pointee.item, &arena)
        path = here.pointee.next
      }
    }
    scratch.shorten(to: fieldStart)
    fieldIsQuoted = false
  }

  /// A byte of a value, or a quoted one.
  @inline(never)
  mutating func put(_ byte: UInt8, quoted: Bool) {
    if !quoted, splitting, isSeparator(byte) {
      let space = isBlank(byte) || byte == 10
      let empty = scratch.count == fieldStart && !fieldIsQuoted
      if space {
        if !empty {
          endField(false)
          endedBySpace = true
        }
      } else {
        if !(empty && endedBySpace) { endField(true) }
        endedBySpace = false
      }
      return
    }
    endedBySpace = false
    switch byte {
    case 92: scratch.append(92)
    case 42, 63, 91, 93, 45, 33, 94: if quoted { scratch.append(92) }
    default: break
    }
    scratch.append(byte)
  }
  @inline(never)
  mutating func put(_ text: Text, quoted: Bool) {
    for i in 0..<text.count { put(text.start[i], quoted: quoted) }
  }
  private func isSeparator(_ byte: UInt8) -> Bool {
    guard let own = variables.find(Text("IFS")) else { return isBlank(byte) || byte == 10 }
    let value = Text(Variable.value(own))
    return value.index(of: byte) < value.count
  }

  @inline(never)
  /// `braces`: the word of a ${...}, whose blanks separate where it is not quoted, and whose quotes do not count where
  /// it is.
  mutating func expand(_ text: Text, quoted: Bool, braces: Bool = false) {
    var i = 0
    if !quoted, text.count > 0, text[0] == 126, text.count == 1 || text[1] == 47, let home = value(Text("HOME")) {
      put(home, quoted: true)
      i = 1
    }
    while i < text.count, jump == .none {
      let byte = text[i]
      switch byte {
      case 92:
        i &+= 1
        guard i < text.count else {
          put(92, quoted: true)
          break
        }
        let next = text[i]
        i &+= 1
        if next == 10 { continue }
        let escapes = next == 36 || next == 96 || next == 34 || next == 92
        if quoted, !escapes { put(92, quoted: true) }
        put(next, quoted: true)
      case 39 where !quoted:
        let end = text.index(of: 39, from: i + 1)
        put(text.part(i + 1, end), quoted: true)
        fieldIsQuoted = true
        i = end + 1
      case 34, 96, 36:
        if byte == 34, quoted {
          if !braces { put(34, quoted: true) }
          i &+= 1
          continue
        }
        if byte == 34 { fieldIsQuoted = true }
        var lexer = Lexer(text, at: i)
        lexer.skipPiece(quoted: quoted)
        let end = lexer.at < text.count ? lexer.at : text.count
        let piece = text.part(i, end)
        if byte == 36 {
          i += dollar(text.from(i), piece, quoted)
        } else if end > i + 1 {
          let inner = text.part(i + 1, end - 1)
          if byte == 34 { expand(inner, quoted: true) } else { substitute(unquotedCommand(inner), quoted) }
          i = end
        } else {
          i = end
        }
      default:
        // As it is: it may be the sign of a pattern, but never separates fields.
        if quoted || braces {
          put(byte, quoted: quoted)
        } else {
          scratch.append(byte)
          endedBySpace = false
        }
        i &+= 1
      }
    }
  }

  /// Between backquotes, a backslash takes $, `, \ only.
  private mutating func unquotedCommand(_ text: Text) -> Text {
    let copy = arena.copy(text)
    var count = 0
    var i = 0
    while i < text.count {
      if text[i] == 92, i + 1 < text.count, text[i + 1] == 36 || text[i + 1] == 96 || text[i + 1] == 92 { i &+= 1 }
      copy[count] = text[i]
      count &+= 1
      i &+= 1
    }
    copy[count] = 0
    return Text(copy, count)
  }

  /// What begins with a dollar: how long it is. `piece` is all of it where it is in braces or parentheses.
  @inline(never)
  private mutating func dollar(_ text: Text, _ piece: Text, _ quoted: Bool) -> Int {
    guard text.count > 1 else {
      put(36, quoted: true)
      return 1
    }
    let next = text[1]
    if next == 123 {
      guard piece.count > 3 else {
        fail(piece, "bad substitution")
        return piece.count
      }
      braced(piece.part(2, piece.count - 1), quoted)
      return piece.count
    }
    if next == 40 {
      guard piece.count > 2 else { return piece.count }
      let inner = piece.part(2, piece.count - 1)
      if inner.count > 1, inner[0] == 40, inner[inner.count - 1] == 41 {
        let expression = Text(expandOne(inner.part(1, inner.count - 1), quoted: true))
        if jump == .none { put(number(evaluate(expression)), quoted: quoted) }
      } else {
        substitute(inner, quoted)
      }
      return piece.count
    }
    let length = nameLength(text.from(1))
    if length == 0 {
      put(36, quoted: true)
      return 1
    }
    parameter(text.part(1, 1 + length), quoted)
    return 1 + length
  }

  /// Of the variable or parameter whose name begins the text.
  private func nameLength(_ text: Text, digits: Bool = false) -> Int {
    var length = 0
    if isDigit(text[0]) {
      while digits, length < text.count, isDigit(text[length]) { length &+= 1 }
      return digits ? length : 1
    }
    while length < text.count, isName(text[length]) { length &+= 1 }
    let special = Text("@*#?$!-")
    return length == 0 && special.index(of: text[0]) < special.count ? 1 : length
  }

  @inline(never)
  mutating func number(_ number: Int) -> Text {
    withBytes(24) {
      let digits = digits(UInt64(number.magnitude), $0)
      let copy = arena.copy(Text(number < 0 ? "-" : ""), digits)
      return Text(copy)
    }
  }

  /// The value of a variable or parameter; nil if it has none.
  @inline(never)
  mutating func value(_ name: Text) -> Text? {
    if let number = name.number {
      if number == 0 { return Text(zero) }
      return number <= parameterCount ? parameters[number - 1].map { Text($0) } : nil
    }
    if name.count == 1 {
      switch name[0] {
      case 35: return number(parameterCount)
      case 63: return number(Int(status))
      case 36: return number(processNumber)
      case 33: return lastBackground == 0 ? nil : number(lastBackground)
      case 45: return Text(exitOnError ? "e" : "")
      case 42, 64:
        guard parameterCount > 0 else { return nil }
        let before = (splitting, scratch.count)
        for i in 0..<parameterCount {
          if i > 0 { scratch.append(32) }
          if let parameter = parameters[i] { scratch.append(Text(parameter)) }
        }
        let count = scratch.count - before.1
        let copy = arena.copy(Text(scratch.start + before.1, count))
        scratch.shorten(to: before.1)
        return Text(copy, count)
      default: break
      }
    }
    return variables.find(name).map { Text(Variable.value($0)) }
  }

  /// $NAME
  @inline(never)
  private mutating func parameter(_ name: Text, _ quoted: Bool) {
    if name.is("@") || (name.is("*") && !quoted) {
      let count = parameterCount
      // "$@" is as many fields as there are parameters: none, if there is none.
      if quoted, count == 0, scratch.count == fieldStart { fieldIsQuoted = false }
      for i in 0..<count {
        if i > 0 { if splitting { endField(quoted) } else { put(32, quoted: true) } }
        if quoted { fieldIsQuoted = true }
        if let parameter = parameters[i] { put(Text(parameter), quoted: quoted) }
      }
      return
    }
    if let value = value(name) {
      put(value, quoted: quoted)
    } else if unsetIsError {
      fail(name, "the variable is not set")
    }
  }

  /// ${...}
  @inline(never)
  private mutating func braced(_ text: Text, _ quoted: Bool) {
    if text[0] == 35, text.count > 1, nameLength(text.from(1), digits: true) == text.count - 1 {
      return put(number(value(text.from(1))?.count ?? 0), quoted: quoted)
    }
    let length = nameLength(text, digits: true)
    let name = text.part(0, length)
    guard length > 0 else { return fail(text, "bad substitution") }
    if length == text.count { return parameter(name, quoted) }
    var at = length
    let colon = text[at] == 58
    if colon { at &+= 1 }
    guard at < text.count else { return fail(text, "bad substitution") }
    let operation = text[at]
    at &+= 1
    let current = value(name)
    let has = current != nil && !(colon && current?.count == 0)
    let word = text.from(at)
    switch operation {
    case letter("-"):
      if has { parameter(name, quoted) } else { expand(word, quoted: quoted, braces: true) }
    case letter("+"):
      if has { expand(word, quoted: quoted, braces: true) }
    case letter("="):
      if !has {
        let new = Text(expandOne(word, quoted: quoted))
        guard isVariableName(name) else { return fail(name, "cannot be assigned") }
        assign(name, new)
      }
      if jump == .none { parameter(name, quoted) }
    case letter("?"):
      if has { return parameter(name, quoted) }
      let why = Text(expandOne(word, quoted: quoted))
      program.complain(name, 0, nil)
      fail(why.count > 0 ? why : name, "the variable is not set")
    case letter("#") where !colon, letter("%") where !colon:
      let longest = word.count > 0 && word[0] == operation
      let pattern = Text(expandOne(longest ? word.from(1) : word, pattern: true))
      if let current { put(trimmed(current, pattern, operation == letter("#"), longest), quoted: quoted) }
    default: fail(text, "bad substitution")
    }
  }

  /// Without what the pattern takes at the beginning or at the end.
  private func trimmed(_ text: Text, _ pattern: Text, _ front: Bool, _ longest: Bool) -> Text {
    for i in 0...text.count {
      let length = longest ? text.count - i : i
      let cut = front ? length : text.count - length
      if matches(pattern, front ? text.part(0, cut) : text.from(cut)) {
        return front ? text.from(cut) : text.part(0, cut)
      }
    }
    return text
  }

  @inline(never)
  mutating func assign(_ name: Text, _ value: Text) {
    if variables.set(name, value) == nil { fail(name, "the variable is read-only") }
  }
}
