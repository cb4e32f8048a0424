// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Options as getopt has them: -abc, -n5, -n 5, and -- to end them. Long options are not known.
struct Options {
  private var rest: CString?
  /// The value of the option that `next` returned, where it takes one.
  var value: CString

  init(_ program: borrowing Program) { value = program.name.start.mutable }

  /// The next option's letter; nil where operands begin. An unknown one is complained of and sets the status.
  /// `known` lists the letters, each that takes a value with a colon behind it.
  @inline(never)
  mutating func next(_ program: inout Program, _ known: StaticString, status: Int32 = 1) -> UInt8? {
    var at: CString
    if let rest, rest[0] != 0 {
      at = rest
    } else {
      guard let argument = program.arguments[0], argument[0] == 45, argument[1] != 0 else { return nil }
      program.arguments += 1
      at = argument + 1
      if at[0] == 45 {
        if at[1] == 0 { return nil }
        return refuse(&program, argument, status)
      }
    }
    let option = at[0]
    rest = at + 1
    let letters = Text(known)
    let place = letters.index(of: option)
    guard option != 58, place < letters.count else {
      return withBytes(8) {
        $0[0] = 45
        $0[1] = option
        $0[2] = 0
        return refuse(&program, $0, status)
      }
    }
    guard place + 1 < letters.count, letters[place + 1] == 58 else { return option }
    if at[1] != 0 {
      value = at + 1
    } else if let argument = program.next() {
      value = argument
    } else {
      at[1] = 0
      program.complain(Text(at, 1), 0, "the option needs a value")
      program.status = status
      failed = true
      return nil
    }
    rest = nil
    return option
  }
  private(set) var failed = false

  @inline(never)
  private mutating func refuse(_ program: inout Program, _ option: CString, _ status: Int32) -> UInt8? {
    program.fail(option, "unknown option", status: status)
    failed = true
    return nil
  }
}

extension UnsafePointer<UInt8> {
  /// For views that only look.
  var mutable: Bytes { Bytes(mutating: self) }
}
