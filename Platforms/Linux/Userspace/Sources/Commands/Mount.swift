// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

private var words: Literal {
  """
  rw         ro         nosuid     suid       nodev      dev        noexec     exec       sync       async      \
  remount    noatime    nodiratime bind       rbind      move       silent     relatime   strictatimedefaults
  """
}
/// Options by their words, and the bits of mount's flags: a letter for the place of each, a capital if it is cleared.
private func set(_ word: Text, _ flags: inout Int) -> Bool {
  guard let number = index(of: word, in: words, width: 11) else { return false }
  // Of the word "defaults", one that is never set.
  let code = Text("AabBcCdDeEfklmmnpvyZ")[number]
  let bit = 1 << Int((code & 31) - 1)
  flags = code < 96 ? flags & ~bit : flags | bit
  if word.is("rbind") { flags |= 1 << 14 }
  return true
}

/// mount [-rw] [-t TYPE] [-o OPTION,...] [DEVICE] FOLDER; without a folder: what is mounted.
func mount(_ program: inout Program) {
  var options = Options(program)
  var flags = 0
  var type: CString?
  var data = Buffer()
  while let option = options.next(&program, "rwt:o:") {
    if option == letter("t") {
      type = options.value
    } else {
      let words = Text(options.value)
      var at = 0
      while at < words.count {
        let end = words.index(of: 44, from: at)
        let word = words.part(at, end)
        if !set(word, &flags), word.count > 0 {
          // What is not of the kernel is for the file system.
          if data.count > 0 { data.append(44) }
          data.append(word)
        }
        at = end < words.count ? end + 1 : end
      }
    }
  }
  if options.failed { return }
  if options.has("r") { flags |= 1 }
  data.append(0)
  guard let first = program.next() else { return showMounts(&program, type) }
  let target = program.next() ?? first
  if program.hasArguments { return program.fail(target, "too many operands") }
  // A bind, a move and a change of options have no type.
  let untyped = flags & (4096 | 8192 | 32) != 0
  if type != nil || untyped {
    let status = linux_mount(first, target, type, flags, data.start)
    if status < 0 { complain(&program, first, target, status) }
    return
  }
  tryTypes(&program, first, target, flags, data.start)
}

private func complain(_ program: inout Program, _ source: CString, _ target: CString, _ status: Int) {
  var words = Buffer()
  words.append(Text(source))
  words.append(" on ")
  words.append(Text(target))
  program.complain(words.text, status)
  program.status = 1
  words.free()
}

/// Every type that the kernel knows and that has a device, until one takes it.
private func tryTypes(
  _ program: inout Program, _ source: CString, _ target: CString, _ flags: Int, _ data: CString
) {
  let descriptor = linux_open(Literal("/proc/filesystems").start, Open.read, 0)
  guard descriptor >= 0 else {
    return program.fail("/proc is not mounted, so a type is needed: mount -t TYPE DEVICE FOLDER")
  }
  var lines = Lines(Int32(truncatingIfNeeded: descriptor))
  var status = -Errno.noDevice
  while let line = lines.next() {
    guard !line.starts(with: "nodev"), line.count > 1, line.count < 40, line[0] == 9 else { continue }
    status = withBytes(40) { type in
      type.update(from: line.start + 1, count: line.count - 1)
      type[line.count - 1] = 0
      return linux_mount(source, target, type, flags, data)
    }
    // Only this says that another type may do.
    if status != -Errno.invalid { break }
  }
  close(Int32(truncatingIfNeeded: descriptor))
  if status < 0 { complain(&program, source, target, status) }
}

/// As "DEVICE on FOLDER type TYPE (OPTIONS)".
private func showMounts(_ program: inout Program, _ type: CString?) {
  guard let descriptor = program.open(Literal("/proc/mounts").start) else { return }
  var lines = Lines(descriptor)
  while let line = lines.next() {
    var words = Words(line)
    guard let source = words.next(), let target = words.next(), let kind = words.next(), let options = words.next()
    else { continue }
    if let type, !kind.equals(Text(type)) { continue }
    putUnescaped(&program.out, source)
    program.out.put(" on ")
    putUnescaped(&program.out, target)
    program.out.put(" type ")
    program.out.put(kind)
    program.out.put(" (")
    program.out.put(options)
    program.out.put(")\n")
  }
  close(descriptor)
}

/// Blanks, newlines and backslashes are octal there.
private func putUnescaped(_ out: inout Output, _ text: Text) {
  var i = 0
  while i < text.count {
    if text[i] == 92, i + 3 < text.count {
      out.put((text[i + 1] & 3) << 6 | (text[i + 2] & 7) << 3 | text[i + 3] & 7)
      i += 4
    } else {
      out.put(text[i])
      i &+= 1
    }
  }
}

/// umount [-flr] FOLDER...
func umount(_ program: inout Program) {
  var options = Options(program)
  guard options.all(&program, "flr") else { return }
  let flags: Int32 = (options.has("f") ? 1 : 0) | (options.has("l") ? 2 : 0)
  if !program.hasArguments { return program.fail("the folder is missing: umount FOLDER...") }
  while let target = program.next() {
    var status = linux_umount(target, flags)
    if status == -Errno.busy, options.has("r") { status = linux_mount(target, target, nil, 32 | 1, nil) }
    if status < 0 { program.fail(target, status) }
  }
}
