// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

private struct Search {
  var invert = false, numbered = false, count = false, names = false, namesWithout = false
  var quiet = false, silent = false, wholeLine = false, only = false, recursive = false
  var extended = false, fixed = false
  var title = false
  var limit: Int64 = .max
  var regex: Regex
  var found = false
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
  var search = Search(regex: Regex(ignoreCase: options.has("i"), wholeWord: options.has("w")))
  search.limit = limit
  search.extended = options.has("E")
  search.fixed = options.has("F")
  search.invert = options.has("v")
  search.numbered = options.has("n")
  search.count = options.has("c")
  search.names = options.has("l")
  search.namesWithout = options.has("L")
  search.quiet = options.has("q")
  search.silent = options.has("s")
  search.wholeLine = options.has("x")
  search.only = options.has("o")
  search.recursive = options.has("r") || options.has("R")
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

/// All patterns as one, each an alternative.
@inline(never)
private func compile(_ patterns: Text, _ search: inout Search) throws(Regex.Failure) {
  var begin = 0
  var splits = -1
  while true {
    let end = patterns.index(of: 10, from: begin)
    let last = end >= patterns.count
    let split = search.regex.count
    if !last {
      try search.regex.emit(Regex.Instruction(operation: .split, target: Int16(split + 1)))
    }
    let pattern = patterns.part(begin, end)
    if search.wholeLine { try search.regex.emit(.lineStart) }
    if search.fixed {
      for i in 0..<pattern.count { try search.regex.emit(byte: pattern[i]) }
    } else {
      var parser = RegexParser(pattern, extended: search.extended, folds: search.regex.ignoreCase)
      try parser.parse(into: &search.regex)
    }
    if search.wholeLine { try search.regex.emit(.lineEnd) }
    if last { break }
    try search.regex.emit(Regex.Instruction(operation: .jump, other: Int16(splits)))
    splits = search.regex.count - 1
    search.regex.setOther(split, search.regex.count)
    begin = end + 1
  }
  while splits >= 0 {
    let next = Int(search.regex.code[splits].other)
    search.regex.setTarget(splits, search.regex.count)
    splits = next
  }
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
      program.status = 2
      if !search.silent { program.complain(Text(root), status) }
      continue
    }
    var event = Walk.Event.item
    repeat {
      if event == .failed {
        program.status = 2
        if !search.silent { program.complain(walk.path.text, walk.failure) }
      } else if event == .item {
        if walk.isFolder {
          if search.recursive {
            walk.enter()
          } else if !search.silent {
            program.complain(walk.path.text, Errno.isDirectory)
            program.status = 2
          }
        } else if walk.depth == 0 || walk.stat.isFile {
          let descriptor = linux_open(walk.path.start, Open.read, 0)
          if descriptor < 0 {
            program.status = 2
            if !search.silent { program.complain(walk.path.text, descriptor) }
          } else {
            let path = walk.path.text
            grepFile(&program, &search, Int32(truncatingIfNeeded: descriptor), here ? path.from(2) : path)
            close(Int32(truncatingIfNeeded: descriptor))
          }
        }
      }
      if program.out.failure != 0 || (search.quiet && search.found) { return }
      event = walk.next()
    } while event != .done
  } while program.hasArguments
}

private func grepFile(_ program: inout Program, _ search: inout Search, _ descriptor: Int32, _ name: Text) {
  var lines = Lines(descriptor)
  var number: UInt64 = 0
  var count: Int64 = 0
  let titled = search.title
  while count < search.limit, let line = lines.next() {
    number &+= 1
    let match = search.regex.match(line, from: 0, whether: !search.only)
    guard (match != nil) != search.invert else { continue }
    count &+= 1
    search.found = true
    if search.quiet || search.names || search.namesWithout { break }
    if search.count { continue }
    if search.only {
      var next = match
      while let found = next, !search.invert {
        if found.end > found.start {
          putPrefix(&program.out, titled ? name : nil, search.numbered ? number : 0)
          program.out.put(line.part(found.start, found.end))
          program.out.newline()
        }
        let from = found.end > found.start ? found.end : found.end + 1
        next = from <= line.count ? search.regex.match(line, from: from, whether: false) : nil
      }
    } else {
      putPrefix(&program.out, titled ? name : nil, search.numbered ? number : 0)
      program.out.put(line)
      program.out.newline()
    }
    if program.out.failure != 0 { break }
  }
  if lines.failure < 0 {
    program.status = 2
    if !search.silent { program.complain(name, lines.failure) }
  }
  lines.free()
  if search.quiet { return }
  if search.names || search.namesWithout {
    if search.namesWithout != (count > 0) {
      program.out.put(name)
      program.out.newline()
    }
    if search.namesWithout { search.found = search.found || count == 0 }
  } else if search.count {
    putPrefix(&program.out, titled ? name : nil, 0)
    program.out.decimal(UInt64(count))
    program.out.newline()
  }
}

/// A file's name and a line's number, each with a colon; 0 for none.
@inline(never)
private func putPrefix(_ out: inout Output, _ name: Text?, _ number: UInt64) {
  if let name {
    out.put(name)
    out.put(58)
  }
  if number > 0 {
    out.decimal(number)
    out.put(58)
  }
}
