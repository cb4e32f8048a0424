// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A time as people write it, in UTC: these machines have no table of time zones.
struct Calendar {
  var year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0
  /// 0 is Sunday; the first day of the year is 0.
  var weekday = 4, yearday = 0
  var seconds: Int64 = 0

  static var months: Literal { "JanFebMarAprMayJunJulAugSepOctNovDec" }
  static var days: Literal { "SunMonTueWedThuFriSat" }

  init() {}
  @inline(never)
  init(_ seconds: Int64) {
    self.seconds = seconds
    // Counted from the year 1 on, so that nothing is negative; years outside 1 to 9999 are shown as the nearest.
    let first: Int64 = -62_135_596_800, last: Int64 = 253_402_300_799
    let bounded = seconds < first ? first : seconds > last ? last : seconds
    var rest = UInt64(bounded - first)
    second = Int(divide(&rest, by: 60))
    minute = Int(divide(&rest, by: 60))
    hour = Int(divide(&rest, by: 24))
    var days = Int(rest)
    weekday = (days + 1) % 7
    year = 1 + 400 * (days / 146_097)
    days %= 146_097
    let centuries = days / 36_524 < 4 ? days / 36_524 : 3
    year += 100 * centuries
    days -= centuries * 36_524
    year += 4 * (days / 1461)
    days %= 1461
    let years = days / 365 < 4 ? days / 365 : 3
    year += years
    days -= years * 365
    yearday = days
    month = 1
    while days >= Calendar.length(month, year) {
      days -= Calendar.length(month, year)
      month &+= 1
    }
    day = days + 1
  }

  static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }
  @inline(never)
  static func length(_ month: Int, _ year: Int) -> Int {
    switch month {
    case 2: isLeap(year) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// Seconds since 1970; nil if there is no such time.
  @inline(never)
  static func seconds(_ year: Int, _ month: Int, _ day: Int, _ hour: Int, _ minute: Int, _ second: Int) -> Int64? {
    guard year >= 1970, year <= 9999, month >= 1, month <= 12, day >= 1, day <= length(month, year), hour < 24,
      minute < 60, second < 60
    else { return nil }
    let before = year - 1
    var days = before * 365 + before / 4 - before / 100 + before / 400 - 719_162
    for m in 1..<month { days += length(m, year) }
    days += day - 1
    return ((Int64(days) * 24 + Int64(hour)) * 60 + Int64(minute)) * 60 + Int64(second)
  }
}

extension Output {
  mutating func two(_ number: Int, fill: UInt8 = 48) { decimal(UInt64(number), width: 2, fill: fill) }
  mutating func short(_ names: Literal, _ index: Int) { put(Text(names).part(3 * index, 3 * index + 3)) }
  @inline(never)
  mutating func time(_ t: Calendar) {
    two(t.hour)
    put(58)
    two(t.minute)
    put(58)
    two(t.second)
  }
}

/// Seconds since 1970.
@inline(never)
func now() -> LinuxTime {
  var time = LinuxTime()
  _ = linux_clock(&time)
  return time
}
