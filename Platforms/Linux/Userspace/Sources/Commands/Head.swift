// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// head [-n [-]N | -c [-]N | -N] [-qv] [FILE...]
func head(_ program: inout Program) {
  var limit: Int64 = 10
  var lines = true
  var allBut = false
  // head -5 FILE, as it once was.
  if let first = program.arguments[0], first[0] == 45, isDigit(first[1]), let number = Text(first + 1).wide() {
    limit = number
    program.arguments += 1
  }
  var options = Options(program)
  while let option = options.next(&program, "n:c:qv") {
    lines = option == letter("n")
    allBut = options.value[0] == 45
    guard let number = Text(options.value + (allBut ? 1 : 0)).wide() else {
      return program.fail(options.value, "invalid number")
    }
    limit = number
  }
  if options.failed { return }
  let buffer = mapped(pageSize)
  let titles = options.has("v") || (program.argumentCount > 1 && !options.has("q"))
  var first = true
  repeat {
    let path = program.next()
    var descriptor: Int32 = 0
    if let path {
      guard let opened = program.open(path) else { continue }
      descriptor = opened
    }
    if titles {
      if !first { program.out.newline() }
      program.out.put("==> ")
      if let path, descriptor != 0 { program.out.put(path) } else { program.out.put("standard input") }
      program.out.put(" <==\n")
    }
    first = false
    let status =
      allBut
      ? headAllBut(&program, descriptor, limit, lines) : headOf(&program, descriptor, limit, lines, buffer)
    if status < 0 { if let path { program.fail(path, status) } else { program.fail("standard input", status) } }
    program.shut(descriptor)
  } while program.hasArguments && program.out.failure == 0
}

/// 0 or a negated errno. What was read too much is given back where that is possible, for the next who reads there.
private func headOf(
  _ program: inout Program, _ descriptor: Int32, _ limit: Int64, _ lines: Bool, _ buffer: Bytes
) -> Int {
  var left = limit
  while left > 0 {
    let want = lines || left > Int64(pageSize) ? pageSize : Int(truncatingIfNeeded: left)
    let count = readSome(descriptor, buffer, want)
    if count <= 0 { return count }
    var used = count
    if lines {
      used = 0
      while used < count, left > 0 {
        if buffer[used] == 10 { left &-= 1 }
        used &+= 1
      }
    } else {
      left -= Int64(count)
    }
    program.out.put(Text(buffer, used))
    if program.out.failure != 0 { return 0 }
    if used < count { _ = linux_seek(descriptor, Int64(used - count), 1) }
  }
  return 0
}

/// All but the last `limit`: those are held back.
private func headAllBut(_ program: inout Program, _ descriptor: Int32, _ limit: Int64, _ lines: Bool) -> Int {
  var held = Buffer()
  var kept: Int64 = 0
  while true {
    let before = held.count
    let count = held.read(descriptor)
    if count <= 0 {
      // A last line without an end is a line too.
      if lines, limit == 0, held.count > 0 { program.out.put(held.text) }
      if lines, kept == limit, limit > 0, held.count > 0, held.start[held.count - 1] != 10 {
        let end = held.text.index(of: 10) + 1
        program.out.put(held.text.part(0, end < held.count ? end : held.count))
      }
      held.free()
      return count
    }
    var out = 0
    if !lines {
      out = Int64(held.count) > limit ? held.count - Int(truncatingIfNeeded: limit) : 0
    } else {
      for i in before..<held.count where held.start[i] == 10 {
        kept &+= 1
        if kept > limit {
          out = held.text.index(of: 10, from: out) + 1
          kept &-= 1
        }
      }
    }
    program.out.put(held.text.part(0, out))
    held.drop(out)
    if program.out.failure != 0 { return 0 }
  }
}
