// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

extension BinaryInteger {
  /// In decimal, with a comma before every three digits.
  package var grouped: String {
    let digits = String(magnitude)
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return (self < 0 ? "-" : "") + text
  }
}

extension BinaryInteger {
  /// The number and what is counted, which stands in the plural but for one: 1 name, 2 names.
  package func counting(_ noun: String, plural: String? = nil) -> String {
    "\(self) \(self == 1 ? noun : plural ?? noun + "s")"
  }

  /// As ``counting(_:plural:)``, with the number ``grouped``.
  package func groupedCounting(_ noun: String, plural: String? = nil) -> String {
    "\(grouped) \(self == 1 ? noun : plural ?? noun + "s")"
  }
}

extension FixedWidthInteger {
  /// In the largest unit of 1024 that leaves a whole number: 512K, 4M.
  package var inUnits: String {
    for (shift, unit) in [(30, "G"), (20, "M"), (10, "K")] where self != 0 && self & (1 << shift - 1) == 0 {
      return "\(self >> shift)\(unit)"
    }
    return "\(self)"
  }
}

extension Double {
  /// With `places` digits after the point, 1 ... 9, rounded to the nearest, ties away from zero.
  package func decimal(_ places: Int) -> String {
    guard isFinite, magnitude < 1e9 else { return isFinite ? "\(self)" : "-" }
    var scale = 1
    for _ in 0..<places { scale *= 10 }
    let scaled = Int((magnitude * Double(scale)).rounded())
    let fraction = String(scaled % scale)
    return (self < 0 && scaled > 0 ? "-" : "") + "\(scaled / scale)."
      + String(repeating: "0", count: places - fraction.count) + fraction
  }
}
