// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

private struct Copying {
  var recursive = false, preserve = false, force = false, verbose = false
  /// Links at the top are followed too, without -d, -P or -r.
  var followTop = true
  let buffer = mapped(pageSize)
  /// Of what `walk` is at.
  var target = Path()
}

/// cp [-rRapdPfv] SOURCE... TARGET
func cp(_ program: inout Program) {
  var copying = Copying()
  var options = Options(program)
  guard options.all(&program, "rRapdPfvL") else { return }
  let archive = options.has("a")
  copying.recursive = archive || options.has("r") || options.has("R")
  copying.preserve = archive || options.has("p")
  copying.force = options.has("f")
  copying.verbose = options.has("v")
  copying.followTop = options.has("L") || !(copying.recursive || options.has("d") || options.has("P"))
  let count = program.argumentCount
  guard count > 1, let target = program.arguments[count - 1] else {
    return program.fail("what to copy and where to is missing: cp SOURCE... TARGET")
  }
  var stat = LinuxStat()
  let intoFolder = linux_stat(target, 0, &stat) == 0 && stat.isFolder
  if count > 2, !intoFolder { return program.fail(target, Errno.notDirectory) }
  program.arguments[count - 1] = nil
  var walk = Walk()
  while let source = program.next() {
    let status = walk.begin(source, follow: copying.followTop)
    guard status == 0 else {
      program.fail(source, status)
      continue
    }
    guard copying.target.set(Text(target)), !intoFolder || copying.target.append(lastName(Text(source))) else {
      program.fail(target, Errno.nameTooLong)
      continue
    }
    copyTree(&program, &copying, &walk)
  }
}

/// The last name of a path, without slashes at its end.
func lastName(_ path: Text) -> Text {
  var end = path.count
  while end > 1, path[end - 1] == 47 { end &-= 1 }
  var begin = end
  while begin > 0, path[begin - 1] != 47 { begin &-= 1 }
  return path.part(begin, end)
}

private func copyTree(_ program: inout Program, _ copying: inout Copying, _ walk: inout Walk) {
  let rootTarget = copying.target.count
  // What was made first: a copy into itself would find it again and never end.
  var made: (inode: UInt64, major: UInt32, minor: UInt32)?
  var event = Walk.Event.item
  repeat {
    copying.target.shorten(to: rootTarget)
    let below = walk.path.text.from(walk.path.count < walk.rootLength ? walk.path.count : walk.rootLength)
    let named = below.count == 0 || copying.target.append(below[0] == 47 ? below.from(1) : below)
    switch event {
    case .failed: program.fail(walk.path.start, walk.failure)
    case .leave:
      if named, walk.restat() == 0 { preserve(&program, copying, walk.stat, true) }
    case .done: break
    case .item:
      guard named else {
        program.fail(walk.path.start, Errno.nameTooLong)
        break
      }
      if copying.verbose {
        program.out.put(walk.path.text)
        program.out.put(" -> ")
        program.out.put(copying.target.text)
        program.out.newline()
      }
      if walk.isFolder {
        if !copying.recursive {
          program.fail(walk.path.start, "a directory is copied only with -r")
        } else if let made, made.inode == walk.stat.inode, made.major == walk.stat.device_major,
          made.minor == walk.stat.device_minor
        {
          program.fail(walk.path.start, "a directory cannot be copied into itself")
        } else {
          // Writable until it is full.
          let status = linux_mkdir(copying.target.start, Int32(walk.stat.mode & 0o777 | 0o700))
          var stat = LinuxStat()
          let found = linux_stat(copying.target.start, 0, &stat)
          if status < 0 && (status != -Errno.exists || found < 0 || stat.mode & Mode.mask != Mode.folder) {
            program.fail(copying.target.start, status)
            break
          }
          if made == nil { made = (stat.inode, stat.device_major, stat.device_minor) }
          walk.enter()
        }
      } else {
        copyOne(&program, copying, walk)
      }
    }
    event = walk.next()
  } while event != .done
}

private func copyOne(_ program: inout Program, _ copying: Copying, _ walk: borrowing Walk) {
  let stat = walk.stat
  let kind = stat.mode & Mode.mask
  let target = copying.target.start
  if kind == Mode.file || !copying.recursive && kind != Mode.link {
    guard let source = program.open(walk.path.start) else { return }
    copyData(&program, copying, source, stat)
    program.shut(source)
    return
  }
  var status = 0
  var again = true
  repeat {
    if kind == Mode.link {
      let length = linux_readlink(walk.path.start, copying.buffer, Path.capacity - 1)
      status = length
      if length >= 0 {
        copying.buffer[length] = 0
        status = linux_symlink(copying.buffer, target)
      }
    } else {
      // Numbers of devices as mknod takes them: twelve bits of major, twenty of minor.
      let device =
        stat.special_minor & 0xff | (stat.special_major & 0xfff) << 8 | (stat.special_minor & 0xfff00) << 12
      status = linux_mknod(target, Int32(stat.mode), Int32(truncatingIfNeeded: device))
    }
    if status == -Errno.exists && again { _ = linux_unlink(target, 0) } else { again = false }
    if status != -Errno.exists { again = false }
  } while again
  if status < 0 { program.fail(target, status) } else { preserve(&program, copying, stat, false) }
}

private func copyData(_ program: inout Program, _ copying: Copying, _ source: Int32, _ stat: LinuxStat) {
  let target = copying.target.start
  var there = LinuxStat()
  if linux_stat(target, 0, &there) == 0, isSame(there, stat) {
    return program.fail(target, "source and target are the same file")
  }
  let flags = 1 | Open.create | Open.truncate | Open.large | Open.closeOnExec
  let mode = Int32(stat.mode & 0o777)
  var opened = linux_open(target, flags, mode)
  if opened < 0, copying.force, linux_unlink(target, 0) == 0 { opened = linux_open(target, flags, mode) }
  guard opened >= 0 else { return program.fail(target, opened) }
  let descriptor = Int32(truncatingIfNeeded: opened)
  while true {
    let count = readSome(source, copying.buffer, pageSize)
    if count < 0 { program.fail("reading", count) }
    if count <= 0 { break }
    let status = writeAll(descriptor, Text(copying.buffer, count))
    if status < 0 {
      program.fail(target, status)
      break
    }
  }
  // Some file systems say only now that they are full.
  let status = linux_close(descriptor)
  if status < 0 { program.fail(target, status) }
  preserve(&program, copying, stat, false)
}

/// Owner, mode and times, with -p. A folder's mode is set anyhow: it was made writable.
private func preserve(_ program: inout Program, _ copying: Copying, _ stat: LinuxStat, _ folder: Bool) {
  let target = copying.target.start
  let link = stat.isLink
  guard copying.preserve else { return }
  // Not everybody may give a file away.
  var mode = Int32(stat.mode & 0o7777)
  if linux_chown(target, Int32(bitPattern: stat.user), Int32(bitPattern: stat.group)) < 0 { mode &= 0o1777 }
  var status = link ? 0 : linux_chmod(target, mode)
  if status >= 0 {
    status = withUnsafeTemporaryAllocation(of: LinuxTime.self, capacity: 2) {
      let two = $0.baseAddress!
      two[0] = LinuxTime(
        seconds: stat.access_time.seconds, nanoseconds: Int64(stat.access_time.nanoseconds))
      two[1] = LinuxTime(
        seconds: stat.modification_time.seconds, nanoseconds: Int64(stat.modification_time.nanoseconds))
      return linux_set_times(target, two)
    }
  }
  if status < 0 { program.fail(target, status) }
}
