// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Text on the serial port, without strings: literals, numbers and bytes.
public enum Console {
  /// Makes it ready. From then on a trap is told in words, too.
  public static func start() {
    describeTrap = writeTrap
    UART.start()
  }

  /// The next byte that came in; waits for it.
  public static func read() -> UInt8 {
    while true { if let byte = UART.read() { return byte } }
  }

  public static func write(byte: UInt8) { UART.write(byte) }

  public static func write(_ text: StaticString) {
    var at = text.utf8Start
    let end = at + text.utf8CodeUnitCount
    while at < end {
      UART.write(at.pointee)
      at += 1
    }
  }

  public static func line(_ text: StaticString = "") {
    write(text)
    UART.write(0x0A)
  }

  public static func write(bytes: UnsafeRawBufferPointer) {
    for byte in bytes { UART.write(byte) }
  }

  /// A number in decimal, without a division.
  public static func write(_ number: UInt64) {
    var rest = number
    var digits = false
    for index in 0..<20 {
      let power = Self.power(19 - index)
      var digit: UInt8 = 0
      while rest >= power {
        rest -= power
        digit += 1
      }
      if digit > 0 || digits || index == 19 {
        digits = true
        UART.write(0x30 + digit)
      }
    }
  }

  public static func write(_ number: Int) {
    if number < 0 { UART.write(0x2D) }
    write(UInt64(number.magnitude))
  }

  private static func power(_ exponent: Int) -> UInt64 {
    var value: UInt64 = 1
    for _ in 0..<exponent { value &*= 10 }
    return value
  }

  /// A word in hexadecimal, with all its digits.
  public static func write(hexadecimal number: UInt) {
    var rest = number
    for _ in 0..<UInt.bitWidth / 4 {
      let digit = UInt8(truncatingIfNeeded: rest &>> UInt(UInt.bitWidth - 4))
      rest &<<= 4
      UART.write(digit < 10 ? 0x30 &+ digit : 0x57 &+ digit)
    }
  }

  /// `digits` hexadecimal digits, the lowest of `number`.
  public static func write(hexadecimal number: UInt64, digits: Int) {
    var index = digits
    while index > 0 {
      index -= 1
      let digit = UInt8(truncatingIfNeeded: number &>> UInt64(index &* 4)) & 15
      UART.write(digit < 10 ? 0x30 + digit : 0x57 + digit)
    }
  }
}
