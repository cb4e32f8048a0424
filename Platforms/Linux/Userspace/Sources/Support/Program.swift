// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A program that runs: what it was called with, and where it writes.
struct Program {
  /// The arguments, without the name; a nil ends them.
  var arguments: UnsafeMutablePointer<CString?>
  var environment: UnsafeMutablePointer<CString?>
  /// What it was called, without the folder.
  var name: Text
  var out: Output
  /// The exit status so far.
  var status: Int32 = 0

  /// The next argument, which is then gone.
  @inline(never)
  mutating func next() -> CString? {
    guard let argument = arguments[0] else { return nil }
    arguments += 1
    return argument
  }
  var hasArguments: Bool { arguments[0] != nil }
  var argumentCount: Int {
    var count = 0
    while arguments[count] != nil { count &+= 1 }
    return count
  }

  /// "NAME: WHAT: why". `why` is an errno, negated or not; 0 for none.
  @inline(never)
  mutating func complain(_ what: Text, _ why: Int, _ detail: Literal? = nil) {
    out.flush()
    let name = name
    withBytes(128) {
      var error = Output(2, $0, 128)
      error.put(name)
      error.put(": ")
      error.put(what)
      if let detail {
        error.put(": ")
        error.put(detail)
      }
      if why != 0 {
        error.put(": ")
        let number = Int(why.magnitude)
        if let text = Errno.text(number) {
          error.put(text)
        } else {
          error.put("error ")
          error.decimal(number)
        }
      }
      error.newline()
      error.flush()
    }
  }
  /// The same, and sets the exit status.
  @inline(never)
  mutating func fail(_ what: CString, _ why: Int, status: Int32 = 1) {
    complain(Text(what), why)
    self.status = status
  }
  @inline(__always)
  mutating func fail(_ what: Literal, _ why: Int = 0, status: Int32 = 1) { fail(what.start, why, status: status) }
  @inline(never)
  mutating func fail(_ what: CString, _ why: Literal, status: Int32 = 1) {
    complain(Text(what), 0, why)
    self.status = status
  }

  /// The variable's value in the environment.
  @inline(never)
  func variable(_ name: Literal) -> CString? {
    let name = Text(name)
    var i = 0
    while let entry = environment[i] {
      let text = Text(entry)
      if text.starts(with: name), text.count > name.count, text[name.count] == 61 { return entry + name.count + 1 }
      i &+= 1
    }
    return nil
  }

  /// Opens to read, or says why not. nil: it failed, and the status says so. "-" is the standard input.
  @inline(never)
  mutating func open(_ path: CString, status: Int32 = 1) -> Int32? {
    if path[0] == 45, path[1] == 0 { return 0 }
    let descriptor = linux_open(path, Open.read, 0)
    if descriptor < 0 {
      fail(path, descriptor, status: status)
      return nil
    }
    return Int32(truncatingIfNeeded: descriptor)
  }
  /// Closes what `open` has opened.
  @inline(never)
  func shut(_ descriptor: Int32) {
    if descriptor != 0 { close(descriptor) }
  }

  /// Sends what is left; an error there is one of the program.
  @inline(never)
  mutating func finish() -> Int32 {
    out.flush()
    if out.failure != 0 {
      fail("write error", out.failure)
      out.failure = 0
    }
    return status
  }
}

/// Flags of open, which are not the same everywhere: m68k, the one big-endian processor here, has those of ARM.
enum Open {
  #if arch(arm) || _endian(big)
    static let large: Int32 = 0o400000, folder: Int32 = 0o40000, noFollow: Int32 = 0o100000
  #else
    static let large: Int32 = 0o100000, folder: Int32 = 0o200000, noFollow: Int32 = 0o400000
  #endif
  static let closeOnExec: Int32 = 0o2000000
  static let read = large | closeOnExec
  static let create: Int32 = 0o100, exclusive: Int32 = 0o200, truncate: Int32 = 0o1000, append: Int32 = 0o2000
  static let noTerminal: Int32 = 0o400, nonBlocking: Int32 = 0o4000
}

/// Kinds in the mode of a file.
enum Mode {
  static let mask: UInt32 = 0o170000, folder: UInt32 = 0o040000, file: UInt32 = 0o100000, link: UInt32 = 0o120000
  static let character: UInt32 = 0o020000, block: UInt32 = 0o060000, pipe: UInt32 = 0o010000, socket: UInt32 = 0o140000
}

extension LinuxStat {
  private func isKind(_ kind: UInt32) -> Bool { mode & Mode.mask == kind }
  var isFolder: Bool { isKind(Mode.folder) }
  var isFile: Bool { isKind(Mode.file) }
  var isLink: Bool { isKind(Mode.link) }
}

/// Whether both are one file.
@inline(never)
func isSame(_ a: LinuxStat, _ b: LinuxStat) -> Bool {
  a.inode == b.inode && a.device_major == b.device_major && a.device_minor == b.device_minor
}
