// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import TestSupport

// An encoder of our own, written from RFC 8878 and sharing nothing with the decoder: for the frames that libzstd's
// encoder never makes.

/// Bits in the order in which a decoder takes them from the end of a stream.
struct BackwardBits {
  private var bits: [Bool] = []

  mutating func append(_ value: Int, _ count: Int) {
    for i in (0..<count).reversed() { bits.append(value >> i & 1 == 1) }
  }

  /// The stream: the first bit taken is the highest, under the mark that ends it.
  var bytes: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: bits.count / 8 + 1)
    for (i, bit) in ([true] + bits).reversed().enumerated() where bit { bytes[i / 8] |= 1 << UInt8(i % 8) }
    return bytes
  }
}

/// Finite state entropy coding with a given distribution.
struct ComposedTable {
  let log: Int
  let counts: [Int]
  private(set) var symbols: [Int]
  private(set) var bits: [Int]
  private(set) var bases: [Int]

  /// One state for one symbol.
  init(single symbol: Int) {
    log = 0
    counts = []
    symbols = [symbol]
    bits = [0]
    bases = [0]
  }

  /// - Parameter counts: states of each symbol; -1 for one with a probability below 1. Their sizes sum to `1 << log`.
  init(log: Int, counts: [Int]) {
    self.log = log
    self.counts = counts
    let size = 1 << log
    precondition(counts.reduce(0) { $0 + abs($1) } == size)
    symbols = [Int](repeating: -1, count: size)
    bits = symbols
    bases = symbols
    var last = size
    for (symbol, count) in counts.enumerated() where count == -1 {
      last -= 1
      symbols[last] = symbol
    }
    var position = 0
    for (symbol, count) in counts.enumerated() where count > 0 {
      for _ in 0..<count {
        symbols[position] = symbol
        repeat { position = (position + size / 2 + size / 8 + 3) % size } while position >= last
      }
    }
    for (symbol, count) in counts.enumerated() where count != 0 {
      for (rank, state) in symbols.indices.filter({ symbols[$0] == symbol }).enumerated() {
        let value = rank + abs(count)
        var width = 0
        while value << (width + 1) < 2 * size { width += 1 }
        bits[state] = width
        bases[state] = value << width - size
      }
    }
  }

  /// Any distribution over `symbols` that has each of them.
  static func random(log: Int, symbols: [Int], using generator: inout SplitMix64) -> ComposedTable {
    var counts = [Int](repeating: 0, count: symbols.max()! + 1)
    for symbol in symbols { counts[symbol] = 1 }
    for _ in symbols.count..<1 << log { counts[symbols.randomElement(using: &generator)!] += 1 }
    for symbol in symbols where counts[symbol] == 1 && Bool.random(using: &generator) { counts[symbol] = -1 }
    return ComposedTable(log: log, counts: counts)
  }

  /// The table's description (RFC 8878, 4.1.1).
  var description: [UInt8] {
    var bits: [Bool] = []
    func write(_ value: Int, _ count: Int) {
      for i in 0..<count { bits.append(value >> i & 1 == 1) }
    }
    write(log - 5, 4)
    var remaining = 1 << log
    var symbol = 0
    while remaining > 0 {
      let count = counts[symbol]
      let most = remaining + 1
      var width = 0
      while 1 << width <= most { width += 1 }
      let short = 1 << width - 1 - most
      let value = count + 1
      if value < short {
        write(value, width - 1)
      } else {
        write(value < 1 << (width - 1) ? value : value + short, width)
      }
      remaining -= abs(count)
      symbol += 1
      if count == 0 {
        var zeros = 0
        while counts[symbol + zeros] == 0 { zeros += 1 }
        symbol += zeros
        while zeros >= 3 {
          write(3, 2)
          zeros -= 3
        }
        write(zeros, 2)
      }
    }
    var bytes = [UInt8](repeating: 0, count: (bits.count + 7) / 8)
    for (i, bit) in bits.enumerated() where bit { bytes[i / 8] |= 1 << UInt8(i % 8) }
    return bytes
  }

