// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A moment, in UTC.
public struct Moment: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// Whole seconds since the beginning of 1970, rounded down; negative before.
  public let seconds: Int64
  /// 0 to 999,999,999 behind that; in damaged images any number.
  public let nanoseconds: UInt32

  /// - Parameters:
  ///   - seconds: whole seconds since the beginning of 1970.
  ///   - nanoseconds: behind that.
  public init(seconds: Int64, nanoseconds: UInt32 = 0) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  /// The time since the beginning of 1970.
  public var sinceEpoch: Duration {
    Duration(secondsComponent: seconds, attosecondsComponent: 0) + .nanoseconds(Int64(nanoseconds))
  }

  /// Seconds since the beginning of 1970, for `Date(timeIntervalSince1970:)`.
  public var timeIntervalSince1970: Double { Double(seconds) + Double(nanoseconds) / 1e9 }

  /// `2026-08-05T12:34:56.123456789Z`
  public var description: String { text(isFull: true) }

  public static func < (a: Self, b: Self) -> Bool { (a.seconds, a.nanoseconds) < (b.seconds, b.nanoseconds) }

  package init(_ time: (seconds: Int64, nanoseconds: UInt32)) {
    self.init(seconds: time.seconds, nanoseconds: time.nanoseconds)
  }

  /// `2026-08-05 12:34`, in the local time zone.
  package var localText: String { LocalTime(seconds).shortStamp }

  /// `2026-08-05 12:34`, and with `isFull` `2026-08-05T12:34:56.123456789Z`; `@seconds` for what is no year 0 ... 9999.
  package func text(isFull: Bool) -> String {
    guard (-62_167_219_200..<253_402_300_800).contains(seconds) else { return "@\(seconds)" }
    let day = (seconds - (((seconds % 86400) + 86400) % 86400)) / 86400
    let second = Int(seconds - day * 86400)
    // Days are counted from 1 March of year 0, so that the leap day is a year's last; 400 years have 146097 days.
    let shifted = day + 719468
    let era = (shifted >= 0 ? shifted : shifted - 146096) / 146097
    let dayOfEra = shifted - era * 146097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let month = (5 * dayOfYear + 2) / 153
    let dayOfMonth = dayOfYear - (153 * month + 2) / 5 + 1
    let year = yearOfEra + era * 400 + (month >= 10 ? 1 : 0)
    let date =
      "\(padded(Int(year), 4))-\(padded(Int(month < 10 ? month + 3 : month - 9), 2))-\(padded(Int(dayOfMonth), 2))"
    let time = "\(padded(second / 3600, 2)):\(padded(second / 60 % 60, 2))"
    guard isFull else { return "\(date) \(time)" }
    return "\(date)T\(time):\(padded(second % 60, 2)).\(padded(Int(nanoseconds), 9))Z"
  }

  private func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
