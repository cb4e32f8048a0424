// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

private struct Item {
  var name: CString
  var stat: LinuxStat
}
private typealias Items = List<Item>

private struct Listing {
  var all = false, almostAll = false, long = false, recursive = false, folderItself = false
  var classify = false, human = false, inodes = false, reverse = false, byTime = false, bySize = false, unsorted = false
  var columns = false
  var follow = false
  /// What is needed for one directory, and the names of those that wait to be listed.
  var arena = Arena()
  var waiting = Arena()
  var path = Path()
  let buffer = mapped(pageSize)
  let now = userspaceNow()

  /// Whether more than the name is needed.
  var needsStat: Bool { long || recursive || classify || inodes || byTime || bySize }
}
private func userspaceNow() -> Int64 { now().seconds }

/// A folder that waits, with what was in use before it.
private struct Waiting {
  var before: UnsafeMutablePointer<Waiting>?
  var mark: Arena.Mark
  var path: CString
}

/// ls [-1aACdFhilnrRStUL] [FILE...]
func ls(_ program: inout Program) {
  var listing = Listing()
  var options = Options(program)
  guard options.all(&program, "1aACdFhilnrRStUL", status: 2) else { return }
  listing.columns = options.has("C") || (isTerminal(1) && !options.has("1"))
  listing.all = options.has("a")
  listing.almostAll = options.has("A")
  listing.folderItself = options.has("d")
  listing.classify = options.has("F")
  listing.human = options.has("h")
  listing.inodes = options.has("i")
  listing.reverse = options.has("r")
  listing.recursive = options.has("R")
  listing.byTime = options.has("t")
  listing.bySize = options.has("S")
  listing.unsorted = options.has("U")
  listing.follow = options.has("L")
  listing.long = options.has("l") || options.has("n")

  // First the files that are named, then the folders.
  var files = Items()
  var folders = Items()
  let operands = program.argumentCount
  if operands == 0 { program.arguments = onlyHere(&listing.waiting) }
  while let path = program.next() {
    var stat = LinuxStat()
    let link = listing.folderItself || (listing.long && !listing.follow) || listing.classify
    var status = linux_stat(path, link ? 0x100 : 0, &stat)
    if status < 0, !link { status = linux_stat(path, 0x100, &stat) }
    if status < 0 {
      program.fail(path, status, status: 2)
    } else if stat.isFolder && !listing.folderItself {
      folders.append(Item(name: path, stat: stat), &listing.waiting)
    } else {
      files.append(Item(name: path, stat: stat), &listing.waiting)
    }
  }
  sort(&files, listing)
  sort(&folders, listing)
  listing.path.shorten(to: 0)
  print(&program, &listing, files, total: false)
  let many = operands > 1 || listing.recursive
  var first = files.first == nil
  var folder = folders.first
  while let here = folder {
    folder = here.pointee.next
    var last: UnsafeMutablePointer<Waiting>?
    push(&listing, &last, here.pointee.item.name, nil)
    while let top = last {
      guard program.out.failure == 0 else { return }
      last = top.pointee.before
      let mark = top.pointee.mark
      guard listing.path.set(Text(top.pointee.path)) else {
        program.fail(top.pointee.path, Errno.nameTooLong, status: 2)
        listing.waiting.release(to: mark)
        continue
      }
      listing.waiting.release(to: mark)
      list(&program, &listing, &first, &last, many, listing.recursive && last != nil)
    }
  }
}

private func onlyHere(_ arena: inout Arena) -> UnsafeMutablePointer<CString?> {
  let two = UnsafeMutableRawPointer(arena.allocate(2 * MemoryLayout<CString?>.stride))
    .bindMemory(to: CString?.self, capacity: 2)
  two[0] = arena.copy(Text("."))
  two[1] = nil
  return two
}

private func push(
  _ listing: inout Listing, _ last: inout UnsafeMutablePointer<Waiting>?, _ folder: CString, _ name: CString?
) {
  let mark = listing.waiting.mark
  let waiting = listing.waiting.allocate(Waiting.self)
  let path: CString
  if let name {
    let text = Text(folder)
    let slash = text.count > 0 && text[text.count - 1] != 47
    path = listing.waiting.allocate(text.count + 2 + length(name))
    path.update(from: text.start, count: text.count)
    if slash { path[text.count] = 47 }
    (path + text.count + (slash ? 1 : 0)).update(from: name, count: length(name) + 1)
  } else {
    path = listing.waiting.copy(Text(folder))
  }
  waiting.initialize(to: Waiting(before: last, mark: mark, path: path))
  last = waiting
}

