// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Shortens a DEFLATE stream (RFC 1951): finds the last token after which the block's end still fits, and ends it there.
struct DeflateCutter {
  private var literals = DeflateCode()
  private var distances = DeflateCode()
  private var codeLengths = DeflateCode()
  private let lengths: UnsafeMutableBufferPointer<UInt8>

  /// Zero bytes that must follow a stream in memory, because bits are read eight bytes at a time.
  static let padding = 16

  /// A place where a stream can end.
  private struct Cut {
    /// Bits that are kept, and decoded bytes that they stand for.
    var bits = 0
    var decoded = 0
    /// Where the header of the last block is, in bits.
    var header = 0
    /// The code that ends the last block; of no bits in a stored one.
    var end = (bits: 0, length: 0)
    /// In a stored block: the byte where its length is, and the length that it gets.
    var stored: (at: Int, count: Int)?
  }

  init() {
    lengths = .allocate(capacity: 320)
    lengths.initialize(repeating: 0)
  }

  func deallocate() {
    literals.deallocate()
    distances.deallocate()
    codeLengths.deallocate()
    lengths.deallocate()
  }

  /// Writes the longest part of `stream` that fits `output`, made a stream of its own. Room that is left then, because
  /// the next block's header or a match did not fit, is filled with literals.
  ///
  /// - Parameters:
  ///   - stream: valid, longer than `output`, and followed by ``padding`` bytes.
  ///   - input: what it decodes to, and perhaps more.
  ///   - least: only when the result decodes to more than this, it is written.
  mutating func cut(
    _ stream: UnsafeRawBufferPointer, of input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer,
    ifOver least: Int
  ) -> Encoded? {
    let cut = find(stream.baseAddress!, limit: output.count)
    let end = cut.bits + cut.end.length
    let more = Self.literalsThatFit(input[cut.decoded...], bits: output.count * 8 - end)
    guard cut.decoded > 0, cut.decoded + more.count > least else { return nil }
    let kept = (cut.bits + 7) / 8
    let count = (end + more.bits + 7) / 8
    let start = output.baseAddress!
    start.copyMemory(from: stream.baseAddress!, byteCount: kept)
    for i in kept..<max(kept, count) { output[i] = 0 }
    if cut.bits % 8 > 0 { output[kept - 1] &= UInt8(1 << (cut.bits % 8) - 1) }
    if let (at, length) = cut.stored {
      let both = UInt32(length) | ~UInt32(length) << 16
      start.storeBytes(of: both.littleEndian, toByteOffset: at, as: UInt32.self)
    }
    var at = cut.bits
    Self.write(cut.end.bits, cut.end.length, to: output, &at)
    // Which block is the last.
    output[cut.header / 8] &= ~(1 << UInt8(cut.header % 8))
    if more.count == 0 {
      output[cut.header / 8] |= 1 << UInt8(cut.header % 8)
    } else {
      Self.write(0b011, 3, to: output, &at)
      for byte in input[cut.decoded..<cut.decoded + more.count] {
        let code = byte < 144 ? 0x30 + Int(byte) : 0x190 + Int(byte) - 144
        let length = Self.literalBits(byte)
        for i in (0..<length).reversed() { Self.write(code >> i & 1, 1, to: output, &at) }
      }
    }
    Self.markFirstByte(output)
    return Encoded(decoded: cut.decoded + more.count, stored: count)
  }

  /// How many literals a block with the fixed codes can hold in so many bits, and the bits of that block; of 0 when there
  /// is room for none.
  private static func literalsThatFit(_ input: Slice<UnsafeRawBufferPointer>, bits: Int) -> (count: Int, bits: Int) {
    // The header, and the code for the end.
    var used = 3 + 7
    var count = 0
    for byte in input {
      guard used + literalBits(byte) <= bits else { break }
      used += literalBits(byte)
      count += 1
    }
    return count > 0 ? (count, used) : (0, 0)
  }

  /// Bits of a literal in the fixed code (RFC 1951, 3.2.6).
  private static func literalBits(_ byte: UInt8) -> Int { byte < 144 ? 8 : 9 }

  /// Writes bits, the lowest first, over zeros.
  private static func write(_ bits: Int, _ count: Int, to output: UnsafeMutableRawBufferPointer, _ at: inout Int) {
    for i in 0..<count {
      if bits >> i & 1 == 1 { output[at / 8] |= 1 << UInt8(at % 8) }
      at += 1
    }
  }

  /// Makes the first byte of a stream other than 0, which is what the padding of a cluster is made of. It is 0 only when
  /// the first block is stored and not the last; five bits of it are then not used.
  static func markFirstByte(_ stream: UnsafeMutableRawBufferPointer) {
    if stream[0] == 0 { stream[0] = 0x80 }
  }

  // MARK: Reading

  @inline(__always)
  private func window(_ stream: UnsafeRawPointer, _ at: Int) -> UInt64 {
    UInt64(littleEndian: stream.loadUnaligned(fromByteOffset: at >> 3, as: UInt64.self)) >> UInt64(at & 7)
  }

