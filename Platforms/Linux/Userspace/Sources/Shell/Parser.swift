// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Reads commands into nodes. Nested at most so deep that reading and running them fits on the stack.
struct Parser {
  static let deepest = 14
  var lexer: Lexer
  private var depth = 0

  init(_ source: Text, at: Int) { lexer = Lexer(source, at: at) }

  /// The next complete line of commands; nil where there is none, or where there is trouble.
  @inline(never)
  mutating func line(_ arena: inout Arena) -> Node.Pointer? {
    lexer.skipLines()
    if lexer.atEnd { return nil }
    let list = self.list(&arena, lines: false)
    if lexer.trouble == .none {
      lexer.skipBlanks()
      if !lexer.atEnd, !lexer.takeNewline() { lexer.fail() }
    }
    return lexer.trouble == .none ? list : nil
  }

  @inline(never)
  private func node(_ kind: Node.Kind, _ begin: Int, _ arena: inout Arena) -> Node.Pointer {
    let node = arena.allocate(Node.self)
    node.initialize(to: Node(kind: kind, text: lexer.source.part(begin, begin)))
    return node
  }
  /// Ends the node's text here.
  @inline(never)
  private func end(_ node: Node.Pointer) {
    let start = node.pointee.text.start
    node.pointee.text = Text(start, lexer.source.start + lexer.at - start)
  }
  /// Adds to what `parent` has.
  @inline(never)
  private func append(_ child: Node.Pointer, _ parent: Node.Pointer, _ last: inout Node.Pointer?) {
    if let last { last.pointee.next = child } else { parent.pointee.first = child }
    last = child
  }

  /// Statements, over several lines where `lines`, up to what cannot begin one.
  @inline(never)
  private mutating func list(_ arena: inout Arena, lines: Bool) -> Node.Pointer {
    lexer.skipBlanks()
    let list = node(.list, lexer.at, &arena)
    var last: Node.Pointer?
    depth &+= 1
    if depth > Parser.deepest { lexer.trouble = .wrong }
    while lexer.trouble == .none {
      if lines { lexer.skipLines() }
      guard beginsCommand() else { break }
      let statement = self.statement(&arena)
      append(statement, list, &last)
      end(statement)
      end(list)
      // ";" and "&" end a statement, but ";;" ends a branch.
      lexer.skipBlanks()
      if lexer.byte() == 59, lexer.byte(1) != 59 {
        lexer.at &+= 1
      } else if lexer.byte() == 38 {
        lexer.at &+= 1
        statement.pointee.flag = true
      } else if !(lines && lexer.byte() == 10) {
        break
      }
    }
    depth &-= 1
    return list
  }
  /// The same with something in it.
  @inline(never)
  private mutating func someList(_ arena: inout Arena) -> Node.Pointer {
    let list = self.list(&arena, lines: true)
    if list.pointee.first == nil { lexer.fail() }
    return list
  }

  /// Whether a command can stand here: not where the list around it goes on or ends.
  @inline(never)
  private mutating func beginsCommand() -> Bool {
    lexer.skipBlanks()
    switch lexer.byte() {
    case 0, 10, 41, 59, 38, 124: return false
    default: break
    }
    let word = lexer.peek()
    return
      !(word.is("}") || word.is("then") || word.is("else") || word.is("elif") || word.is("fi")
      || word.is("do") || word.is("done") || word.is("esac"))
  }

  @inline(never)
  private mutating func statement(_ arena: inout Arena) -> Node.Pointer {
    let statement = node(.statement, lexer.at, &arena)
    var last: Node.Pointer?
    var joint = Node.Joint.always
    repeat {
      if joint != .always { lexer.skipLines() }
      let pipeline = self.pipeline(&arena)
      pipeline.pointee.joint = joint
      append(pipeline, statement, &last)
      if lexer.take("&&") {
        joint = .and
      } else if lexer.take("||") {
        joint = .or
      } else {
        break
      }
    } while lexer.trouble == .none
    return statement
  }

