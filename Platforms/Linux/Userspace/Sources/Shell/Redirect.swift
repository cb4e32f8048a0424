// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

struct SavedDescriptor {
  var descriptor: Int32
  /// Where it is meanwhile; negative if it was closed.
  var copy: Int
}

extension Shell {
  /// Finds out what the words of redirections mean. false: the status says why not.
  @inline(never)
  mutating func resolve(_ redirections: List<Redirection>) -> Bool {
    var redirection = redirections.first
    while let here = redirection {
      let text = here.pointee.item.text
      switch here.pointee.item.kind {
      case .here, .hereAsIs:
        let document = here.pointee.item.kind == .here ? Text(expandOne(text, quoted: true)) : text
        here.pointee.item.source = pipeOf(document, here.pointee.item.tabs)
        if here.pointee.item.source < 0 { return false }
      case .duplicate:
        let word = Text(expandOne(text))
        if word.is("-") {
          here.pointee.item.source = -1
        } else if let number = word.number {
          here.pointee.item.source = Int32(number)
        } else {
          complain(word, "not a descriptor")
          return false
        }
      default: here.pointee.item.target = expandOne(text)
      }
      if jump != .none { return false }
      redirection = here.pointee.next
    }
    return true
  }
  /// Closes what `resolve` has opened.
  @inline(never)
  mutating func release(_ redirections: List<Redirection>) {
    var redirection = redirections.first
    while let here = redirection {
      let kind = here.pointee.item.kind
      if kind == .here || kind == .hereAsIs, here.pointee.item.source >= 0 {
        close(here.pointee.item.source)
        here.pointee.item.source = -1
      }
      redirection = here.pointee.next
    }
  }

  /// A pipe with the document in it, which has to fit, as nobody reads yet.
  private mutating func pipeOf(_ document: Text, _ tabs: Bool) -> Int32 {
    var text = document
    if tabs {
      let copy = arena.copy(document)
      var count = 0
      var atStart = true
      for i in 0..<document.count {
        if atStart, document[i] == 9 { continue }
        atStart = document[i] == 10
        copy[count] = document[i]
        count &+= 1
      }
      text = Text(copy, count)
    }
    guard let ends = makePipe() else { return -1 }
    // F_GETPIPE_SZ
    let fits = text.count <= 4096 || text.count <= linux_fcntl(ends.1, 1032, 0)
    if fits { _ = writeAll(ends.1, text) } else { complain(Text("<<"), "the document does not fit into a pipe") }
    close(ends.1)
    if fits { return ends.0 }
    close(ends.0)
    return -1
  }

  /// Redirects, and remembers what was there. false: the status says why not, and what was done is in `saved`.
  @inline(never)
  mutating func redirect(_ redirections: List<Redirection>, saving saved: inout List<SavedDescriptor>) -> Bool {
    var redirection = redirections.first
    while let here = redirection {
      let descriptor = here.pointee.item.descriptor
      // F_DUPFD_CLOEXEC, to where no command looks.
      saved.append(SavedDescriptor(descriptor: descriptor, copy: linux_fcntl(descriptor, 1030, 10)), &arena)
      let status = applyRedirection(here.pointee.item)
      if status < 0 {
        program.complain(here.pointee.item.target.map { Text($0) } ?? here.pointee.item.text, status)
        self.status = 1
        return false
      }
      redirection = here.pointee.next
    }
    return true
  }
  @inline(never)
  mutating func restore(_ saved: List<SavedDescriptor>) {
    program.out.flush()
    restoreFrom(saved.first, 0)
  }
  /// The last first, as one can be redirected twice.
  private func restoreFrom(_ saved: List<SavedDescriptor>.Pointer?, _ depth: Int) {
    guard let saved else { return }
    if depth < 32 { restoreFrom(saved.pointee.next, depth + 1) }
    let item = saved.pointee.item
    if item.copy < 0 {
      close(item.descriptor)
    } else {
      let copy = Int32(truncatingIfNeeded: item.copy)
      _ = linux_dup(copy, item.descriptor)
      close(copy)
    }
  }
}

/// 0 or a negated errno. Needs no memory: a child before its exec calls it too.
@inline(never)
func applyRedirection(_ redirection: Redirection) -> Int {
  var source = redirection.source
  var flags = Open.large
  switch redirection.kind {
  case .duplicate, .here, .hereAsIs:
    if source < 0 {
      close(redirection.descriptor)
      return 0
    }
    return duplicate(source, redirection.descriptor)
  case .read: break
  case .write: flags |= 1 | Open.create | Open.truncate
  case .append: flags |= 1 | Open.create | Open.append
  case .readWrite: flags |= 2 | Open.create
  }
  guard let target = redirection.target else { return 0 }
  let opened = linux_open(target, flags, 0o666)
  if opened < 0 { return opened }
  source = Int32(truncatingIfNeeded: opened)
  if source == redirection.descriptor { return 0 }
  let status = duplicate(source, redirection.descriptor)
  close(source)
  return status
}

/// Makes `to` the same as `from`, for commands too.
@inline(never)
func duplicate(_ from: Int32, _ to: Int32) -> Int {
  // F_SETFD: not closed on exec.
  let status = from == to ? linux_fcntl(to, 2, 0) : linux_dup(from, to)
  return status < 0 ? status : 0
}
