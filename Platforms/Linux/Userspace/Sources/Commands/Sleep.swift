// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// sleep NUMBER[smhd]...: the sum of all, with decimals; "infinity" for ever.
func sleep(_ program: inout Program) {
  var time = LinuxTime()
  if !program.hasArguments { return program.fail("the time is missing: sleep SECONDS") }
  while let argument = program.next() {
    if !add(Text(argument), &time) { return program.fail(argument, "invalid time") }
  }
  // In divisions that small processors can do.
  var rest = UInt64(time.nanoseconds)
  let low = divide(&rest, by: 1000), middle = divide(&rest, by: 1000), high = divide(&rest, by: 1000)
  time.seconds &+= Int64(rest)
  time.nanoseconds = Int64((high &* 1000 &+ middle) &* 1000 &+ low)
  while linux_sleep(&time) == -Errno.interrupted {}
}

/// Nanoseconds may become more than a second has. A word adds at most 4e9 days: no sum of words overflows.
private func add(_ text: Text, _ time: inout LinuxTime) -> Bool {
  var seconds: UInt32 = 0, nanoseconds: UInt32 = 0, place: UInt32 = 100_000_000
  var unit: Int64 = 1
  var digits = 0, point = false
  for i in 0..<text.count {
    let byte = text[i]
    if isDigit(byte) {
      digits &+= 1
      let digit = UInt32(byte &- 48)
      if point {
        nanoseconds &+= place &* digit
        place /= 10
      } else if seconds < 400_000_000 {
        // Longer than anybody waits.
        seconds = seconds &* 10 &+ digit
      }
    } else if byte == 46, !point {
      point = true
    } else {
      guard i == text.count - 1 else {
        digits = text.is("infinity") ? 1 : 0
        seconds = .max
        break
      }
      switch byte {
      case letter("s"): unit = 1
      case letter("m"): unit = 60
      case letter("h"): unit = 3600
      case letter("d"): unit = 86_400
      default: return false
      }
    }
  }
  time.seconds &+= Int64(seconds) &* unit
  time.nanoseconds &+= Int64(nanoseconds) &* unit
  return digits > 0
}
