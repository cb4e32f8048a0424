// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Board

/// The words of the line that a program was started with: `name=value`, apart by spaces.
public struct Options {
  private let line: UnsafeRawBufferPointer

  /// - Parameter buffer: memory for the line, which must stay.
  public init(unsafeBuffer buffer: UnsafeMutableRawBufferPointer) {
    line = Semihosting.commandLine(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<(buffer.count - 1)]))
    // Each word ends with NUL, so that it can be handed on as a C string.
    for i in 0..<line.count where buffer[i] == 0x20 { buffer[i] = 0 }
    buffer[line.count] = 0
  }

  /// The value behind `name=`, a NUL behind it; nil where the word is not there.
  public func value(_ name: StaticString) -> UnsafeRawBufferPointer? {
    let length = name.utf8CodeUnitCount
    var start = 0
    while start < line.count {
      var end = start
      while end < line.count, line[end] != 0 { end += 1 }
      if end - start > length, line[start + length] == 0x3D {
        var same = true
        for i in 0..<length where line[start + i] != name.utf8Start[i] { same = false }
        if same { return UnsafeRawBufferPointer(rebasing: line[(start + length + 1)..<end]) }
      }
      start = end + 1
    }
    return nil
  }

  /// Numbers behind `name=`, apart by commas: decimal, up to two.
  public func numbers(_ name: StaticString) -> (UInt, UInt)? {
    guard let text = value(name) else { return nil }
    var numbers: (UInt, UInt) = (0, 0)
    for byte in text {
      if byte == 0x2C {
        numbers = (0, numbers.0)
      } else if byte >= 0x30, byte <= 0x39 {
        numbers.0 = numbers.0 &* 10 &+ UInt(byte &- 0x30)
      }
    }
    // What came last is in front: turn two round.
    return text.contains(0x2C) ? (numbers.1, numbers.0) : numbers
  }

  public func number(_ name: StaticString) -> UInt? { numbers(name)?.0 }
}