  /// The states that say `word`, in order.
  func states(for word: [Int]) -> [Int] {
    var states = [Int](repeating: 0, count: word.count)
    for i in word.indices.reversed() {
      states[i] = symbols.indices.first { state in
        symbols[state] == word[i]
          && (i == word.count - 1 || (bases[state]..<bases[state] + 1 << bits[state]).contains(states[i + 1]))
      }!
    }
    return states
  }
}

/// What a block's sequences are coded with.
enum ComposedMode {
  case predefined, repeated
  case single(Int)
  case described(ComposedTable)

  var number: Int {
    switch self {
    case .predefined: 0
    case .single: 1
    case .described: 2
    case .repeated: 3
    }
  }
}

struct ComposedSequence {
  var literals: Int
  /// The offset value as it is coded: 1 ... 3 stand for recent distances.
  var offset: Int
  var match: Int
}

/// Values of the codes (RFC 8878, 3.1.1.3.2.1.1), as the tables there give them.
enum ComposedCodes {
  static let literals: [(base: Int, bits: Int)] =
    (0..<16).map { ($0, 0) } + [
      (16, 1), (18, 1), (20, 1), (22, 1), (24, 2), (28, 2), (32, 3), (40, 3), (48, 4), (64, 6), (128, 7), (256, 8),
      (512, 9), (1024, 10), (2048, 11), (4096, 12), (8192, 13), (16384, 14), (32768, 15), (65536, 16),
    ]
  static let matches: [(base: Int, bits: Int)] =
    (0..<32).map { ($0 + 3, 0) } + [
      (35, 1), (37, 1), (39, 1), (41, 1), (43, 2), (47, 2), (51, 3), (59, 3), (67, 4), (83, 4), (99, 5), (131, 7),
      (259, 8), (515, 9), (1027, 10), (2051, 11), (4099, 12), (8195, 13), (16387, 14), (32771, 15), (65539, 16),
    ]
  static let offsets: [(base: Int, bits: Int)] = (0..<32).map { (1 << $0, $0) }

  static func code(_ value: Int, _ table: [(base: Int, bits: Int)]) -> Int { table.lastIndex { $0.base <= value }! }

  static let predefinedLiterals = ComposedTable(
    log: 6,
    counts: [
      4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1,
    ])
  static let predefinedMatches = ComposedTable(
    log: 6,
    counts: [
      1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
      1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
    ])
  static let predefinedOffsets = ComposedTable(
    log: 5, counts: [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1])
}

/// A Huffman code given by its weights.
struct ComposedHuffman {
  let weights: [Int]
  let log: Int
  /// Code and length of each symbol.
  let codes: [Int: (code: Int, length: Int)]

  init(weights: [Int]) {
    self.weights = weights
    let total = weights.reduce(0) { $0 + ($1 > 0 ? 1 << ($1 - 1) : 0) }
    var log = 0
    while 1 << log < total { log += 1 }
    self.log = log
    var codes: [Int: (code: Int, length: Int)] = [:]
    var next = 0
    for weight in 1...max(weights.max()!, 1) {
      for (symbol, own) in weights.enumerated() where own == weight {
        codes[symbol] = (next >> (weight - 1), log + 1 - weight)
        next += 1 << (weight - 1)
      }
    }
    self.codes = codes
  }

  /// Description with four bits a weight; the last symbol's follows from the others.
  var direct: [UInt8] {
    let written = weights.dropLast()
    var bytes = [UInt8(127 + written.count)]
    for i in stride(from: 0, to: written.count, by: 2) {
      bytes.append(UInt8(written[i] << 4 | (i + 1 < written.count ? written[i + 1] : 0)))
    }
    return bytes
  }

