// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Where reading a command has come to. A command can be incomplete: then more is needed, if there is more.
struct Lexer {
  enum Trouble { case none, incomplete, wrong }

  let source: Text
  var at: Int
  var trouble = Trouble.none
  var depth = 0
  /// Documents whose text begins on the next line.
  private var documents: List<Redirection>.Pointer?
  private var lastDocument: List<Redirection>.Pointer?

  init(_ source: Text, at: Int) {
    self.source = source
    self.at = at
  }

  /// The byte at a place; 0 behind the end.
  func byte(_ ahead: Int = 0) -> UInt8 { at + ahead < source.count ? source.start[at + ahead] : 0 }
  var atEnd: Bool { at >= source.count }

  /// Over blanks, joined lines and comments.
  @inline(never)
  mutating func skipBlanks() {
    while !atEnd {
      if isBlank(byte()) || byte() == 13 {
        at &+= 1
      } else if byte() == 92, byte(1) == 10 {
        at &+= 2
      } else {
        break
      }
    }
    if byte() == 35 { at = source.index(of: 10, from: at) }
  }
  /// Over blanks and ends of lines.
  @inline(never)
  mutating func skipLines() {
    skipBlanks()
    while takeNewline() { skipBlanks() }
  }
  /// The end of a line, and the documents behind it.
  @inline(never)
  mutating func takeNewline() -> Bool {
    guard byte() == 10, !atEnd else { return false }
    at &+= 1
    readDocuments()
    return true
  }

  /// Takes an operator, if it stands here.
  @inline(never)
  mutating func take(_ operator: Literal) -> Bool {
    skipBlanks()
    guard source.from(at).starts(with: `operator`) else { return false }
    at += Text(`operator`).count
    return true
  }

  static func endsWord(_ byte: UInt8) -> Bool {
    switch byte {
    case 32, 9, 10, 13, 59, 38, 124, 60, 62, 40, 41: true
    default: false
    }
  }

  /// The word here, with all its quotes; empty where there is none.
  @inline(never)
  mutating func word() -> Text {
    skipBlanks()
    let begin = at
    while !atEnd, !Lexer.endsWord(byte()) { skipPiece(quoted: false) }
    if at > source.count { at = source.count }
    return source.part(begin, at)
  }
  /// The same, without going on.
  @inline(never)
  mutating func peek() -> Text {
    let before = self
    let word = word()
    self = before
    return word
  }
  /// Takes a word that means something here.
  @inline(never)
  mutating func takeWord(_ literal: Literal) -> Bool {
    guard peek().is(literal) else { return false }
    _ = word()
    return true
  }
  @inline(never)
  mutating func expectWord(_ literal: Literal) {
    guard trouble == .none, !takeWord(literal) else { return }
    skipBlanks()
    trouble = atEnd ? .incomplete : .wrong
  }
  mutating func fail() {
    skipBlanks()
    if trouble == .none { trouble = atEnd ? .incomplete : .wrong }
  }

  /// One byte, or one quoted or substituted thing.
  @inline(never)
  mutating func skipPiece(quoted: Bool) {
    let byte = byte()
    at &+= 1
    switch byte {
    case 92:
      if atEnd { trouble = .incomplete } else { at &+= 1 }
    case 39 where !quoted:
      at = source.index(of: 39, from: at)
      if atEnd { trouble = .incomplete }
      at &+= 1
    case 34 where !quoted: skip(until: 34, quoted: true)
    case 96:
      while !atEnd, self.byte() != 96 { at += self.byte() == 92 ? 2 : 1 }
      if atEnd { trouble = .incomplete }
      at &+= 1
    case 36:
      if self.byte() == 123 {
        at &+= 1
        skip(until: 125, quoted: quoted)
      } else if self.byte() == 40 {
        at &+= 1
        skip(until: 41, quoted: false)
      }
    case 40 where !quoted: skip(until: 41, quoted: false)
    default: break
    }
  }
  /// Over all up to this byte, and over it.
  private mutating func skip(until end: UInt8, quoted: Bool) {
    guard depth < 24 else {
      trouble = .wrong
      at = source.count
      return
    }
    depth &+= 1
    while !atEnd, byte() != end { skipPiece(quoted: quoted) }
    depth &-= 1
    if atEnd, trouble == .none { trouble = .incomplete }
    at &+= 1
  }

  // MARK: - Documents

  mutating func await(_ document: List<Redirection>.Pointer) {
    if let lastDocument { lastDocument.pointee.item.nextDocument = document } else { documents = document }
    lastDocument = document
  }

  @inline(never)
  private mutating func readDocuments() {
    while let here = documents {
      documents = here.pointee.item.nextDocument
      let mark = here.pointee.item.text
      let begin = at
      var found = false
      while !atEnd, !found {
        let start = at
        var line = at
        let end = source.index(of: 10, from: at)
        while here.pointee.item.tabs, line < end, source[line] == 9 { line &+= 1 }
        if isMark(source.part(line, end), mark) {
          here.pointee.item.text = source.part(begin, start)
          found = true
        }
        at = end < source.count ? end + 1 : end
      }
      if !found { trouble = .incomplete }
    }
    lastDocument = nil
  }
  /// Whether a line is the word that ends a document, whose quotes do not count.
  private func isMark(_ line: Text, _ mark: Text) -> Bool {
    var i = 0
    for j in 0..<mark.count where mark[j] != 39 && mark[j] != 34 && mark[j] != 92 {
      guard i < line.count, line[i] == mark[j] else { return false }
      i &+= 1
    }
    return i == line.count
  }
}