/// The folder that the path is at.
private func list(
  _ program: inout Program, _ listing: inout Listing, _ first: inout Bool,
  _ last: inout UnsafeMutablePointer<Waiting>?, _ title: Bool, _ nested: Bool
) {
  let path = listing.path.start
  let descriptor = linux_open(path, Open.read | Open.folder, 0)
  if descriptor < 0 { return program.fail(path, descriptor, status: nested ? 1 : 2) }
  if title {
    if !first { program.out.newline() }
    program.out.put(listing.path.text)
    program.out.put(":\n")
  }
  first = false
  listing.arena.release()
  var items = Items()
  var directory = Directory(Int32(truncatingIfNeeded: descriptor), listing.buffer, pageSize)
  directory.all = listing.all
  let length = listing.path.count
  while let entry = directory.next() {
    if entry.name[0] == 46, !listing.all, !listing.almostAll { continue }
    var stat = LinuxStat()
    if listing.needsStat {
      let status =
        listing.path.append(entry.name)
        ? linux_stat(path, listing.follow ? 0 : 0x100, &stat) : -Errno.nameTooLong
      if status < 0 { program.fail(path, status) }
      listing.path.shorten(to: length)
      if status < 0 { continue }
    }
    items.append(Item(name: listing.arena.copy(entry.name), stat: stat), &listing.arena)
  }
  if directory.failure < 0 { program.fail(path, directory.failure) }
  close(directory.descriptor)
  sort(&items, listing)
  print(&program, &listing, items, total: listing.long)
  guard listing.recursive else { return }
  // The first of them is to be the last to wait.
  var reversed = List<CString>()
  var node = items.first
  while let here = node {
    node = here.pointee.next
    let name = here.pointee.item.name
    let dots = name[0] == 46 && (name[1] == 0 || (name[1] == 46 && name[2] == 0))
    if here.pointee.item.stat.isFolder, !dots { reversed.prepend(name, &listing.arena) }
  }
  var folder = reversed.first
  while let here = folder {
    push(&listing, &last, path, here.pointee.item)
    folder = here.pointee.next
  }
}

private func sort(_ items: inout Items, _ listing: borrowing Listing) {
  if listing.unsorted { return }
  let (byTime, bySize, reverse) = (listing.byTime, listing.bySize, listing.reverse)
  items.sort { a, b in
    var order = 0
    if byTime {
      let (x, y) = (a.stat.modification_time, b.stat.modification_time)
      if x.seconds != y.seconds {
        order = x.seconds > y.seconds ? -1 : 1
      } else if x.nanoseconds != y.nanoseconds {
        order = x.nanoseconds > y.nanoseconds ? -1 : 1
      }
    } else if bySize, a.stat.size != b.stat.size {
      order = a.stat.size > b.stat.size ? -1 : 1
    }
    if order == 0 { order = Text(a.name).compare(Text(b.name)) }
    return reverse ? order > 0 : order < 0
  }
}

/// Whether it is a terminal: only those have settings.
func isTerminal(_ descriptor: Int32) -> Bool {
  withBytes(64) { linux_ioctl(descriptor, 0x5401, $0) == 0 }
}

// MARK: - One line an item, or columns

private func print(_ program: inout Program, _ listing: inout Listing, _ items: Items, total: Bool) {
  var widths = Widths()
  var blocks: UInt64 = 0
  var node = items.first
  while let here = node {
    widths.include(here.pointee.item, listing)
    blocks += here.pointee.item.stat.blocks
    node = here.pointee.next
  }
  if total {
    program.out.put("total ")
    if listing.human { program.out.human(blocks << 9) } else { program.out.decimal(blocks >> 1) }
    program.out.newline()
  }
  if listing.columns && !listing.long { return printColumns(&program, listing, items, widths) }
  node = items.first
  while let here = node {
    let item = here.pointee.item
    if listing.inodes {
      program.out.decimal(item.stat.inode, width: widths.inode)
      program.out.put(32)
    }
    if listing.long { putLong(&program.out, item, widths, listing) }
    putName(&program.out, item, listing)
    if listing.long, item.stat.isLink { putTarget(&program.out, &listing, item) }
    program.out.newline()
    node = here.pointee.next
  }
}

private struct Widths {
  var inode = 0, links = 0, user = 0, group = 0, size = 0, major = 0, minor = 0, name = 0

  mutating func include(_ item: Item, _ listing: borrowing Listing) {
    func widen(_ width: inout Int, _ value: Int) { if value > width { width = value } }
    let stat = item.stat
    widen(&name, length(item.name) + (listing.classify ? 1 : 0))
    widen(&inode, digitCount(stat.inode))
    guard listing.long else { return }
    widen(&links, digitCount(UInt64(stat.links)))
    widen(&user, digitCount(UInt64(stat.user)))
    widen(&group, digitCount(UInt64(stat.group)))
    let kind = stat.mode & Mode.mask
    if kind == Mode.character || kind == Mode.block {
      widen(&major, digitCount(UInt64(stat.special_major)))
      widen(&minor, digitCount(UInt64(stat.special_minor)))
      widen(&size, major + 2 + minor)
    } else {
      widen(&size, listing.human ? humanWidth(stat.size) : digitCount(stat.size))
    }
  }
}

