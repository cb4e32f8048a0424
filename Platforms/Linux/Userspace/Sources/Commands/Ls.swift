// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

private struct Item {
  var name: CString
  var stat: LinuxStat
}
private typealias Items = List<Item>

private struct Listing {
  var options: Options
  /// Several in a line, and what a terminal would obey replaced.
  var columns = false
  var long: Bool { options.has("l") || options.has("n") }
  /// What is needed for one directory, and the names of those that wait to be listed.
  var arena = Arena()
  var waiting = Arena()
  var path = Path()
  let buffer = mapped(pageSize)
  let now = userspaceNow()

  init(_ options: Options) { self.options = options }
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
  var options = Options(program)
  guard options.all(&program, "1aACdFhilnrRStUL", status: 2) else { return }
  var listing = Listing(options)
  listing.columns = options.has("C") || (isTerminal(1) && !options.has("1"))

  // First the files that are named, then the folders.
  var files = Items()
  var folders = Items()
  let operands = program.argumentCount
  if operands == 0 { program.arguments = onlyHere(&listing.waiting) }
  while let path = program.next() {
    var stat = LinuxStat()
    let link = options.has("d") || (listing.long && !options.has("L")) || options.has("F")
    var status = linux_stat(path, link ? 0x100 : 0, &stat)
    if status < 0, !link { status = linux_stat(path, 0x100, &stat) }
    if status < 0 {
      program.fail(path, status, status: 2)
    } else if stat.isFolder && !options.has("d") {
      folders.append(Item(name: path, stat: stat), &listing.waiting)
    } else {
      files.append(Item(name: path, stat: stat), &listing.waiting)
    }
  }
  sort(&files, listing)
  sort(&folders, listing)
  listing.path.shorten(to: 0)
  print(&program, &listing, files, total: false)
  let many = operands > 1 || options.has("R")
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
      list(&program, &listing, &first, &last, many, options.has("R") && last != nil)
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

/// A name in a folder, or a folder that was named.
private func push(
  _ listing: inout Listing, _ last: inout UnsafeMutablePointer<Waiting>?, _ folder: CString, _ name: CString?
) {
  let mark = listing.waiting.mark
  let waiting = listing.waiting.allocate(Waiting.self)
  var path = Text(folder)
  if let name {
    let slash: Literal = path.count > 0 && path[path.count - 1] == 47 ? "" : "/"
    path = Text(listing.arena.copy(path, Text(slash)))
    path = Text(listing.arena.copy(path, Text(name)))
  }
  waiting.initialize(to: Waiting(before: last, mark: mark, path: listing.waiting.copy(path)))
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
  directory.all = listing.options.has("a")
  let length = listing.path.count
  while let entry = directory.next() {
    if entry.name[0] == 46, !directory.all, !listing.options.has("A") { continue }
    var stat = LinuxStat()
    // Where only names are shown, nothing else has to be readable.
    if listing.options.hasAny("lnRFitS") {
      let status =
        listing.path.append(entry.name)
        ? linux_stat(path, listing.options.has("L") ? 0 : 0x100, &stat) : -Errno.nameTooLong
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
  guard listing.options.has("R") else { return }
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
  let options = listing.options
  if options.has("U") { return }
  items.sort { a, b in
    var order = 0
    if options.has("t") {
      order = compare(a.stat.modification_time, b.stat.modification_time)
    } else if options.has("S"), a.stat.size != b.stat.size {
      order = a.stat.size > b.stat.size ? 1 : -1
    }
    // The newest and the largest first.
    order = order == 0 ? Text(a.name).compare(Text(b.name)) : -order
    return options.has("r") ? order > 0 : order < 0
  }
}
/// Negative, 0 or positive.
@inline(never)
func compare(_ a: LinuxStatTime, _ b: LinuxStatTime) -> Int {
  if a.seconds != b.seconds { return a.seconds > b.seconds ? 1 : -1 }
  return Int(Int32(a.nanoseconds) - Int32(b.nanoseconds))
}

/// Whether it is a terminal: only those have settings.
func isTerminal(_ descriptor: Int32) -> Bool {
  withBytes(64) { linux_ioctl(descriptor, 0x5401, $0) == 0 }
}

// MARK: - One line an item, or columns

/// What is shown in columns as wide as the widest.
private enum Column: Int { case inode, links, user, group, size, minor, name }
private typealias Widths = InlineArray<7, Int>

private func value(_ column: Column, _ stat: borrowing LinuxStat) -> UInt64 {
  switch column {
  case .inode: stat.inode
  case .links: UInt64(stat.links)
  case .user: UInt64(stat.user)
  case .group: UInt64(stat.group)
  case .size: isDevice(stat.mode) ? UInt64(stat.special_major) : stat.size
  default: UInt64(stat.special_minor)
  }
}
private func isDevice(_ mode: UInt32) -> Bool { mode & 0xb000 == Mode.character }

/// One of the columns, and a blank; `width`, to the right of it, but for owners.
@inline(never)
private func put(_ column: Column, _ item: Items.Pointer, _ widths: Widths, _ out: inout Output) {
  let number = value(column, item.pointee.item.stat)
  let left = column == .user || column == .group
  out.decimal(number, width: left ? 0 : widths[column.rawValue])
  out.pad(left ? widths[column.rawValue] - digitCount(number) + 1 : 1)
}

private func print(_ program: inout Program, _ listing: inout Listing, _ items: Items, total: Bool) {
  var widths = Widths(repeating: 0)
  var blocks: UInt64 = 0
  let human = listing.options.has("h")
  var node = items.first
  while let here = node {
    func widen(_ column: Column, _ width: Int) {
      if width > widths[column.rawValue] { widths[column.rawValue] = width }
    }
    let stat = here.pointee.item.stat
    for index in 0...Column.group.rawValue {
      let column = Column(rawValue: index).unsafelyUnwrapped
      widen(column, digitCount(value(column, stat)))
    }
    let digits = digitCount(value(.size, stat))
    if isDevice(stat.mode) {
      widen(.minor, digitCount(value(.minor, stat)))
      widen(.size, digits + 2 + widths[Column.minor.rawValue])
    } else {
      widen(.size, human ? humanWidth(stat.size) : digits)
    }
    widen(.name, length(here.pointee.item.name) + (listing.options.has("F") ? 1 : 0))
    blocks &+= stat.blocks
    node = here.pointee.next
  }
  if total {
    program.out.put("total ")
    if human { program.out.human(blocks << 9) } else { program.out.decimal(blocks >> 1) }
    program.out.newline()
  }
  let across = listing.columns && !listing.long
  if across { return printColumns(&program, listing, items, widths) }
  node = items.first
  while let here = node {
    putItem(&program.out, here, widths, listing)
    if listing.long, here.pointee.item.stat.isLink { putTarget(&program.out, &listing, here) }
    program.out.newline()
    node = here.pointee.next
  }
}

private func printColumns(_ program: inout Program, _ listing: borrowing Listing, _ items: Items, _ widths: Widths) {
  let count = items.count
  let width = widths[Column.name.rawValue] + 2 + (listing.options.has("i") ? widths[Column.inode.rawValue] + 1 : 0)
  let across = 80 / width > 1 ? 80 / width : 1
  let down = (count + across - 1) / across
  var row = 0
  var top = items.first
  while row < down, let start = top {
    var node: Items.Pointer? = start
    while let here = node {
      putItem(&program.out, here, widths, listing)
      let mark = listing.options.has("F") && kindMark(here.pointee.item.stat.mode) != nil
      var step = down
      while step > 0, let now = node {
        node = now.pointee.next
        step &-= 1
      }
      if node != nil {
        program.out.pad(widths[Column.name.rawValue] + 2 - length(here.pointee.item.name) - (mark ? 1 : 0))
      }
    }
    program.out.newline()
    top = start.pointee.next
    row &+= 1
  }
}

@inline(never)
private func putItem(_ out: inout Output, _ item: Items.Pointer, _ widths: Widths, _ listing: borrowing Listing) {
  if listing.options.has("i") { put(.inode, item, widths, &out) }
  if listing.long { putLong(&out, item, widths, listing) }
  // A terminal obeys control bytes, and a name can have any.
  var name = item.pointee.item.name
  while name[0] != 0 {
    out.put(listing.columns && (name[0] < 32 || name[0] == 127) ? 63 : name[0])
    name += 1
  }
  let mode = item.pointee.item.stat.mode
  if listing.options.has("F"), !(listing.long && item.pointee.item.stat.isLink), let mark = kindMark(mode) {
    out.put(mark)
  }
}

@inline(never)
private func kindMark(_ mode: UInt32) -> UInt8? {
  switch mode & Mode.mask {
  case Mode.folder: letter("/")
  case Mode.link: letter("@")
  case Mode.pipe: letter("|")
  case Mode.socket: letter("=")
  default: mode & Mode.mask == Mode.file && mode & 0o111 != 0 ? letter("*") : nil
  }
}

private func putTarget(_ out: inout Output, _ listing: inout Listing, _ item: Items.Pointer) {
  let length = listing.path.count
  let name = Text(item.pointee.item.name)
  if length == 0 ? listing.path.set(name) : listing.path.append(name) {
    let count = linux_readlink(listing.path.start, listing.buffer, pageSize)
    if count > 0 {
      out.put(" -> ")
      out.put(Text(listing.buffer, count))
    }
  }
  listing.path.shorten(to: length)
}

private func putLong(_ out: inout Output, _ item: Items.Pointer, _ widths: Widths, _ listing: borrowing Listing) {
  let stat = item.pointee.item.stat
  putMode(&out, stat.mode)
  put(.links, item, widths, &out)
  put(.user, item, widths, &out)
  put(.group, item, widths, &out)
  let width = widths[Column.size.rawValue]
  if isDevice(stat.mode) {
    out.decimal(UInt64(stat.special_major), width: width - 2 - widths[Column.minor.rawValue])
    out.put(", ")
    out.decimal(UInt64(stat.special_minor), width: widths[Column.minor.rawValue])
  } else if listing.options.has("h") {
    out.human(stat.size, width: width)
  } else {
    out.decimal(stat.size, width: width)
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

/// As "drwxr-xr-x", and a blank.
private func putMode(_ out: inout Output, _ mode: UInt32) {
  out.put(Text("-pc-d-b---l-s---")[Int(mode >> 12 & 15)])
  var bit: UInt32 = 256
  while bit > 0 {
    // r, w and x for each of three; instead of an x, s or t where the bit above says so, and S or T without an x.
    var sign = Text("xwrxwrxwr")[bit.trailingZeroBitCount]
    if sign == letter("x"), mode & (bit == 64 ? 0o4000 : bit == 8 ? 0o2000 : 0o1000) != 0 {
      sign = bit == 1 ? letter("t") : letter("s")
      if mode & bit == 0 { sign &-= 32 }
    } else if mode & bit == 0 {
      sign = 45
    }
    out.put(sign)
    bit >>= 1
  }
  out.put(32)
}
