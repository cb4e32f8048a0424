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
    weekday = (Int(rest) &+ 1) % 7
    // Years that begin in March, so that the leap day is their last one; in them, months of 153 days in five.
    var days = Int(rest) &+ 306
    year = days / Calendar.era &* 400
    days %= Calendar.era
    let years = (days &- days / 1460 &+ days / 36_524 &- days / 146_096) / 365
    year &+= years
    days &-= years &* 365 &+ years / 4 &- years / 100
    month = (5 &* days &+ 2) / 153
    day = days &- (153 &* month &+ 2) / 5 &+ 1
    month &+= 3
    if month > 12 {
      month &-= 12
      year &+= 1
    }
    yearday = Int(rest) &- Calendar.days(year, 1, 1)
  }

  /// Days in 400 years.
  private static var era: Int { 146_097 }
  /// Days from the beginning of year 1 on, of the Gregorian calendar.
  @inline(never)
  private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let early = month < 3
    let year = early ? year &- 1 : year
    let months = early ? month &+ 9 : month &- 3
    return year &* 365 &+ year / 4 &- year / 100 &+ year / 400 &+ (153 &* months &+ 2) / 5 &+ day &- 307
  }

  /// Seconds since 1970; nil if there is no such time.
  @inline(never)
  static func seconds(_ n: borrowing InlineArray<6, Int>) -> Int64? {
    guard n[0] >= 1970, n[0] <= 9999, n[1] >= 1, n[1] <= 12, n[2] >= 1, n[2] <= 31, n[3] < 24, n[4] < 60, n[5] < 60
    else { return nil }
    let days = Int64(days(n[0], n[1], n[2]) &- 719_162)
    let seconds = days &* 86_400 &+ Int64((n[3] &* 60 &+ n[4]) &* 60 &+ n[5])
    // A day that the month has not is one of the next.
    return Calendar(seconds).day == n[2] ? seconds : nil
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
