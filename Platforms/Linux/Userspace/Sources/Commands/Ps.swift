// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// ps [-ef]: all processes, with the kilobytes that they have mapped and that are in memory.
func ps(_ program: inout Program) {
  var options = Options(program)
  // All of them are always shown, and with all that is known.
  guard options.all(&program, "efAaxu") else { return }
  let opened = linux_open(Literal("/proc").start, Open.read | Open.folder, 0)
  if opened < 0 { return program.fail("/proc", opened) }
  var directory = Directory(Int32(truncatingIfNeeded: opened), mapped(pageSize), pageSize)
  let buffer = mapped(pageSize)
  var path = Path()
  var any = false
  program.out.put("  PID  PPID S    VSZ    RSS     TIME COMMAND\n")
  while let entry = directory.next() {
    guard entry.name.number != nil else { continue }
    any = true
    _ = path.set(Text("/proc"))
    _ = path.append(entry.name)
    show(&program.out, entry.name, &path, buffer)
  }
  close(directory.descriptor)
  if !any { program.fail("/proc has no processes: is it mounted? (mount -t proc proc /proc)") }
}

/// Reads what fits of a file below the path.
private func read(_ path: inout Path, _ name: Literal, _ buffer: Bytes) -> Text? {
  let length = path.count
  _ = path.append(Text(name))
  let opened = linux_open(path.start, Open.read, 0)
  path.shorten(to: length)
  guard opened >= 0 else { return nil }
  let count = readSome(Int32(truncatingIfNeeded: opened), buffer, pageSize)
  close(Int32(truncatingIfNeeded: opened))
  return count < 0 ? nil : Text(buffer, count)
}

private func show(_ out: inout Output, _ process: Text, _ path: inout Path, _ buffer: Bytes) {
  // It may have ended meanwhile. Its name stands in parentheses, and may have some in it.
  guard let stat = read(&path, "stat", buffer) else { return }
  var open = stat.index(of: 40)
  var end = stat.count
  while end > open, stat[end - 1] != 41 { end &-= 1 }
  if end <= open { return }
  open &+= 1
  var fields = Words(stat.from(end))
  var index = 2
  var state = Text("?"), parent = Text("0")
  var ticks: UInt64 = 0, size: UInt64 = 0, resident: UInt64 = 0
  while let field = fields.next() {
    if index == 2 { state = field }
    if index == 3 { parent = field }
    let number = UInt64(field.wide() ?? 0)
    if index == 13 || index == 14 { ticks &+= number }
    if index == 22 { size = number }
    if index == 23 { resident = number }
    index &+= 1
  }
  out.pad(5 - process.count)
  out.put(process)
  out.pad(6 - parent.count)
  out.put(parent)
  out.put(32)
  out.put(state)
  out.decimal(size >> 10, width: 7)
  out.decimal(resident << 2, width: 7)
  // A hundredth of a second each.
  _ = divide(&ticks, by: 100)
  let seconds = Int(divide(&ticks, by: 60))
  out.decimal(ticks, width: 6)
  out.put(58)
  out.two(seconds)
  out.put(32)
  let name = stat.part(open, end - 1)
  withBytes(64) { short in
    let kept = name.count < 64 ? name.count : 64
    short.update(from: name.start, count: kept)
    if let line = read(&path, "cmdline", buffer), line.count > 0 {
      // Arguments have a zero behind each; what would move the cursor is not shown.
      let shown = line.count < 512 ? line.count : 512
      for i in 0..<(line[shown - 1] == 0 ? shown - 1 : shown) { out.put(line[i] < 32 ? 32 : line[i]) }
    } else {
      out.put(91)
      for i in 0..<kept { out.put(short[i] < 32 ? 63 : short[i]) }
      out.put(93)
    }
  }
  out.newline()
}
