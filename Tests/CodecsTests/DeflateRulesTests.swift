// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors
import TestSupport
import Testing

@testable import Codecs

/// Streams made by hand, one for each rule of RFC 1951, each judged by zlib and libdeflate as well.
@Suite struct DeflateRulesTests {
  /// What the three decoders are expected to say of a stream of `length` bytes.
  private func expect(
    _ stored: [UInt8], _ length: Int, _ reason: DecodeError.Reason?, zlib: Bool, libdeflate: Bool,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    #expect(try Deflate.refusal(stored, length: length) == reason, sourceLocation: sourceLocation)
    // The same in single bytes, where only the careful loop can run.
    #expect(
      try Deflate.refusal(stored, length: length, .init(inputShift: 0, outputShift: 0, step: 1)) == reason,
      sourceLocation: sourceLocation)
    #expect((Deflate.zlibDecode(stored, room: length) != nil) == zlib, "zlib", sourceLocation: sourceLocation)
    #expect(
      (Deflate.libdeflateDecode(stored, room: length) != nil) == libdeflate, "libdeflate",
      sourceLocation: sourceLocation)
  }

  /// Stored bytes behind the final block that no decoder looks at, so that the wide loop runs where there is little.
  private let tail = [UInt8](repeating: 0, count: 64)

  @Test func storedBlocks() throws {
    var good = BitWriter()
    good.stored([], last: false)
    good.stored([1, 2, 3], last: false)
    good.stored([4], last: true)
    try expect(good.bytes, 4, nil, zlib: true, libdeflate: true)
    #expect(try Deflate.decode(good.bytes, length: 4) == [1, 2, 3, 4])
    try expect(good.bytes, 3, .outputLong, zlib: false, libdeflate: false)
    try expect(good.bytes, 5, .outputShort, zlib: true, libdeflate: true)

    var wrong = BitWriter()
    wrong.stored([1, 2, 3], last: true, complement: 3)
    try expect(wrong.bytes, 3, .invalid, zlib: false, libdeflate: false)

    var short = BitWriter()
    short.stored([1, 2, 3], last: true)
    for count in 0..<short.bytes.count {
      try expect([UInt8](short.bytes.prefix(count)), 3, .inputEnded, zlib: false, libdeflate: false)
    }
  }

  /// The bits between the header of a stored block and the next byte, and behind the final block, are nobody's.
  @Test func paddingBitsMayBeAnything() throws {
    var stream = BitWriter()
    stream.header(last: false, type: 0)
    stream.bits(0x1F, 5)
    stream.bits(1, 16)
    stream.bits(0xFFFE, 16)
    stream.bits(65, 8)
    stream.header(last: true, type: 1)
    stream.fixed(66)
    stream.fixed(256)
    stream.bits(0x3F, 6)
    try expect(stream.bytes, 2, nil, zlib: true, libdeflate: true)
  }

  @Test func blockTypeThree() throws {
    var stream = BitWriter()
    stream.header(last: true, type: 3)
    try expect(stream.bytes + tail, 0, .invalid, zlib: false, libdeflate: false)
    try expect(stream.bytes + tail, 9, .invalid, zlib: false, libdeflate: false)
  }

  @Test func emptyBlocksMayFollowTheLastByte() throws {
    var stream = BitWriter()
    stream.header(last: false, type: 1)
    stream.fixed(65)
    stream.fixed(256)
    stream.stored([], last: false)
    stream.header(last: false, type: 1)
    stream.fixed(256)
    stream.stored([], last: true)
    try expect(stream.bytes, 1, nil, zlib: true, libdeflate: true)
  }

  @Test func whatIsBehindTheFinalBlockIsRefused() throws {
    var stream = BitWriter()
    stream.header(last: true, type: 1)
    stream.fixed(65)
    stream.fixed(256)
    #expect(try Deflate.refusal(stream.bytes, length: 1) == nil)
    for count in [1, 2, 8, 40] {
      let more = stream.bytes + [UInt8](repeating: 0, count: count)
      #expect(try Deflate.refusal(more, length: 1) == .trailingInput)
      #expect(try Deflate.refusal(more, length: 1, .init(finishes: false)) == nil)
    }
  }

  @Test func endOfBlockMissing() throws {
    var stream = BitWriter()
    stream.header(last: true, type: 1)
    for i in 0..<20 { stream.fixed(i) }
    #expect(try Deflate.refusal(stream.bytes, length: 20) == .inputEnded)
    #expect(try Deflate.refusal(stream.bytes, length: 20, .init(finishes: false)) == nil)
  }

  @Test(arguments: [1, 2, 258, 4000])
  func distancesTooFarBack(history: Int) throws {
    // `history` literals, then a match that reaches `back` bytes.
    for back in [history, history + 1] {
      var stream = BitWriter()
      stream.stored(Deflate.sample(.noise, history), last: false)
      stream.header(last: true, type: 1)
      stream.fixed(257)
      let symbol = Self.distanceSymbol(back)
      stream.code(symbol.symbol, 5)
      stream.bits(symbol.extra, symbol.bits)
      stream.fixed(256)
      let good = back == history
      try expect(
        stream.bytes + tail, history + 3, good ? .trailingInput : .distance, zlib: good, libdeflate: good)
    }
  }

  /// Every length and every distance symbol, with its extra bits all clear and all set.
  @Test func everyLengthAndDistance() throws {
    var data = Deflate.sample(.noise, 33_000)
    var stream = BitWriter()
    stream.stored(data, last: false)
    stream.header(last: true, type: 1)
    for length in 3...258 {
      for back in [1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 17, 257, 16_385, 32_768] where length % 8 < 3 || back < 9 {
        let (lengthSymbol, distanceSymbol) = (Self.lengthSymbol(length), Self.distanceSymbol(back))
        stream.fixed(lengthSymbol.symbol)
        stream.bits(lengthSymbol.extra, lengthSymbol.bits)
        stream.code(distanceSymbol.symbol, 5)
        stream.bits(distanceSymbol.extra, distanceSymbol.bits)
        for _ in 0..<length { data.append(data[data.count - back]) }
      }
    }
    for symbol in 0..<30 {
      let base = Self.distanceBase(symbol)
      for back in [base.value, base.value + (1 << base.bits) - 1] {
        stream.fixed(257)
        stream.code(symbol, 5)
        stream.bits(back - base.value, base.bits)
        for _ in 0..<3 { data.append(data[data.count - back]) }
      }
    }
    stream.fixed(256)
    #expect(Deflate.zlibDecode(stream.bytes, room: data.count)?.bytes == data)
    #expect(try Deflate.decode(stream.bytes, length: data.count) == data)
    #expect(try Deflate.decode(stream.bytes, length: data.count, .init(inputShift: 0, outputShift: 12)) == data)
  }

  /// Symbols that the fixed codes have and that stand for nothing. libdeflate takes them for those before them.
  @Test func symbolsThatStandForNothing() throws {
    for symbol in [286, 287] {
      var stream = BitWriter()
      stream.stored([1, 2, 3, 4], last: false)
      stream.header(last: true, type: 1)
      stream.fixed(symbol)
      stream.code(0, 5)
      stream.fixed(256)
      let decoded = Deflate.libdeflateDecode(stream.bytes + tail, room: 262)
      try expect(stream.bytes + tail, 262, .invalid, zlib: false, libdeflate: decoded != nil)
    }
    for symbol in [30, 31] {
      var stream = BitWriter()
      stream.stored(Deflate.sample(.noise, 40_000), last: false)
      stream.header(last: true, type: 1)
      stream.fixed(257)
      stream.code(symbol, 5)
      stream.bits(0, 13)
      stream.fixed(256)
      try expect(
        stream.bytes + tail, 40_003, .invalid, zlib: false,
        libdeflate: Deflate.libdeflateDecode(stream.bytes + tail, room: 40_003) != nil)
    }
  }

  // MARK: Lengths and distances of RFC 1951, 3.2.5

  struct Symbol {
    var symbol: Int
    var extra: Int
    var bits: Int
  }

  static func distanceBase(_ symbol: Int) -> (value: Int, bits: Int) {
    if symbol < 2 { return (symbol + 1, 0) }
    let bits = symbol / 2 - 1
    return (((2 + symbol % 2) << bits) + 1, bits)
  }

  static func distanceSymbol(_ distance: Int) -> Symbol {
    let symbol = (0..<30).last { distanceBase($0).value <= distance }!
    let base = distanceBase(symbol)
    return Symbol(symbol: symbol, extra: distance - base.value, bits: base.bits)
  }

  static func lengthSymbol(_ length: Int) -> Symbol {
    if length == 258 { return Symbol(symbol: 285, extra: 0, bits: 0) }
    let bases = [
      3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227,
    ]
    let i = bases.lastIndex { $0 <= length }!
    return Symbol(symbol: 257 + i, extra: length - bases[i], bits: i < 8 ? 0 : i / 4 - 1)
  }
}
