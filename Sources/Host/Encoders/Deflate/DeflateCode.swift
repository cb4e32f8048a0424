// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A prefix code of DEFLATE (RFC 1951, 3.2.2), to read what an encoder has written. Streams come from a library, so a code
/// that the RFC does not allow need not be told from one that it does; no stream makes it read or write outside its tables.
struct DeflateCode {
  /// Bits that one look-up tells; longer codes are read bit by bit.
  private static let rootBits = 10
  static let longest = 15

  /// For each value of the next ``rootBits`` bits: symbol << 4 | length, or 0 for a longer code.
  private let root: UnsafeMutablePointer<UInt16>
  /// Symbols in the order of their codes.
  private let sorted: UnsafeMutablePointer<UInt16>
  /// Codes of each length.
  private var counts = [Int](repeating: 0, count: longest + 1)

  init() {
    root = .allocate(capacity: 1 << Self.rootBits)
    sorted = .allocate(capacity: 288)
    root.initialize(repeating: 0, count: 1 << Self.rootBits)
    sorted.initialize(repeating: 0, count: 288)
  }

  func deallocate() {
    root.deallocate()
    sorted.deallocate()
  }

  /// Takes the lengths of up to 288 codes, 0 ... 15 bits each.
  mutating func build(_ lengths: UnsafeBufferPointer<UInt8>) {
    for i in 0...Self.longest { counts[i] = 0 }
    for length in lengths { counts[Int(length)] += 1 }
    counts[0] = 0
    var starts = [Int](repeating: 0, count: Self.longest + 2)
    var codes = starts
    for length in 1...Self.longest {
      starts[length + 1] = starts[length] + counts[length]
      codes[length + 1] = (codes[length] + counts[length]) << 1
    }
    root.update(repeating: 0, count: 1 << Self.rootBits)
    for (symbol, length) in lengths.enumerated() where length > 0 {
      let length = Int(length)
      sorted[starts[length]] = UInt16(symbol)
      starts[length] += 1
      let code = codes[length]
      codes[length] += 1
      guard length <= Self.rootBits, code < 1 << length else { continue }
      var index = Self.reversed(code, length)
      while index < 1 << Self.rootBits {
        root[index] = UInt16(symbol << 4 | length)
        index += 1 << length
      }
    }
  }

  /// The symbol at the lowest of `bits`, and how many it takes; -1 when there is none.
  @inline(__always)
  func read(_ bits: UInt64) -> (symbol: Int, length: Int) {
    let entry = Int(root[Int(truncatingIfNeeded: bits) & (1 << Self.rootBits - 1)])
    return entry > 0 ? (entry >> 4, entry & 15) : readLong(bits)
  }

  @inline(never)
  private func readLong(_ bits: UInt64) -> (symbol: Int, length: Int) {
    var code = 0
    var first = 0
    var index = 0
    for length in 1...Self.longest {
      code |= Int(truncatingIfNeeded: bits >> UInt64(length - 1)) & 1
      let count = counts[length]
      if code - first < count { return (Int(sorted[index + code - first]), length) }
      index += count
      first = (first + count) << 1
      code <<= 1
    }
    return (-1, Self.longest)
  }

  /// The code of a symbol as it is written, the first bit lowest, and its length; nil when it has none.
  static func code(of symbol: Int, _ lengths: UnsafeBufferPointer<UInt8>) -> (bits: Int, length: Int)? {
    let length = Int(lengths[symbol])
    guard length > 0 else { return nil }
    // Shorter codes come first, then symbols in their order.
    var code = 0
    for (other, itsLength) in lengths.enumerated() where itsLength > 0 {
      let itsLength = Int(itsLength)
      if itsLength < length { code += 1 << (length - itsLength) }
      if itsLength == length, other < symbol { code += 1 }
    }
    return (reversed(code, length), length)
  }

  private static func reversed(_ code: Int, _ length: Int) -> Int {
    var result = 0
    for i in 0..<length where code >> i & 1 == 1 { result |= 1 << (length - 1 - i) }
    return result
  }
}
