// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// cat [-nu] [FILE...]
func cat(_ program: inout Program) {
  var options = Options(program)
  guard options.all(&program, "nu") else { return }
  let numbered = options.has("n")
  let size = pageSize
  let buffer = mapped(size)
  var line = 0
  var atStart = true
  let standard = !program.hasArguments
  while standard || program.hasArguments {
    var path: CString?
    var descriptor: Int32 = 0
    if !standard {
      path = program.next()
      guard let opened = program.open(path.unsafelyUnwrapped) else { continue }
      descriptor = opened
    }
    while true {
      let count = readSome(descriptor, buffer, size)
      if count <= 0 {
        if count < 0 {
          if let path { program.fail(path, count) } else { program.fail("-", count) }
        }
        break
      }
      if numbered {
        for i in 0..<count {
          if atStart {
            line &+= 1
            program.out.decimal(UInt64(line), width: 6)
            program.out.put(9)
          }
          atStart = buffer[i] == 10
          program.out.put(buffer[i])
        }
      } else {
        program.out.put(Text(buffer, count))
      }
      // What has been read is seen at once, and a reader that is gone ends the reading.
      program.out.flush()
      if program.out.failure != 0 { return }
    }
    program.shut(descriptor)
    if standard { break }
  }
}