  /// Description with weights coded by two states that take turns.
  func compressed(log tableLog: Int, using generator: inout SplitMix64) -> [UInt8] {
    let written = Array(weights.dropLast())
    let table = ComposedTable.random(log: tableLog, symbols: Array(Set(written)).sorted(), using: &generator)
    let even = table.states(for: stride(from: 0, to: written.count, by: 2).map { written[$0] })
    let odd = table.states(for: stride(from: 1, to: written.count, by: 2).map { written[$0] })
    var bits = BackwardBits()
    bits.append(even[0], tableLog)
    bits.append(odd[0], tableLog)
    for i in 2..<max(written.count, 2) {
      let states = i % 2 == 0 ? even : odd
      let before = states[i / 2 - 1]
      bits.append(states[i / 2] - table.bases[before], table.bits[before])
    }
    let bytes = table.description + bits.bytes
    return [UInt8(bytes.count)] + bytes
  }

  func stream(_ literals: some Sequence<UInt8>) -> [UInt8] {
    var bits = BackwardBits()
    for byte in literals {
      let (code, length) = codes[Int(byte)]!
      bits.append(code, length)
    }
    return bits.bytes
  }

  /// Streams as a literals section holds them.
  func streams(_ literals: [UInt8], four: Bool) -> [UInt8] {
    guard four else { return stream(literals) }
    let share = (literals.count + 3) / 4
    let parts = (0..<4).map {
      stream(literals[min($0 * share, literals.count)..<min(($0 + 1) * share, literals.count)])
    }
    return parts[..<3].flatMap { [UInt8($0.count & 255), UInt8($0.count >> 8)] } + parts.joined()
  }
}