  @inline(never)
  private mutating func pipeline(_ arena: inout Arena) -> Node.Pointer {
    let pipeline = node(.pipeline, lexer.at, &arena)
    var last: Node.Pointer?
    while lexer.takeWord("!") { pipeline.pointee.flag.toggle() }
    while lexer.trouble == .none {
      guard beginsCommand() else {
        lexer.fail()
        break
      }
      let command = self.command(&arena)
      append(command, pipeline, &last)
      lexer.skipBlanks()
      guard lexer.byte() == 124, lexer.byte(1) != 124 else { break }
      lexer.at &+= 1
      lexer.skipLines()
    }
    end(pipeline)
    return pipeline
  }

  @inline(never)
  private mutating func command(_ arena: inout Arena) -> Node.Pointer {
    lexer.skipBlanks()
    let begin = lexer.at
    let command: Node.Pointer
    if lexer.byte() == 40 {
      lexer.at &+= 1
      command = someList(&arena)
      command.pointee = Node(kind: .subshell, text: command.pointee.text, first: command.pointee.first)
      if !lexer.take(")") { lexer.fail() }
    } else if lexer.takeWord("{") {
      command = node(.group, begin, &arena)
      command.pointee.first = someList(&arena)
      lexer.expectWord("}")
      end(command)
    } else if lexer.takeWord("if") {
      command = condition(begin, &arena)
      lexer.expectWord("fi")
      end(command)
    } else if lexer.takeWord("while") {
      command = loop(.whileLoop, begin, &arena)
    } else if lexer.takeWord("until") {
      command = loop(.untilLoop, begin, &arena)
    } else if lexer.takeWord("for") {
      command = forLoop(begin, &arena)
    } else if lexer.takeWord("case") {
      command = choice(begin, &arena)
    } else {
      return simple(begin, &arena)
    }
    while redirection(&command.pointee.redirections, &arena) {}
    return command
  }

  @inline(never)
  private mutating func condition(_ begin: Int, _ arena: inout Arena) -> Node.Pointer {
    let command = node(.condition, begin, &arena)
    command.pointee.first = someList(&arena)
    lexer.expectWord("then")
    command.pointee.second = someList(&arena)
    let place = lexer.at
    if lexer.trouble != .none {
    } else if lexer.takeWord("elif") {
      guard depth < Parser.deepest else {
        lexer.trouble = .wrong
        return command
      }
      depth &+= 1
      command.pointee.third = condition(place, &arena)
      depth &-= 1
    } else if lexer.takeWord("else") {
      command.pointee.third = someList(&arena)
    }
    end(command)
    return command
  }

  @inline(never)
  private mutating func body(_ command: Node.Pointer, _ arena: inout Arena) {
    lexer.expectWord("do")
    command.pointee.second = someList(&arena)
    lexer.expectWord("done")
    end(command)
  }
  @inline(never)
  private mutating func loop(_ kind: Node.Kind, _ begin: Int, _ arena: inout Arena) -> Node.Pointer {
    let command = node(kind, begin, &arena)
    command.pointee.first = someList(&arena)
    body(command, &arena)
    return command
  }

  @inline(never)
  private mutating func forLoop(_ begin: Int, _ arena: inout Arena) -> Node.Pointer {
    let command = node(.forLoop, begin, &arena)
    let name = lexer.word()
    if !isVariableName(name) { lexer.fail() }
    command.pointee.words.append(name, &arena)
    lexer.skipLines()
    if lexer.takeWord("in") {
      command.pointee.flag = true
      while true {
        let word = lexer.word()
        if word.count == 0 || lexer.trouble != .none { break }
        command.pointee.words.append(word, &arena)
      }
    }
    _ = lexer.take(";")
    lexer.skipLines()
    body(command, &arena)
    return command
  }

