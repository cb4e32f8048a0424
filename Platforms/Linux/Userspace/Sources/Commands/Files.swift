// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// mkdir [-p] FOLDER...
func mkdir(_ program: inout Program) {
  var options = Options(program)
  guard options.all(&program, "p") else { return }
  let parents = options.has("p")
  if !program.hasArguments { return program.fail("the folder is missing: mkdir FOLDER...") }
  while let path = program.next() {
    if parents {
      var at = 1
      while path[0] != 0, path[at] != 0 {
        if path[at] == 47, path[at - 1] != 47 {
          path[at] = 0
          _ = linux_mkdir(path, 0o777)
          path[at] = 47
        }
        at &+= 1
      }
    }
    let status = linux_mkdir(path, 0o777)
    if status < 0 {
      var stat = LinuxStat()
      if parents, linux_stat(path, 0, &stat) == 0, stat.isFolder { continue }
      program.fail(path, status)
    }
  }
}

/// rm [-rf] FILE...
func rm(_ program: inout Program) {
  var options = Options(program)
  guard options.all(&program, "rRf") else { return }
  let recursive = options.has("r") || options.has("R")
  let force = options.has("f")
  if !program.hasArguments, !force { return program.fail("the file is missing: rm FILE...") }
  var walk = Walk()
  while let root = program.next() {
    let name = lastName(Text(root))
    if recursive, name.is(".") || name.is("..") || name.is("/") {
      program.fail(root, "will not be removed")
      continue
    }
    let status = walk.begin(root, follow: false)
    if status < 0 {
      if !force || status != -Errno.noEntry { program.fail(root, status) }
      continue
    }
    var event = Walk.Event.item
    repeat {
      switch event {
      case .failed: program.fail(walk.path.start, walk.failure)
      case .item where walk.isFolder && recursive: walk.enter()
      case .item:
        let status = walk.isFolder ? -Errno.isDirectory : linux_unlink(walk.path.start, 0)
        if status < 0 { program.fail(walk.path.start, status) }
      case .leave:
        let status = linux_unlink(walk.path.start, 0x200)
        if status < 0 { program.fail(walk.path.start, status) }
      case .done: break
      }
      event = walk.next()
    } while event != .done
  }
}