/// Parts of a frame, as bytes.
enum Compose {
  static let magic: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD]

  static func number(_ value: Int, _ bytes: Int) -> [UInt8] {
    (0..<bytes).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }

  /// A frame with a window of 128 KiB unless told otherwise, and nothing optional.
  static func frame(_ blocks: [[UInt8]], window: UInt8 = 0x38) -> [UInt8] { magic + [0, window] + blocks.joined() }

  static func block(_ type: Int, _ content: [UInt8], size: Int? = nil, last: Bool = false) -> [UInt8] {
    number((size ?? content.count) << 3 | type << 1 | (last ? 1 : 0), 3) + content
  }
  static func raw(_ content: [UInt8], last: Bool = false) -> [UInt8] { block(0, content, last: last) }
  static func repeated(_ byte: UInt8, _ count: Int, last: Bool = false) -> [UInt8] {
    block(1, [byte], size: count, last: last)
  }
  static func compressed(_ literals: [UInt8], _ sequences: [UInt8], last: Bool = false) -> [UInt8] {
    block(2, literals + sequences, last: last)
  }

  /// Literals of type 0 (raw) or 1 (one byte that is repeated), with the shortest header, or one of `bytes` bytes.
  static func literals(_ type: Int, _ content: [UInt8], count: Int? = nil, headerBytes: Int? = nil) -> [UInt8] {
    let count = count ?? content.count
    switch headerBytes ?? (count < 32 ? 1 : count < 4096 ? 2 : 3) {
    case 1: return [UInt8(count << 3 | type)] + content
    case 2: return number(count << 4 | 1 << 2 | type, 2) + content
    default: return number(count << 4 | 3 << 2 | type, 3) + content
    }
  }

  /// Literals of type 2 (with a tree) or 3 (without), in one stream (format 0) or four (1 ... 3).
  static func coded(_ type: Int, format: Int, count: Int, _ content: [UInt8]) -> [UInt8] {
    let width = [10, 10, 14, 18][format]
    return number((content.count << width | count) << 4 | format << 2 | type, [3, 3, 4, 5][format]) + content
  }

  /// A sequences section: number, modes, tables, bits.
  static func sequences(
    _ list: [ComposedSequence], _ literals: ComposedMode, _ offsets: ComposedMode, _ matches: ComposedMode,
    before: (ComposedTable, ComposedTable, ComposedTable)? = nil
  ) -> [UInt8] {
    var bytes = count(list.count)
    if list.isEmpty { return bytes }
    bytes.append(UInt8(literals.number << 6 | offsets.number << 4 | matches.number << 2))
    let tables = (
      table(literals, ComposedCodes.predefinedLiterals, before?.0, &bytes),
      table(offsets, ComposedCodes.predefinedOffsets, before?.1, &bytes),
      table(matches, ComposedCodes.predefinedMatches, before?.2, &bytes)
    )
    let literalCodes = list.map { ComposedCodes.code($0.literals, ComposedCodes.literals) }
    let offsetCodes = list.map { ComposedCodes.code($0.offset, ComposedCodes.offsets) }
    let matchCodes = list.map { ComposedCodes.code($0.match, ComposedCodes.matches) }
    let states = (
      tables.0.states(for: literalCodes), tables.1.states(for: offsetCodes), tables.2.states(for: matchCodes)
    )
    var bits = BackwardBits()
    bits.append(states.0[0], tables.0.log)
    bits.append(states.1[0], tables.1.log)
    bits.append(states.2[0], tables.2.log)
    for (i, sequence) in list.enumerated() {
      let (offset, match) = (ComposedCodes.offsets[offsetCodes[i]], ComposedCodes.matches[matchCodes[i]])
      let literal = ComposedCodes.literals[literalCodes[i]]
      bits.append(sequence.offset - offset.base, offset.bits)
      bits.append(sequence.match - match.base, match.bits)
      bits.append(sequence.literals - literal.base, literal.bits)
      guard i + 1 < list.count else { break }
      bits.append(states.0[i + 1] - tables.0.bases[states.0[i]], tables.0.bits[states.0[i]])
      bits.append(states.2[i + 1] - tables.2.bases[states.2[i]], tables.2.bits[states.2[i]])
      bits.append(states.1[i + 1] - tables.1.bases[states.1[i]], tables.1.bits[states.1[i]])
    }
    return bytes + bits.bytes
  }

  static func count(_ count: Int) -> [UInt8] {
    if count < 128 { return [UInt8(count)] }
    if count < 0x7F00 { return [UInt8(count >> 8 + 128), UInt8(count & 255)] }
    return [255] + number(count - 0x7F00, 2)
  }

  private static func table(
    _ mode: ComposedMode, _ predefined: ComposedTable, _ before: ComposedTable?, _ bytes: inout [UInt8]
  ) -> ComposedTable {
    switch mode {
    case .predefined: return predefined
    case .repeated: return before ?? predefined
    case .single(let symbol):
      bytes.append(UInt8(symbol))
      return ComposedTable(single: symbol)
    case .described(let table):
      bytes += table.description
      return table
    }
  }
}

/// What a frame should decode to, kept beside it while it is composed.
struct ComposedOutput {
  var bytes: [UInt8] = []
  var recent = [1, 4, 8]

  /// The distance that an offset value stands for after so many literals.
  func distance(_ offset: Int, literals: Int) -> Int {
    if offset > 3 { return offset - 3 }
    let index = offset - 1 + (literals == 0 ? 1 : 0)
    return index == 3 ? recent[0] - 1 : recent[index]
  }

  mutating func execute(_ sequences: [ComposedSequence], _ literals: [UInt8]) {
    var taken = 0
    for sequence in sequences {
      bytes += literals[taken..<taken + sequence.literals]
      taken += sequence.literals
      let distance = distance(sequence.offset, literals: sequence.literals)
      let index = sequence.offset > 3 ? 3 : sequence.offset - 1 + (sequence.literals == 0 ? 1 : 0)
      if index > 0 { recent = index == 1 ? [distance, recent[0], recent[2]] : [distance, recent[0], recent[1]] }
      for _ in 0..<sequence.match { bytes.append(bytes[bytes.count - distance]) }
    }
    bytes += literals[taken...]
  }
}
