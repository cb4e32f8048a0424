// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A moment in the local time zone, which is what dump.erofs shows.
struct LocalTime {
  private let seconds: Int64
  private let parts: tm?

  init(_ seconds: Int64) {
    self.seconds = seconds
    var value = time_t(seconds)
    var parts = tm()
    self.parts = localtime_r(&value, &parts) == nil ? nil : parts
  }

  /// As ctime has it, `Tue Nov 14 22:13:20 2023`; the plain number where the calendar ends.
  var text: String {
    guard let parts else { return "\(seconds)" }
    let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let day = DumpFormat.right("\(parts.tm_mday)", 2)
    return
      "\(days[Int(parts.tm_wday)]) \(months[Int(parts.tm_mon)]) \(day) \(clock(parts)) \(Int(parts.tm_year) + 1900)"
  }

  /// `2023-11-14 22:13:20`.
  var stamp: String {
    guard let parts else { return "\(seconds)" }
    let year = Self.digits(Int(parts.tm_year) + 1900, 4)
    return "\(year)-\(Self.digits(Int(parts.tm_mon) + 1, 2))-\(Self.digits(Int(parts.tm_mday), 2)) \(clock(parts))"
  }

  /// `2023-11-14 22:13`.
  var shortStamp: String { parts == nil ? stamp : String(stamp.dropLast(3)) }

  private func clock(_ parts: tm) -> String {
    [parts.tm_hour, parts.tm_min, parts.tm_sec].map { Self.digits(Int($0), 2) }.joined(separator: ":")
  }

  static func digits(_ number: Int, _ width: Int) -> String {
    let text = "\(number)"
    return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
  }
}
