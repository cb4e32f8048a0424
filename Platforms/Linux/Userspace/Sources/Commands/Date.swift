// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// date [-u] [-d @SECONDS | -d "YYYY-MM-DD[ hh:mm[:ss]]"] [-s ...] [+FORMAT]
func date(_ program: inout Program) {
  var options = Options(program)
  var time = now()
  while let option = options.next(&program, "ud:s:") {
    guard let seconds = parseTime(Text(options.value)) else { return program.fail(options.value, "invalid date") }
    time = LinuxTime(seconds: seconds, nanoseconds: 0)
    if option == letter("s") {
      let status = linux_set_clock(&time)
      if status < 0 { return program.fail("cannot set the date", status) }
    }
  }
  if options.failed { return }
  var format = Text("%a %b %e %H:%M:%S UTC %Y")
  if let argument = program.next() {
    guard argument[0] == 43 else { return program.fail(argument, "invalid date") }
    format = Text(argument + 1)
  }
  if program.hasArguments { return program.fail(program.arguments[0].unsafelyUnwrapped, "extra operand") }
  put(format, Calendar(time.seconds), Int(truncatingIfNeeded: time.nanoseconds), &program.out)
  program.out.newline()
}

private func parseTime(_ text: Text) -> Int64? {
  if text.count > 2, text[0] == 64, text[1] == 45 { return text.from(2).wide().map { 0 &- $0 } }
  if text.count > 1, text[0] == 64 { return text.from(1).wide() }
  // Numbers with one byte between each: year, month, day, hour, minute, second.
  var at = 0
  var numbers: InlineArray<6, Int> = [0, 1, 1, 0, 0, 0]
  var count = 0
  while count < 6 {
    guard let number = text.leadingNumber(&at) else { return nil }
    numbers[count] = number
    count &+= 1
    if at == text.count { break }
    let between: Literal = "--T::"
    guard count < 6, text[at] == Text(between)[count - 1] || (count == 3 && text[at] == 32) else { return nil }
    at &+= 1
  }
  guard count >= 3, count != 4, at == text.count else { return nil }
  return Calendar.seconds(numbers)
}

@inline(never)
private func put(_ format: Text, _ t: Calendar, _ nanoseconds: Int, _ out: inout Output) {
  var i = 0
  while i < format.count {
    let byte = format[i]
    i &+= 1
    guard byte == 37, i < format.count else {
      out.put(byte)
      continue
    }
    let what = format[i]
    i &+= 1
    var number = 0, width = 2, fill: UInt8 = 48
    switch what {
    case letter("Y"): (number, width) = (t.year, 0)
    case letter("C"): number = t.year / 100
    case letter("y"): number = t.year % 100
    case letter("m"): number = t.month
    case letter("d"): number = t.day
    case letter("e"): (number, fill) = (t.day, 32)
    case letter("H"): number = t.hour
    case letter("k"): (number, fill) = (t.hour, 32)
    case letter("I"): number = (t.hour &+ 11) % 12 &+ 1
    case letter("M"): number = t.minute
    case letter("S"): number = t.second
    case letter("N"): (number, width) = (nanoseconds, 9)
    case letter("j"): (number, width) = (t.yearday &+ 1, 3)
    case letter("u"): (number, width) = ((t.weekday &+ 6) % 7 &+ 1, 0)
    case letter("w"): (number, width) = (t.weekday, 0)
    default:
      other(what, t, &out)
      continue
    }
    out.decimal(UInt64(number), width: width, fill: fill)
  }
}

/// What is no number of two digits.
@inline(never)
private func other(_ what: UInt8, _ t: Calendar, _ out: inout Output) {
  switch what {
  case letter("p"): out.put(t.hour < 12 ? "AM" : "PM")
  case letter("a"): out.short(Calendar.days, t.weekday)
  case letter("b"), letter("h"): out.short(Calendar.months, t.month - 1)
  case letter("s"):
    if t.seconds < 0 { out.put(45) }
    out.decimal(t.seconds.magnitude)
  case letter("F"): put(Text("%Y-%m-%d"), t, 0, &out)
  case letter("D"): put(Text("%m/%d/%y"), t, 0, &out)
  case letter("R"): put(Text("%H:%M"), t, 0, &out)
  case letter("T"): put(Text("%H:%M:%S"), t, 0, &out)
  case letter("c"): put(Text("%a %b %e %T %Y"), t, 0, &out)
  case letter("Z"): out.put("UTC")
  case letter("z"): out.put("+0000")
  case letter("n"): out.newline()
  case letter("t"): out.put(9)
  default:
    if what != 37 { out.put(37) }
    out.put(what)
  }
}
