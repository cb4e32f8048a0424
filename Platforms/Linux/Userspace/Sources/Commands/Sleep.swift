// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// sleep NUMBER[smhd]...: the sum of all, with decimals.
func sleep(_ program: inout Program) {
  var time = LinuxTime()
  if !program.hasArguments { return program.fail("the time is missing: sleep SECONDS") }
  while let argument = program.next() {
    guard let more = duration(Text(argument)) else { return program.fail(argument, "invalid time") }
    time.seconds = time.seconds.addingReportingOverflow(more.seconds).overflow ? .max : time.seconds + more.seconds
    time.nanoseconds += more.nanoseconds
    if time.nanoseconds >= 1_000_000_000 {
      time.nanoseconds -= 1_000_000_000
      if time.seconds < .max { time.seconds &+= 1 }
    }
  }
  while linux_sleep(&time) == -Errno.interrupted {}
}

private func duration(_ text: Text) -> LinuxTime? {
  var at = 0
  var unit: Int64 = 1
  var length = text.count
  if length > 1 {
    switch text[length - 1] {
    case letter("s"): length &-= 1
    case letter("m"): (unit, length) = (60, length - 1)
    case letter("h"): (unit, length) = (3600, length - 1)
    case letter("d"): (unit, length) = (86_400, length - 1)
    default: break
    }
  }
  var seconds: Int64 = 0
  while at < length, isDigit(text[at]) {
    // Longer than anybody waits.
    if seconds < 1_000_000_000_000 { seconds = seconds * 10 + Int64(text[at] - 48) }
    at &+= 1
  }
  var digits = at
  var nanoseconds: Int64 = 0
  if at < length, text[at] == 46 {
    at &+= 1
    var place: Int64 = 1_000_000_000
    while at < length, isDigit(text[at]) {
      var tenth = UInt64(place)
      _ = divide(&tenth, by: 10)
      place = Int64(tenth)
      nanoseconds += place * Int64(text[at] - 48)
      at &+= 1
      digits &+= 1
    }
  }
  guard at == length, digits > 0 else { return nil }
  var more = UInt64(nanoseconds * unit)
  // Nanoseconds to seconds and the rest, in divisions that small processors can do.
  let low = divide(&more, by: 1000), middle = divide(&more, by: 1000), high = divide(&more, by: 1000)
  return LinuxTime(
    seconds: seconds * unit + Int64(more), nanoseconds: Int64(high) * 1_000_000 + Int64(middle) * 1000 + Int64(low))
}