  /// The last place where the stream can end within `limit` bytes; one of no decoded bytes when there is none.
  private mutating func find(_ stream: UnsafeRawPointer, limit: Int) -> Cut {
    var cut = Cut()
    var at = 0
    var decoded = 0
    let end = limit * 8
    while at + 3 <= end {
      let header = at
      let first = window(stream, at)
      at += 3
      switch first >> 1 & 3 {
      case 0:
        let start = (at + 7) >> 3
        let count = Int(window(stream, start << 3) & 0xFFFF)
        let room = min(limit - start - 4, count)
        guard room >= 0 else { return cut }
        at = (start + 4 + room) << 3
        decoded += room
        if room > 0 { cut = Cut(bits: at, decoded: decoded, header: header, stored: (start, room)) }
        if room < count { return cut }
      case 1:
        for i in 0..<288 { lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8 }
        for i in 288..<318 { lengths[i] = 5 }
        guard readTokens(stream, &at, &decoded, end, header, literals: 288, distances: 30, &cut) else { return cut }
      case 2:
        guard let counts = readLengths(stream, &at),
          readTokens(
            stream, &at, &decoded, end, header, literals: counts.literals, distances: counts.distances, &cut)
        else { return cut }
      default: return cut
      }
      if first & 1 == 1 { return cut }
    }
    return cut
  }

  /// Reads the code lengths of a block with codes of its own (RFC 1951, 3.2.7).
  private mutating func readLengths(_ stream: UnsafeRawPointer, _ at: inout Int) -> (literals: Int, distances: Int)? {
    let first = window(stream, at)
    let literals = Int(first & 31) + 257
    let distances = Int(first >> 5 & 31) + 1
    let count = Int(first >> 10 & 15) + 4
    guard literals <= 286, distances <= 30 else { return nil }
    at += 14
    let order: [Int] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
    for i in 0..<19 { lengths[i] = 0 }
    for i in 0..<count {
      lengths[order[i]] = UInt8(window(stream, at) & 7)
      at += 3
    }
    codeLengths.build(UnsafeBufferPointer(rebasing: lengths[..<19]))
    var i = 0
    while i < literals + distances {
      let bits = window(stream, at)
      let (symbol, length) = codeLengths.read(bits)
      guard symbol >= 0 else { return nil }
      let extra = bits >> UInt64(length)
      at += length
      var times = 1
      var value = UInt8(truncatingIfNeeded: symbol)
      switch symbol {
      case 16:
        guard i > 0 else { return nil }
        value = lengths[i - 1]
        times = 3 + Int(extra & 3)
        at += 2
      case 17:
        value = 0
        times = 3 + Int(extra & 7)
        at += 3
      case 18:
        value = 0
        times = 11 + Int(extra & 127)
        at += 7
      default: break
      }
      guard i + times <= literals + distances else { return nil }
      for _ in 0..<times {
        lengths[i] = value
        i += 1
      }
    }
    return (literals, distances)
  }

  /// Reads the tokens of a block up to its end; false when the limit comes first.
  private mutating func readTokens(
    _ stream: UnsafeRawPointer, _ at: inout Int, _ decoded: inout Int, _ limit: Int, _ header: Int,
    literals literalCount: Int, distances distanceCount: Int, _ cut: inout Cut
  ) -> Bool {
    let literalLengths = UnsafeBufferPointer(rebasing: lengths[..<literalCount])
    guard let end = DeflateCode.code(of: 256, literalLengths) else { return false }
    literals.build(literalLengths)
    distances.build(UnsafeBufferPointer(rebasing: lengths[literalCount..<literalCount + distanceCount]))
    let limit = limit - end.length
    let start = decoded
    // Where the last token that fits has ended.
    var bits = at
    var count = decoded
    var isWhole = false
    while true {
      let next = window(stream, bits)
      var (symbol, taken) = literals.read(next)
      var length = 1
      if symbol >= 256 {
        isWhole = symbol == 256
        if isWhole { break }
        let (base, extra) = Self.length(symbol - 257)
        length = base + Int(truncatingIfNeeded: next >> UInt64(taken)) & (1 << extra - 1)
        taken += extra
        let distance = distances.read(next >> UInt64(taken))
        // Extra bits of a distance: none for the first four symbols, then one more for every second.
        taken += distance.length + max(0, distance.symbol >> 1 - 1)
        if distance.symbol < 0 { symbol = -1 }
      }
      if symbol < 0 || bits + taken > limit { break }
      bits += taken
      count += length
    }
    if count > start { cut = Cut(bits: bits, decoded: count, header: header, end: end) }
    at = bits + end.length
    decoded = count
    return isWhole
  }

  /// The shortest match of a length symbol, counted from the first, and its extra bits (RFC 1951, 3.2.5).
  @inline(__always)
  private static func length(_ symbol: Int) -> (base: Int, extra: Int) {
    if symbol < 8 { return (3 + symbol, 0) }
    if symbol >= 28 { return (258, 0) }
    let extra = symbol >> 2 - 1
    return (3 + (4 + symbol & 3) << extra, extra)
  }
}
