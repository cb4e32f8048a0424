// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

private struct Search {
  var options: Options
  var regex: Regex
  var title = false
  var limit: Int64 = .max
  var found = false

  var only: Bool { options.has("o") }
  var quiet: Bool { options.has("q") }
  var recursive: Bool { options.has("r") || options.has("R") }
}

/// grep [-EFGivnclLrqswxohH] [-m N] [-e PATTERN]... [PATTERN] [FILE...]
///
/// 0: something matched, 1: nothing, 2: an error.
func grep(_ program: inout Program) {
  // All patterns, a line each, as they can also be given in one.
  var patterns = Buffer()
  var given = false
  var limit = Int64.max
  func add(_ pattern: CString) {
    if given { patterns.append(10) }
    patterns.append(Text(pattern))
    given = true
  }
  var options = Options(program)
  while let option = options.next(&program, "EFGaivnclLrRqswxohHm:e:", status: 2) {
    if option == letter("e") {
      add(options.value)
    } else {
      guard let number = Text(options.value).wide() else {
        return program.fail(options.value, "invalid number", status: 2)
      }
      limit = number
    }
  }
  if options.failed { return }
  var search = Search(options: options, regex: Regex(ignoreCase: options.has("i"), wholeWord: options.has("w")))
  search.limit = limit
  if !given {
    guard let pattern = program.next() else {
      return program.fail("the pattern is missing: grep [OPTIONS] PATTERN [FILE...]", status: 2)
    }
    add(pattern)
  }
  do {
    try compile(patterns.text, &search)
  } catch {
    program.status = 2
    return program.complain(patterns.text, error.rawValue)
  }
  search.title = options.has("H") || ((program.argumentCount > 1 || search.recursive) && !options.has("h"))
  if !program.hasArguments, !search.recursive {
    grepFile(&program, &search, 0, Text("(standard input)"))
  } else {
    grepFiles(&program, &search)
  }
  // An error counts more than a match, but for -q.
  if program.status == 0 || (search.quiet && search.found) { program.status = search.found ? 0 : 1 }
}

@inline(never)
private func compile(_ patterns: Text, _ search: inout Search) throws(Regex.Failure) {
  let whole = search.options.has("x")
  if whole { try search.regex.emit(.lineStart) }
  let syntax: RegexParser.Syntax =
    search.options.has("F") ? .fixed : search.options.has("E") ? .extended : .basic
  var parser = RegexParser(patterns, syntax)
  try parser.parse(into: &search.regex)
  if whole { try search.regex.emit(.lineEnd) }
  try search.regex.finish()
}

@inline(never)
private func grepFiles(_ program: inout Program, _ search: inout Search) {
  var walk = Walk()
  var here = false
  repeat {
    let root: CString
    if let path = program.next() {
      root = path
    } else {
      // -r alone searches where one is.
      here = true
      root = Literal(".").start
    }
    if root[0] == 45, root[1] == 0 {
      grepFile(&program, &search, 0, Text("(standard input)"))
      continue
    }
    let status = walk.begin(root, follow: true)
    if status < 0 {
      fail(&program, search, Text(root), status)
      continue
    }
    var event = Walk.Event.item
    repeat {
      let path = walk.path.text
      if event == .failed {
        fail(&program, search, path, walk.failure)
      } else if event == .item {
        if !walk.isFolder {
          if walk.depth == 0 || walk.stat.isFile {
            let opened = linux_open(path.start, Open.read, 0)
            grepFile(&program, &search, Int32(truncatingIfNeeded: opened), here ? path.from(2) : path)
          }
        } else if search.recursive {
          walk.enter()
        } else {
          fail(&program, search, path, Errno.isDirectory)
        }
      }
      if program.out.failure != 0 || (search.quiet && search.found) { return }
      event = walk.next()
    } while event != .done
  } while program.hasArguments
}

@inline(never)
private func fail(_ program: inout Program, _ search: borrowing Search, _ what: Text, _ why: Int) {
  program.status = 2
  if !search.options.has("s") { program.complain(what, why) }
}

/// Closes the file. A negative descriptor is the error of opening it.
@inline(never)
private func grepFile(_ program: inout Program, _ search: inout Search, _ descriptor: Int32, _ name: Text) {
  if descriptor < 0 { return fail(&program, search, name, Int(descriptor)) }
  var lines = Lines(descriptor)
  var number: UInt64 = 0
  var count: Int64 = 0
  let options = search.options
  while count < search.limit, let line = lines.next() {
    number &+= 1
    var match = search.regex.match(line, from: 0, whether: !search.only)
    guard (match != nil) != options.has("v") else { continue }
    count &+= 1
    search.found = true
    if options.hasAny("qlL") { break }
    if options.has("c") { continue }
    if !search.only {
      putLine(&program.out, search, name, number, line)
    } else {
      while let found = match {
        if found.end > found.start { putLine(&program.out, search, name, number, line.part(found.start, found.end)) }
        let from = found.end > found.start ? found.end : found.end + 1
        match = from <= line.count ? search.regex.match(line, from: from, whether: false) : nil
      }
    }
    if program.out.failure != 0 { break }
  }
  if lines.failure < 0 { fail(&program, search, name, lines.failure) }
  lines.free()
  program.shut(descriptor)
  if search.quiet { return }
  if options.hasAny("lL") {
    if options.has("L") {
      search.found = search.found || count == 0
      count = count == 0 ? 1 : 0
    }
    if count > 0 {
      program.out.put(name)
      program.out.newline()
    }
  } else if options.has("c") {
    putPrefix(&program.out, search, name)
    program.out.decimal(UInt64(count))
    program.out.newline()
  }
}

/// A file's name with a colon, where there are several.
private func putPrefix(_ out: inout Output, _ search: borrowing Search, _ name: Text) {
  if search.title {
    out.put(name)
    out.put(58)
  }
}
@inline(never)
private func putLine(_ out: inout Output, _ search: borrowing Search, _ name: Text, _ number: UInt64, _ text: Text) {
  putPrefix(&out, search, name)
  if search.options.has("n") {
    out.decimal(number)
    out.put(58)
  }
  out.put(text)
  out.newline()
}
