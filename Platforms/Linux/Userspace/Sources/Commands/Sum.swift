// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// sum [-b] [FILE|FOLDER...]
///
/// The SHA-256 checksum, the size in bytes and the path of each file, and of each file below each folder, in the order of
/// the directories. `-b` leaves out the size, which is then what `sha256sum -c` reads. As there, a name with a newline, a
/// return or a backslash is written with \n, \r and \\, and the line begins with a backslash. No link is followed but those named.
func sum(_ program: inout Program) {
  var options = Options(program)
  guard options.all(&program, "b") else { return }
  let sizes = !options.has("b")
  let buffer = mapped(pageSize)
  if !program.hasArguments {
    return checksum(&program, 0, Text("-"), buffer, sizes)
  }
  var walk = Walk()
  while let root = program.next() {
    if root[0] == 45, root[1] == 0 {
      checksum(&program, 0, Text("-"), buffer, sizes)
      continue
    }
    let status = walk.begin(root, follow: true)
    if status < 0 {
      program.fail(root, status)
      continue
    }
    var event = Walk.Event.item
    repeat {
      if event == .failed {
        program.fail(walk.path.start, walk.failure)
      } else if event == .item {
        if walk.isFolder {
          walk.enter()
        } else if walk.depth == 0 || walk.stat.isFile {
          if let descriptor = program.open(walk.path.start) {
            checksum(&program, descriptor, walk.path.text, buffer, sizes)
            program.shut(descriptor)
          }
        }
      }
      if program.out.failure != 0 { return }
      event = walk.next()
    } while event != .done
  }
}

private func checksum(_ program: inout Program, _ descriptor: Int32, _ path: Text, _ buffer: Bytes, _ sizes: Bool) {
  var hash = SHA256()
  var size: UInt64 = 0
  while true {
    let count = readSome(descriptor, buffer, pageSize)
    if count == 0 { break }
    if count < 0 {
      program.complain(path, count)
      program.status = 1
      return
    }
    size += UInt64(count)
    hash.update(Text(buffer, count))
  }
  var escaped = false
  for i in 0..<path.count where path[i] == 10 || path[i] == 13 || path[i] == 92 { escaped = true }
  if escaped { program.out.put(92) }
  let digest = hash.finish()
  for i in 0..<64 {
    let digit = (digest[i &>> 3] &<< UInt32((i & 7) &* 4)) &>> 28
    program.out.put(Text("0123456789abcdef")[Int(digit)])
  }
  program.out.put("  ")
  if sizes {
    program.out.decimal(size)
    program.out.put("  ")
  }
  for i in 0..<path.count {
    switch path[i] {
    case 10: program.out.put("\\n")
    case 13: program.out.put("\\r")
    case 92: program.out.put("\\\\")
    default: program.out.put(path[i])
    }
  }
  program.out.newline()
}
