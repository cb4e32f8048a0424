// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// dmesg [-cCr] [-n LEVEL]
func dmesg(_ program: inout Program) {
  var options = Options(program)
  while options.next(&program, "cCrn:") != nil {
    guard let level = Text(options.value).number, level >= 1, level <= 8 else {
      return program.fail(options.value, "not a level from 1 to 8")
    }
    let status = linux_syslog(8, nil, Int32(level))
    if status < 0 { program.fail("cannot set the level", status) }
    return
  }
  if options.failed { return }
  let raw = options.has("r")
  if options.has("C") {
    let status = linux_syslog(5, nil, 0)
    if status < 0 { program.fail("cannot clear the log", status) }
    return
  }
  // The log's whole length where there is memory for it, or the end of the log.
  var size = linux_syslog(10, nil, 0)
  if size < pageSize || size > 1 << 20 { size = 1 << 17 }
  var memory = 0
  while size >= pageSize {
    memory = linux_map(size)
    if memory > 0 || memory < -4095 { break }
    size >>= 1
  }
  guard size >= pageSize, let log = Bytes(bitPattern: memory) else { return program.fail("the log", Errno.noMemory) }
  let count = linux_syslog(options.has("c") ? 4 : 3, log, Int32(size))
  if count < 0 { return program.fail("cannot read the log", count) }
  let text = Text(log, count)
  var at = 0
  while at < count {
    let end = text.index(of: 10, from: at)
    var begin = at
    // <6>, the level.
    if !raw, text[at] == 60 {
      let closing = text.index(of: 62, from: at)
      if closing < end { begin = closing + 1 }
    }
    program.out.put(text.part(begin, end))
    program.out.newline()
    at = end + 1
  }
}
