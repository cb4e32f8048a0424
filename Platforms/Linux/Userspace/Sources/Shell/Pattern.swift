// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Patterns as the shell has them: *, ?, [...], and a backslash that makes the next byte plain.

/// Whether all of `text` is like `pattern`. Takes at most as long as both lengths multiplied.
@inline(never)
func matches(_ pattern: Text, _ text: Text) -> Bool {
  var p = 0, t = 0
  // Behind the last star, and where the text goes on after what it has taken.
  var star = -1, resume = 0
  while true {
    if p < pattern.count, pattern.start[p] == 42 {
      p &+= 1
      star = p
      resume = t
      continue
    }
    var next = p
    if t < text.count, p < pattern.count, matchesOne(pattern, &next, text.start[t]) {
      p = next
      t &+= 1
      continue
    }
    if t == text.count, p == pattern.count { return true }
    if star < 0 || resume >= text.count { return false }
    resume &+= 1
    p = star
    t = resume
  }
}

/// Whether the pattern's next piece, which is no star, takes the byte.
private func matchesOne(_ pattern: Text, _ at: inout Int, _ byte: UInt8) -> Bool {
  let sign = pattern[at]
  at &+= 1
  switch sign {
  case 63: return true
  case 91:
    var end = at
    var set = ByteSet()
    guard parseBracket(pattern, &end, escapes: true, folds: false, &set) else { return byte == 91 }
    at = end
    return set.contains(byte)
  case 92 where at < pattern.count:
    at &+= 1
    return pattern[at - 1] == byte
  default: return sign == byte
  }
}

/// Whether anything in it stands for more than itself.
@inline(never)
func isPattern(_ text: Text) -> Bool {
  var i = 0
  while i < text.count {
    switch text[i] {
    case 42, 63, 91: return true
    case 92: i &+= 1
    default: break
    }
    i &+= 1
  }
  return false
}

/// Takes backslashes away, in place. How much is left.
@inline(never)
func unescape(_ text: Bytes, _ count: Int) -> Int {
  var from = 0, to = 0
  while from < count {
    if text[from] == 92, from + 1 < count { from &+= 1 }
    text[to] = text[from]
    from &+= 1
    to &+= 1
  }
  return to
}

/// Finds the paths that a pattern stands for.
struct Glob {
  private var path = Path()
  private var found = List<CString>()

  /// The paths in order; none if there is no such.
  @inline(never)
  static func paths(_ pattern: Text, _ arena: inout Arena) -> List<CString> {
    var glob = Glob()
    glob.path.shorten(to: 0)
    glob.search(pattern, &arena, 0)
    _ = linux_unmap(glob.path.start, Path.capacity)
    glob.found.sort { Text($0).compare(Text($1)) < 0 }
    return glob.found
  }

  /// The rest of the pattern, below the path.
  private mutating func search(_ pattern: Text, _ arena: inout Arena, _ depth: Int) {
    let length = path.count
    // Slashes, and the name after them.
    var begin = 0
    while begin < pattern.count, pattern[begin] == 47 { begin &+= 1 }
    var end = begin
    while end < pattern.count, pattern[end] != 47 { end += pattern[end] == 92 && end + 1 < pattern.count ? 2 : 1 }
    if begin > 0, !(length > 0 && path.start[length - 1] == 47) {
      guard path.append(raw: Text("/")) else { return }
    }
    let name = pattern.part(begin, end)
    let rest = pattern.from(end)
    if name.count == 0 {
      add(&arena)
    } else if !isPattern(name) {
      let base = path.count
      if path.append(raw: name) {
        path.shorten(to: base + unescape(path.start + base, name.count))
        if rest.count == 0 { add(&arena) } else { search(rest, &arena, depth) }
      }
    } else if depth < 8 {
      entries(name, rest, &arena, depth)
    }
    path.shorten(to: length)
  }

  private mutating func entries(_ name: Text, _ rest: Text, _ arena: inout Arena, _ depth: Int) {
    let opened = linux_open(path.count == 0 ? Literal(".").start : path.start, Open.read | Open.folder, 0)
    guard opened >= 0 else { return }
    let size = 1024
    let buffer = mapped(pageSize)
    var directory = Directory(Int32(truncatingIfNeeded: opened), buffer, size)
    directory.all = true
    let length = path.count
    while let entry = directory.next() {
      if entry.name[0] == 46, name[0] != 46, !(name[0] == 92 && name.count > 1 && name[1] == 46) { continue }
      guard matches(name, entry.name), path.append(raw: entry.name) else { continue }
      if rest.count == 0 { add(&arena) } else { search(rest, &arena, depth + 1) }
      path.shorten(to: length)
    }
    close(directory.descriptor)
    _ = linux_unmap(buffer, pageSize)
  }

  private mutating func add(_ arena: inout Arena) {
    var stat = LinuxStat()
    guard path.count > 0, linux_stat(path.start, 0x100, &stat) == 0 else { return }
    found.append(arena.copy(path.text), &arena)
  }
}
