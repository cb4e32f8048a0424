// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Lines, words, bytes.
private typealias Counts = InlineArray<3, UInt64>

/// wc [-lwcm] [FILE...]
func wc(_ program: inout Program) {
  var options = Options(program)
  guard options.all(&program, "lwcm") else { return }
  // A bit for each column that is shown.
  var columns = options.bits("lwcm")
  if columns == 0 { columns = 7 }
  if columns & 8 != 0 { columns |= 4 }
  columns &= 7
  let files = program.argumentCount
  let width = width(program, columns & (columns - 1) == 0, files)
  let buffer = mapped(pageSize)
  var total = Counts(repeating: 0)
  repeat {
    let path = program.next()
    var descriptor: Int32 = 0
    if let path {
      guard let opened = program.open(path) else { continue }
      descriptor = opened
    }
    var lines = 0, words = 0
    var counts = Counts(repeating: 0)
    var inWord = false
    var got = 0
    repeat {
      got = readSome(descriptor, buffer, pageSize)
      (lines, words) = (0, 0)
      var i = 0
      while i < got {
        let byte = buffer[i]
        i &+= 1
        if byte == 10 { lines &+= 1 }
        if isSpace(byte) {
          inWord = false
        } else if !inWord, byte &- 33 < 94 {
          // Only what can be printed begins a word.
          inWord = true
          words &+= 1
        }
      }
      counts[0] &+= UInt64(lines)
      counts[1] &+= UInt64(words)
      counts[2] &+= UInt64(i)
    } while got > 0
    if got < 0 { program.fail(path ?? Literal("-").start, got) }
    program.shut(descriptor)
    for i in 0..<3 { total[i] &+= counts[i] }
    put(&program.out, counts, columns, width, path)
  } while program.hasArguments
  if files > 1 { put(&program.out, total, columns, width, Literal("total").start) }
}

@inline(never)
private func put(_ out: inout Output, _ counts: Counts, _ columns: UInt32, _ width: Int, _ name: CString?) {
  var first = true
  for i in 0..<3 where columns & (1 &<< UInt32(i)) != 0 {
    if !first { out.put(32) }
    first = false
    out.decimal(counts[i], width: width)
  }
  if let name {
    out.put(32)
    out.put(name)
  }
  out.newline()
}

/// Of the columns: as wide as all files' sizes together, and 7 where they cannot be known.
private func width(_ program: borrowing Program, _ single: Bool, _ files: Int) -> Int {
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