  @inline(never)
  private mutating func choice(_ begin: Int, _ arena: inout Arena) -> Node.Pointer {
    let command = node(.choice, begin, &arena)
    let word = lexer.word()
    if word.count == 0 { lexer.fail() }
    command.pointee.words.append(word, &arena)
    lexer.skipLines()
    lexer.expectWord("in")
    lexer.skipLines()
    var last: Node.Pointer?
    while lexer.trouble == .none, !lexer.takeWord("esac") {
      let branch = node(.branch, lexer.at, &arena)
      _ = lexer.take("(")
      repeat {
        let pattern = lexer.word()
        if pattern.count == 0 { lexer.fail() }
        branch.pointee.words.append(pattern, &arena)
      } while lexer.take("|")
      if !lexer.take(")") { lexer.fail() }
      branch.pointee.second = list(&arena, lines: true)
      append(branch, command, &last)
      lexer.skipLines()
      if !lexer.take(";;") {
        lexer.expectWord("esac")
        break
      }
      lexer.skipLines()
    }
    end(command)
    return command
  }

  @inline(never)
  private mutating func simple(_ begin: Int, _ arena: inout Arena) -> Node.Pointer {
    let command = node(.simple, begin, &arena)
    while lexer.trouble == .none {
      if redirection(&command.pointee.redirections, &arena) { continue }
      let word = lexer.word()
      if word.count == 0 { break }
      command.pointee.words.append(word, &arena)
      // NAME() COMMAND
      if lexer.byte() == 40, isVariableName(word), command.pointee.words.count == 1 {
        _ = lexer.take("(")
        if !lexer.take(")") { lexer.fail() }
        lexer.skipLines()
        command.pointee.kind = .function
        if depth < Parser.deepest, lexer.trouble == .none, beginsCommand() {
          depth &+= 1
          let place = lexer.at
          _ = self.command(&arena)
          depth &-= 1
          // What is kept of it is its text.
          command.pointee.text = lexer.source.part(place, lexer.at)
        } else {
          lexer.fail()
        }
        return command
      }
    }
    end(command)
    if command.pointee.words.first == nil, command.pointee.redirections.first == nil { lexer.fail() }
    return command
  }

  /// [N]<, >, >>, <>, >|, <&, >&, <<, <<-. false if none stands here.
  @inline(never)
  private mutating func redirection(_ list: inout List<Redirection>, _ arena: inout Arena) -> Bool {
    lexer.skipBlanks()
    let digit = isDigit(lexer.byte())
    let sign = lexer.byte(digit ? 1 : 0)
    guard sign == 60 || sign == 62, lexer.trouble == .none else { return false }
    var descriptor: Int32 = sign == 60 ? 0 : 1
    if digit { descriptor = Int32(lexer.byte()) - 48 }
    lexer.at += digit ? 2 : 1
    var redirection = Redirection(
      kind: sign == 60 ? .read : .write, descriptor: descriptor, text: lexer.source.part(0, 0))
    var here = false
    switch lexer.byte() {
    case 62 where sign == 62: redirection.kind = .append
    case 62: redirection.kind = .readWrite
    case 38: redirection.kind = .duplicate
    case 124 where sign == 62: break
    case 60 where sign == 60: here = true
    default: lexer.at &-= 1
    }
    lexer.at &+= 1
    if here, lexer.byte() == 45 {
      redirection.tabs = true
      lexer.at &+= 1
    }
    redirection.text = lexer.word()
    let mark = redirection.text
    if mark.count == 0 { lexer.fail() }
    if here {
      let quoted = mark.index(of: 39) < mark.count || mark.index(of: 34) < mark.count || mark.index(of: 92) < mark.count
      redirection.kind = quoted ? .hereAsIs : .here
    }
    list.append(redirection, &arena)
    if here, let last = list.last { lexer.await(last) }
    return true
  }
}

/// A letter or underscore, then letters, digits and underscores.
func isVariableName(_ text: Text) -> Bool {
  guard text.count > 0, !isDigit(text[0]) else { return false }
  for i in 0..<text.count where !isName(text[i]) { return false }
  return true
}
