// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

private struct Counts {
  var lines: UInt64 = 0, words: UInt64 = 0, bytes: UInt64 = 0
}
/// What is printed, and how wide.
private struct Columns {
  var lines = false, words = false, bytes = false
  var width = 1
}

/// wc [-lwcm] [FILE...]
func wc(_ program: inout Program) {
  var columns = Columns()
  var options = Options(program)
  guard options.all(&program, "lwcm") else { return }
  columns.lines = options.has("l")
  columns.words = options.has("w")
  columns.bytes = options.has("c") || options.has("m")
  if !columns.lines && !columns.words && !columns.bytes {
    columns.lines = true
    columns.words = true
    columns.bytes = true
  }
  let files = program.argumentCount
  columns.width = width(program, columns, files)
  let buffer = mapped(pageSize)
  var total = Counts()
  repeat {
    let path = program.next()
    var descriptor: Int32 = 0
    if let path {
      guard let opened = program.open(path) else { continue }
      descriptor = opened
    }
    var counts = Counts()
    var inWord = false
    var got = 0
    repeat {
      got = readSome(descriptor, buffer, pageSize)
      var i = 0
      while i < got {
        let byte = buffer[i]
        i &+= 1
        if byte == 10 { counts.lines &+= 1 }
        if isSpace(byte) {
          inWord = false
        } else if !inWord, byte &- 33 < 94 {
          // Only what can be printed begins a word.
          inWord = true
          counts.words &+= 1
        }
      }
      if got > 0 { counts.bytes += UInt64(got) }
    } while got > 0
    if got < 0 { if let path { program.fail(path, got) } else { program.fail("-", got) } }
    program.shut(descriptor)
    total.lines += counts.lines
    total.words += counts.words
    total.bytes += counts.bytes
    put(&program, counts, columns, path.map { Text($0) })
  } while program.hasArguments
  if files > 1 { put(&program, total, columns, Text("total")) }
}

private func put(_ program: inout Program, _ counts: Counts, _ columns: Columns, _ name: Text?) {
  var first = true
  func number(_ number: UInt64, _ program: inout Program) {
    if !first { program.out.put(32) }
    first = false
    program.out.decimal(number, width: columns.width)
  }
  if columns.lines { number(counts.lines, &program) }
  if columns.words { number(counts.words, &program) }
  if columns.bytes { number(counts.bytes, &program) }
  if let name {
    program.out.put(32)
    program.out.put(name)
  }
  program.out.newline()
}

/// Of the columns: as wide as all files' sizes together, and 7 where they cannot be known.
private func width(_ program: borrowing Program, _ columns: Columns, _ files: Int) -> Int {
  let single = (columns.lines ? 1 : 0) + (columns.words ? 1 : 0) + (columns.bytes ? 1 : 0) == 1
  if files <= 1 && single { return 1 }
  var sum: UInt64 = 0
  var least = 1
  var i = 0
  var stat = LinuxStat()
  if files == 0 {
    if linux_stat_open(0, &stat) == 0, stat.isFile { sum = stat.size } else { least = 7 }
  }
  while let path = program.arguments[i] {
    i &+= 1
    let status = path[0] == 45 && path[1] == 0 ? linux_stat_open(0, &stat) : linux_stat(path, 0, &stat)
    if status < 0 { continue }
    if stat.isFile { sum += stat.size } else { least = 7 }
  }
  let digits = digitCount(sum)
  return digits > least ? digits : least
}
