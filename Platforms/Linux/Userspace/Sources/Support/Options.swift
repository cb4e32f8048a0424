// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Options as getopt has them: -abc, -n5, -n 5, and -- to end them. Long options are not known.
struct Options {
  private var rest: CString?
  /// Those that take no value, by the lower five bits of their letters: lower case, upper case, digits.
  private var small: UInt32 = 0, capital: UInt32 = 0, digits: UInt32 = 0
  /// The value of the option that `next` returned, where it takes one.
  var value: CString

  init(_ program: borrowing Program) { value = program.name.start.mutable }

  /// Whether an option without a value was given.
  @inline(__always)
  func has(_ option: Unicode.Scalar) -> Bool {
    let bit: UInt32 = 1 << (option.value & 31)
    return (option.value >= 96 ? small : option.value >= 64 ? capital : digits) & bit != 0
  }
  /// A bit for each of these that was given; the first is bit 0.
  @inline(never)
  func bits(_ letters: Literal) -> UInt32 {
    let letters = Text(letters)
    var bits: UInt32 = 0
    for i in 0..<letters.count where has(Unicode.Scalar(letters[i])) { bits |= 1 &<< UInt32(i) }
    return bits
  }
  func hasAny(_ letters: Literal) -> Bool { bits(letters) != 0 }

  /// The next option that takes a value; nil where operands begin. An unknown one is complained of and sets the status.
  /// `known` lists the letters, each that takes a value with a colon behind it.
  @inline(never)
  mutating func next(_ program: inout Program, _ known: Literal, status: Int32 = 1) -> UInt8? {
    while let option = letter(&program, known, status) {
      if takesValue { return option }
      let bit: UInt32 = 1 &<< UInt32(option & 31)
      if option >= 96 { small |= bit } else if option >= 64 { capital |= bit } else { digits |= bit }
    }
    return nil
  }
  /// Without options that take values. false: one is unknown.
  @inline(never)
  mutating func all(_ program: inout Program, _ known: Literal, status: Int32 = 1) -> Bool {
    _ = next(&program, known, status: status)
    return !failed
  }

  private var takesValue = false
  private mutating func letter(_ program: inout Program, _ known: Literal, _ status: Int32) -> UInt8? {
    var at: CString
    takesValue = false
    if let rest, rest[0] != 0 {
      at = rest
    } else {
      guard let argument = program.arguments[0], argument[0] == 45, argument[1] != 0 else { return nil }
      program.arguments += 1
      at = argument + 1
      if at[0] == 45 {
        if at[1] == 0 { return nil }
        return refuse(&program, argument, "unknown option", status)
      }
    }
    let option = at[0]
    rest = at + 1
    let letters = Text(known)
    let place = letters.index(of: option)
    guard option != 58, place < letters.count else { return refuse(&program, option, "unknown option", status) }
    guard place + 1 < letters.count, letters[place + 1] == 58 else { return option }
    takesValue = true
    if at[1] != 0 {
      value = at + 1
    } else if let argument = program.next() {
      value = argument
    } else {
      return refuse(&program, option, "the option needs a value", status)
    }
    rest = nil
    return option
  }
  private(set) var failed = false

  private mutating func refuse(_ program: inout Program, _ letter: UInt8, _ why: Literal, _ status: Int32) -> UInt8? {
    withBytes(8) {
      $0[0] = 45
      $0[1] = letter
      $0[2] = 0
      return refuse(&program, $0, why, status)
    }
  }
  @inline(never)
  private mutating func refuse(_ program: inout Program, _ option: CString, _ why: Literal, _ status: Int32) -> UInt8? {
    program.fail(option, why, status: status)
    failed = true
    return nil
  }
}

extension UnsafePointer<UInt8> {
  /// For views that only look.
  var mutable: Bytes { Bytes(mutating: self) }
}