private func printColumns(_ program: inout Program, _ listing: borrowing Listing, _ items: Items, _ widths: Widths) {
  let count = items.count
  guard count > 0 else { return }
  let width = widths.name + 2 + (listing.inodes ? widths.inode + 1 : 0)
  let across = 80 / width > 1 ? 80 / width : 1
  let down = (count + across - 1) / across
  var row = 0
  var top = items.first
  while row < down, let start = top {
    var node: Items.Pointer? = start
    while let here = node {
      let item = here.pointee.item
      if listing.inodes {
        program.out.decimal(item.stat.inode, width: widths.inode)
        program.out.put(32)
      }
      putName(&program.out, item, listing)
      let mark = listing.classify && kindMark(item.stat.mode) != nil
      var step = down
      while step > 0, let now = node {
        node = now.pointee.next
        step &-= 1
      }
      if node != nil { program.out.pad(widths.name + 2 - length(item.name) - (mark ? 1 : 0)) }
    }
    program.out.newline()
    top = start.pointee.next
    row &+= 1
  }
}

private func putName(_ out: inout Output, _ item: Item, _ listing: borrowing Listing) {
  // A terminal obeys control bytes, and a name can have any.
  if listing.columns {
    var name = item.name
    while name[0] != 0 {
      out.put(name[0] < 32 || name[0] == 127 ? 63 : name[0])
      name += 1
    }
  } else {
    out.put(item.name)
  }
  if listing.classify, !(listing.long && item.stat.isLink), let mark = kindMark(item.stat.mode) {
    out.put(mark)
  }
}

private func kindMark(_ mode: UInt32) -> UInt8? {
  switch mode & Mode.mask {
  case Mode.folder: letter("/")
  case Mode.link: letter("@")
  case Mode.pipe: letter("|")
  case Mode.socket: letter("=")
  default: mode & Mode.mask == Mode.file && mode & 0o111 != 0 ? letter("*") : nil
  }
}

private func putTarget(_ out: inout Output, _ listing: inout Listing, _ item: Item) {
  let length = listing.path.count
  let whole = length == 0 ? listing.path.set(Text(item.name)) : listing.path.append(Text(item.name))
  if whole {
    let count = linux_readlink(listing.path.start, listing.buffer, pageSize)
    if count > 0 {
      out.put(" -> ")
      out.put(Text(listing.buffer, count))
    }
  }
  listing.path.shorten(to: length)
}

private func putLong(_ out: inout Output, _ item: Item, _ widths: Widths, _ listing: borrowing Listing) {
  let stat = item.stat
  let kind = stat.mode & Mode.mask
  putMode(&out, stat.mode)
  out.put(32)
  out.decimal(UInt64(stat.links), width: widths.links)
  out.put(32)
  out.decimal(UInt64(stat.user))
  out.pad(widths.user - digitCount(UInt64(stat.user)) + 1)
  out.decimal(UInt64(stat.group))
  out.pad(widths.group - digitCount(UInt64(stat.group)) + 1)
  if kind == Mode.character || kind == Mode.block {
    out.pad(widths.size - widths.major - 2 - widths.minor)
    out.decimal(UInt64(stat.special_major), width: widths.major)
    out.put(", ")
    out.decimal(UInt64(stat.special_minor), width: widths.minor)
  } else if listing.human {
    out.pad(widths.size - humanWidth(stat.size))
    out.human(stat.size)
  } else {
    out.decimal(stat.size, width: widths.size)
  }
  out.put(32)
  let time = Calendar(stat.modification_time.seconds)
  out.short(Calendar.months, time.month - 1)
  out.put(32)
  out.two(time.day, fill: 32)
  out.put(32)
  // Within half a year, the time; otherwise the year.
  let age = listing.now - stat.modification_time.seconds
  if age >= 0 && age < 15_778_476 {
    out.two(time.hour)
    out.put(58)
    out.two(time.minute)
  } else {
    out.decimal(UInt64(time.year), width: 5)
  }
  out.put(32)
}

/// As "drwxr-xr-x".
private func putMode(_ out: inout Output, _ mode: UInt32) {
  switch mode & Mode.mask {
  case Mode.folder: out.put(letter("d"))
  case Mode.link: out.put(letter("l"))
  case Mode.character: out.put(letter("c"))
  case Mode.block: out.put(letter("b"))
  case Mode.pipe: out.put(letter("p"))
  case Mode.socket: out.put(letter("s"))
  default: out.put(45)
  }
  var bit = 9
  while bit > 0 {
    bit -= 3
    let part = mode >> UInt32(bit)
    out.put(part & 4 != 0 ? letter("r") : 45)
    out.put(part & 2 != 0 ? letter("w") : 45)
    let special = mode & (0o1000 << UInt32(bit / 3)) != 0
    let runs = part & 1 != 0
    if special {
      let small: UInt8 = bit == 0 ? letter("t") : letter("s")
      out.put(runs ? small : small - 32)
    } else {
      out.put(runs ? letter("x") : 45)
    }
  }
}
