// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser

/// A number of bytes: decimal or 0x…, optionally followed by K, M, G or T for powers of 1024.
struct ByteCount: ExpressibleByArgument, CustomStringConvertible {
  let bytes: UInt64

  init(_ bytes: UInt64) { self.bytes = bytes }

  init?(argument: String) {
    var digits = argument[...]
    var shift = 0
    if let unit = "KMGT".firstIndex(of: digits.last.map { Character($0.uppercased()) } ?? " ") {
      shift = 10 * ("KMGT".distance(from: "KMGT".startIndex, to: unit) + 1)
      digits = digits.dropLast()
    }
    let isHexadecimal = digits.hasPrefix("0x") || digits.hasPrefix("0X")
    guard let first = digits.first, first != "+",
      let number = isHexadecimal ? UInt64(digits.dropFirst(2), radix: 16) : UInt64(digits),
      number <= UInt64.max >> UInt64(shift)
    else { return nil }
    bytes = number << UInt64(shift)
  }

  var description: String { "\(bytes)" }
}
