// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors
import TestSupport
import Testing

@testable import Codecs

/// The rules of RFC 1951, 3.2.7 for a block's own codes: what each decoder makes of codes made by hand.
@Suite struct DeflateCodeRulesTests {
  /// What is said of one block of own codes.
  private func expect(
    _ stream: BitWriter, _ length: Int, _ reason: DecodeError.Reason?, zlib: Bool, libdeflate: Bool? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let stored = stream.bytes
    for layout in [Deflate.Layout(), .init(inputShift: 0, outputShift: 0, step: 1)] {
      #expect(try Deflate.refusal(stored, length: length, layout) == reason, sourceLocation: sourceLocation)
    }
    #expect((Deflate.zlibDecode(stored, room: length) != nil) == zlib, "zlib", sourceLocation: sourceLocation)
    if let libdeflate {
      #expect(
        (Deflate.libdeflateDecode(stored, room: length) != nil) == libdeflate, "libdeflate",
        sourceLocation: sourceLocation)
    }
  }

  /// 257 literal/length code lengths, all 0 but those given.
  private func lengths(_ given: [Int: Int], count: Int = 257) -> [Int] { (0..<count).map { given[$0] ?? 0 } }

  @Test func onlyTheEndOfBlock() throws {
    var stream = BitWriter()
    stream.codeLengths(literals: lengths([256: 1]), distances: [0])
    stream.code(0, 1)
    try expect(stream, 0, nil, zlib: true, libdeflate: true)
    // The code that is not there: libdeflate takes it for the one that is.
    var other = BitWriter()
    other.codeLengths(literals: lengths([256: 1]), distances: [0])
    other.code(1, 1)
    try expect(other, 0, .invalid, zlib: false)
  }

  @Test func noEndOfBlock() throws {
    var stream = BitWriter()
    stream.codeLengths(literals: lengths([65: 1, 66: 1]), distances: [1])
    for i in 0..<40 { stream.code(i & 1, 1) }
    try expect(stream, 40, .invalid, zlib: false)
  }

  @Test func oneDistance() throws {
    // A literal, a length of 3 and the end of block; one distance of one bit, which is 1.
    let literals = lengths([65: 1, 256: 2, 257: 2], count: 258)
    for bit in [0, 1] {
      var stream = BitWriter()
      stream.codeLengths(literals: literals, distances: [1])
      stream.code(0, 1)
      stream.code(3, 2)
      stream.code(bit, 1)
      stream.code(2, 2)
      try expect(stream, 4, bit == 0 ? nil : .invalid, zlib: bit == 0)
    }
    // None at all: the block may have no match.
    for matches in [false, true] {
      var stream = BitWriter()
      stream.codeLengths(literals: literals, distances: [0])
      stream.code(0, 1)
      if matches {
        stream.code(3, 2)
        stream.code(0, 1)
      }
      stream.code(2, 2)
      try expect(stream, matches ? 4 : 1, matches ? .invalid : nil, zlib: !matches)
    }
    // One of two bits.
    var stream = BitWriter()
    stream.codeLengths(literals: literals, distances: [2])
    stream.code(0, 1)
    stream.code(2, 2)
    try expect(stream, 1, .invalid, zlib: false, libdeflate: false)
  }

  @Test func incompleteAndOversubscribed() throws {
    let wrong: [([Int: Int], [Int])] = [
      ([65: 2, 256: 2], [1]), ([65: 1, 256: 1, 66: 1], [1]), ([256: 2], [1]), ([65: 1, 66: 2, 256: 2], [1, 1, 1]),
      ([65: 1, 66: 2, 256: 2], [2, 2]), ([65: 1, 66: 15, 256: 15], [0]), ([65: 1, 66: 2, 256: 2], [1, 2]),
    ]
    for (literals, distances) in wrong {
      var stream = BitWriter()
      stream.codeLengths(literals: lengths(literals), distances: distances)
      stream.bits(0, 16)
      try expect(stream, 0, .invalid, zlib: false, libdeflate: false)
    }
  }

  @Test func tooManyCodes() throws {
    // 286 and 30 are good, one more of either is not, although libdeflate takes it.
    let distances = [Int](repeating: 5, count: 28) + [4, 4]
    func literals(_ count: Int) -> [Int] { lengths([256: 1, 65: 1], count: count) }
    for (count, last, good) in [
      (286, 30, true), (287, 30, false), (288, 30, false), (286, 31, false), (286, 32, false),
    ] {
      var stream = BitWriter()
      stream.codeLengths(
        literals: literals(count), distances: distances + [Int](repeating: 0, count: last - 30))
      stream.code(0, 1)
      stream.code(1, 1)
      try expect(stream, 1, good ? nil : .invalid, zlib: good)
    }
  }

  /// A code length code of our own choice, then symbols of it.
  private func codeLengthStream(_ lengths: [Int], _ symbols: [(symbol: Int, extra: Int)], distances: Int = 1)
    -> BitWriter
  {
    var stream = BitWriter()
    stream.header(last: true, type: 2)
    stream.bits(0, 5)
    stream.bits(distances - 1, 5)
    stream.bits(15, 4)
    for symbol in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15] { stream.bits(lengths[symbol], 3) }
    let codes = canonicalCode(lengths)
    for (symbol, extra) in symbols {
      stream.code(codes[symbol], lengths[symbol])
      if symbol >= 16 { stream.bits(extra, [2, 3, 7][symbol - 16]) }
    }
    return stream
  }

  @Test func repeatedCodeLengths() throws {
    var code = [Int](repeating: 0, count: 19)
    for symbol in [0, 1, 16, 17, 18] { code[symbol] = symbol < 16 ? 2 : 3 }
    code[16] = 2
    // 256 zeros in runs of 138 and 118, then 1 for the end of block, 0 for the one distance.
    var good = codeLengthStream(code, [(18, 127), (18, 107), (1, 0), (0, 0)])
    good.code(0, 1)
    try expect(good, 0, nil, zlib: true, libdeflate: true)
    // 253 zeros, three times 0 again by symbol 16, and the run across from literals to distances.
    var across = codeLengthStream(code, [(18, 127), (18, 104), (16, 0), (1, 0), (16, 0)], distances: 3)
    across.code(0, 1)
    try expect(across, 0, .invalid, zlib: false, libdeflate: false)
    var two = codeLengthStream(code, [(18, 127), (18, 106), (1, 0), (16, 0)], distances: 3)
    two.code(0, 1)
    two.code(1, 1)
    // Lengths 1 for symbols 255, 256 and 1, 1 for two distances... one 0 short of the three.
    try expect(two, 0, .invalid, zlib: false)
    var overlapping = codeLengthStream(code, [(18, 127), (18, 106), (1, 0), (16, 0)], distances: 2)
    overlapping.code(1, 1)
    try expect(overlapping, 0, nil, zlib: true, libdeflate: true)

    // Nothing to repeat, and runs over the end.
    try expect(codeLengthStream(code, [(16, 0)] + Array(repeating: (0, 0), count: 270)), 0, .invalid, zlib: false)
    try expect(codeLengthStream(code, [(18, 127), (18, 107), (1, 0), (17, 0)]), 0, .invalid, zlib: false)
    try expect(codeLengthStream(code, [(18, 127), (18, 127)]), 0, .invalid, zlib: false)
    try expect(codeLengthStream(code, [(18, 127), (18, 107), (1, 0), (16, 3)]), 0, .invalid, zlib: false)
  }

  @Test func badCodeLengthCodes() throws {
    func stream(_ given: [Int: Int]) -> BitWriter {
      var stream = codeLengthStream((0..<19).map { given[$0] ?? 0 }, [])
      for _ in 0..<100 { stream.bits(0, 16) }
      return stream
    }
    try expect(stream([:]), 0, .invalid, zlib: false)
    try expect(stream([0: 1]), 0, .invalid, zlib: false)
    try expect(stream([1: 1]), 0, .invalid, zlib: false)
    try expect(stream([0: 1, 1: 2]), 0, .invalid, zlib: false, libdeflate: false)
    try expect(stream([0: 1, 1: 1, 2: 1]), 0, .invalid, zlib: false, libdeflate: false)
    try expect(stream([0: 7, 1: 7, 2: 7]), 0, .invalid, zlib: false, libdeflate: false)
  }

  /// Codes whose subtables take the most room that any do, and random ones: each symbol of each of them.
  @Test(arguments: 0..<12)
  func everySymbolOfACode(seed: Int) throws {
    var generator = SplitMix64(seed: UInt64(seed))
    let literals: [Int]
    let distances: [Int]
    if seed == 0 {
      literals = Self.largestLiterals
      distances = Self.largestDistances
    } else {
      literals = Self.completeCode(count: Int.random(in: 258...286, using: &generator), using: &generator)
      distances = Self.completeCode(count: Int.random(in: 2...30, using: &generator), using: &generator)
    }
    let (literalCodes, distanceCodes) = (canonicalCode(literals), canonicalCode(distances))
    var data = Deflate.sample(.noise, 33_000, seed: 9)
    var stream = BitWriter()
    stream.stored(data, last: false)
    stream.codeLengths(literals: literals, distances: distances)
    for symbol in literals.indices.shuffled(using: &generator) where symbol != 256 && literals[symbol] > 0 {
      stream.code(literalCodes[symbol], literals[symbol])
      if symbol < 256 {
        data.append(UInt8(symbol))
        continue
      }
      let length = (3...258).first { DeflateRulesTests.lengthSymbol($0).symbol == symbol }!
      stream.bits(0, DeflateRulesTests.lengthSymbol(length).bits)
      let distance = distances.indices.filter { distances[$0] > 0 }.randomElement(using: &generator)!
      stream.code(distanceCodes[distance], distances[distance])
      let base = DeflateRulesTests.distanceBase(distance)
      stream.bits(0, base.bits)
      for _ in 0..<length { data.append(data[data.count - base.value]) }
    }
    if literals.count > 257, let match = (257..<literals.count).first(where: { literals[$0] > 0 }) {
      let length = (3...258).first { DeflateRulesTests.lengthSymbol($0).symbol == match }!
      for symbol in distances.indices where distances[symbol] > 0 {
        stream.code(literalCodes[match], literals[match])
        stream.bits(0, DeflateRulesTests.lengthSymbol(length).bits)
        stream.code(distanceCodes[symbol], distances[symbol])
        let base = DeflateRulesTests.distanceBase(symbol)
        stream.bits(0, base.bits)
        for _ in 0..<length { data.append(data[data.count - base.value]) }
      }
    }
    stream.code(literalCodes[256], literals[256])
    #expect(Deflate.zlibDecode(stream.bytes, room: data.count)?.bytes == data)
    #expect(try Deflate.decode(stream.bytes, length: data.count) == data)
    #expect(try Deflate.decode(stream.bytes, length: data.count, .init(inputShift: 0, outputShift: 12)) == data)
  }

  /// Of the codes that zlib's program `enough` prints for 286 symbols behind a root of 10 bits, 1332 entries: one.
  static let largestLiterals = codeLengths([
    (1, 1), (2, 1), (3, 1), (4, 1), (11, 1), (12, 229), (13, 49), (14, 1), (15, 2),
  ])
  /// Likewise for 30 symbols behind a root of 8 bits: 400 entries.
  static let largestDistances = codeLengths([
    (1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 1), (9, 1), (10, 9), (11, 9), (12, 1), (13, 1), (14, 1), (15, 2),
  ])

  /// `count` symbols of each length, the first ones the shortest.
  static func codeLengths(_ counts: [(length: Int, count: Int)]) -> [Int] {
    counts.flatMap { [Int](repeating: $0.length, count: $0.count) }
  }

  /// A random complete code: leaves are split until there are as many as wanted, some symbols being left out.
  static func completeCode(count: Int, using generator: inout SplitMix64) -> [Int] {
    let used = Int.random(in: max(2, count / 2)...count, using: &generator)
    var leaves = [1, 1]
    while leaves.count < used {
      let i = Bool.random(using: &generator) ? leaves.count - 1 : Int.random(in: 0..<leaves.count, using: &generator)
      guard leaves[i] < 15 else { continue }
      leaves[i] += 1
      leaves.insert(leaves[i], at: Int.random(in: 0...leaves.count, using: &generator))
    }
    var lengths = leaves + [Int](repeating: 0, count: count - used)
    lengths.shuffle(using: &generator)
    if count > 256, lengths[256] == 0 { lengths.swapAt(256, lengths.firstIndex { $0 > 0 }!) }
    return lengths
  }
}
