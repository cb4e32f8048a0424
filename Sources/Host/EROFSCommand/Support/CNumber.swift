// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A number as strtoll takes it: `0x…` is hexadecimal and `0…` octal. erofs-utils reads its numbers so.
enum CNumber {
  /// - Parameter units: whether one of `k`, `m` and `g`, small or capital, may follow, for powers of 1024.
  /// - Returns: nil for anything else, and for what does not fit.
  static func unsigned(_ text: String, units: Bool = false) -> UInt64? {
    var digits = text[...]
    var shift = 0
    if units, let unit = digits.last, let place = "kmg".firstIndex(of: Character(unit.lowercased())) {
      shift = 10 * ("kmg".distance(from: "kmg".startIndex, to: place) + 1)
      digits = digits.dropLast()
    }
    var radix = 10
    if digits.lowercased().hasPrefix("0x") {
      (digits, radix) = (digits.dropFirst(2), 16)
    } else if digits.hasPrefix("0"), digits.count > 1 {
      (digits, radix) = (digits.dropFirst(), 8)
    }
    // `UInt64` takes a sign.
    guard let first = digits.first, first != "+", first != "-", let number = UInt64(digits, radix: radix),
      number <= UInt64.max >> UInt64(shift)
    else { return nil }
    return number << UInt64(shift)
  }

  /// The same with an optional `-` in front.
  static func signed(_ text: String, units: Bool = false) -> Int64? {
    guard text.hasPrefix("-") else { return unsigned(text, units: units).flatMap { Int64(exactly: $0) } }
    return unsigned(String(text.dropFirst()), units: units).flatMap { Int64(exactly: $0) }.map { -$0 }
  }
}
