// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Bytes on their way to a file descriptor, gathered in a buffer.
struct Output {
  let descriptor: Int32
  let buffer: Bytes
  let capacity: Int
  var used = 0
  /// The errno of the first write that failed; nothing is written after that.
  var failure = 0

  @inline(never)
  init(_ descriptor: Int32, _ buffer: Bytes, _ capacity: Int) {
    self.descriptor = descriptor
    self.buffer = buffer
    self.capacity = capacity
  }

  @inline(never)
  mutating func flush() {
    let count = used
    used = 0
    send(Text(buffer, count))
  }

  /// All of `text`, past the buffer.
  @inline(never)
  private mutating func send(_ text: Text) {
    guard failure == 0 else { return }
    let status = writeAll(descriptor, text)
    if status < 0 { failure = -status }
  }

  @inline(never)
  mutating func put(_ byte: UInt8) {
    if used == capacity { flush() }
    buffer[used] = byte
    used &+= 1
  }
  @inline(never)
  mutating func put(_ text: Text) {
    if text.count > capacity - used {
      flush()
      if text.count > capacity { return send(text) }
    }
    (buffer + used).update(from: text.start, count: text.count)
    used += text.count
  }
  @inline(__always)
  mutating func put(_ literal: Literal) { put(literal.start) }
  @inline(never)
  mutating func put(_ string: CString) { put(Text(string)) }
  mutating func newline() { put(10) }
  @inline(never)
  mutating func pad(_ count: Int, _ byte: UInt8 = 32) {
    var left = count
    while left > 0 {
      put(byte)
      left &-= 1
    }
  }

  /// In decimal, at least `width` wide.
  @inline(never)
  mutating func decimal(_ number: UInt64, width: Int = 0, fill: UInt8 = 32) {
    withBytes(24) {
      let digits = digits(number, $0)
      pad(width - digits.count, fill)
      put(digits)
    }
  }
  @inline(never)
  mutating func decimal(_ number: Int) {
    if number < 0 { put(45) }
    decimal(UInt64(number.magnitude))
  }
  @inline(never)
  mutating func octal(_ number: UInt32) {
    if number > 7 { octal(number >> 3) }
    put(48 + UInt8(number & 7))
  }

  /// Left-aligned in `width`.
  @inline(never)
  mutating func column(_ text: Text, _ width: Int) {
    put(text)
    pad(width - text.count)
  }
}

/// Writes all of it, however often the kernel takes only a part. 0 or a negated errno.
@inline(never)
func writeAll(_ descriptor: Int32, _ text: Text) -> Int {
  var at = 0
  while at < text.count {
    let count = linux_write(descriptor, text.start + at, text.count - at)
    if count > 0 {
      at += count
    } else if count == 0 {
      return -Errno.io
    } else if count != -Errno.interrupted {
      return count
    }
  }
  return 0
}

/// As much as there is, up to `count`: 0 at the end, or a negated errno.
@inline(never)
func readSome(_ descriptor: Int32, _ to: Bytes, _ count: Int) -> Int {
  while true {
    let got = linux_read(descriptor, to, count)
    if got != -Errno.interrupted { return got }
  }
}

func close(_ descriptor: Int32) { _ = linux_close(descriptor) }

/// The digits of a number, at the end of a buffer of 24 bytes.
@inline(never)
func digits(_ number: UInt64, _ buffer: Bytes) -> Text {
  var value = number
  var at = 24
  repeat {
    at &-= 1
    buffer[at] = 48 &+ UInt8(truncatingIfNeeded: divide(&value, by: 10))
  } while value != 0
  return Text(buffer + at, 24 &- at)
}

/// The number of digits that `put` makes of it.
@inline(never)
func digitCount(_ number: UInt64) -> Int {
  withBytes(24) { digits(number, $0).count }
}
