// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import TestSupport
import Testing

@testable import Codecs

/// Random frames from an encoder of our own, which uses all of the format: any tables, any codes, any way of coding
/// literals, repeat modes in any combination.
@Suite struct ZstandardComposedTests {
  @Test(arguments: 0..<8)
  func decodesWhatTheComposerEncodes(part: Int) throws {
    for i in 0..<15 {
      let seed = UInt64(part * 15 + i)
      var composer = RandomFrame(seed: seed)
      let stored = composer.compose()
      let expected = composer.output.bytes
      #expect(libzstdDecode(stored, capacity: expected.count) == expected, "libzstd, seed \(seed)")
      let layouts = ZstandardPages.all
      let into = layouts[i % layouts.count]
      let from = layouts[(i / layouts.count + part) % layouts.count]
      for favoursSpeed in [true, false] {
        let decoded = try zstandardDecode(
          stored, length: expected.count, from: from, into: into, favoursSpeed: favoursSpeed)
        #expect(decoded == expected, "seed \(seed), from \(from), into \(into)")
        let stepped = try zstandardDecode(stored, length: expected.count, step: 97, favoursSpeed: favoursSpeed)
        #expect(stepped == expected, "seed \(seed)")
      }
      let prefix = expected.count * 3 / 4
      let decoded = try zstandardDecode(stored, length: prefix, into: into, finishes: false)
      #expect(decoded == Array(expected[..<prefix]), "seed \(seed)")
    }
  }
}

/// Makes one frame, with all that a later block may refer to.
struct RandomFrame {
  var output = ComposedOutput()
  private var generator: SplitMix64
  private var tables: (ComposedTable, ComposedTable, ComposedTable)?
  private var huffman: ComposedHuffman?

  private let allowsFourStreams: Bool

  init(seed: UInt64, allowsFourStreams: Bool = true) {
    generator = SplitMix64(seed: seed)
    self.allowsFourStreams = allowsFourStreams
  }

  private mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }

  mutating func compose() -> [UInt8] {
    var blocks: [[UInt8]] = []
    let first = Sample.mixed(600, seed: generator.next())
    output.bytes = first
    blocks.append(Compose.raw(first))
    for _ in 0..<number(1...8) {
      switch number(0...9) {
      case 0:
        let bytes = Sample.noise(number(0...300), seed: generator.next())
        output.bytes += bytes
        blocks.append(Compose.raw(bytes))
      case 1:
        let count = number(0...1000)
        output.bytes += [UInt8](repeating: 0x5A, count: count)
        blocks.append(Compose.repeated(0x5A, count))
      default: blocks.append(compressedBlock())
      }
    }
    blocks.append(Compose.raw([], last: true))
    return Compose.frame(blocks)
  }

  /// A table for codes 0 ... `highest`, and how it is told.
  private mutating func mode(
    _ highest: Int, log: ClosedRange<Int>, predefined: ComposedTable, before: ComposedTable?
  ) -> (ComposedMode, ComposedTable) {
    switch number(0...5) {
    case 0: return (.predefined, predefined)
    case 1:
      let symbol = number(0...highest)
      return (.single(symbol), ComposedTable(single: symbol))
    case 2, 3: if let before { return (.repeated, before) }
    default: break
    }
    let log = number(log)
    let most = min(highest + 1, 1 << log)
    let symbols = Array((0...highest).shuffled(using: &generator)[..<number(1...most)])
    let table = ComposedTable.random(log: log, symbols: symbols, using: &generator)
    return (.described(table), table)
  }

  private mutating func compressedBlock() -> [UInt8] {
    var offsetHighest = 0
    while 2 << (offsetHighest + 1) < output.bytes.count { offsetHighest += 1 }
    let literal = mode(24, log: 5...9, predefined: ComposedCodes.predefinedLiterals, before: tables?.0)
    let offset = mode(offsetHighest, log: 5...8, predefined: ComposedCodes.predefinedOffsets, before: tables?.1)
    let match = mode(44, log: 5...9, predefined: ComposedCodes.predefinedMatches, before: tables?.2)
    var list: [ComposedSequence] = []
    var model = output
    for _ in 0..<[0, 1, 5, 40, 200][number(0...4)] where model.bytes.count - output.bytes.count < 20000 {
      for _ in 0..<20 {
        func pick(_ table: ComposedTable, _ codes: [(base: Int, bits: Int)], most: Int) -> Int? {
          let code = codes[table.symbols.randomElement(using: &generator)!]
          let value = code.base + Int.random(in: 0..<1 << code.bits, using: &generator)
          return value <= most ? value : nil
        }
        guard let literals = pick(literal.1, ComposedCodes.literals, most: 2000),
          let value = pick(offset.1, ComposedCodes.offsets, most: model.bytes.count + literals + 3),
          let length = pick(match.1, ComposedCodes.matches, most: 2000)
        else { continue }
        let distance = model.distance(value, literals: literals)
        guard distance > 0, distance <= model.bytes.count + literals, distance <= 1 << 17 else { continue }
        list.append(ComposedSequence(literals: literals, offset: value, match: length))
        model.execute([list.last!], [UInt8](repeating: 0, count: literals))
        break
      }
    }
    let count = list.reduce(0) { $0 + $1.literals } + number(0...3) * number(0...200)
    let (literals, section) = literalsSection(count)
    let sequences = Compose.sequences(list, literal.0, offset.0, match.0, before: tables)
    if !list.isEmpty { tables = (literal.1, offset.1, match.1) }
    output.execute(list, literals)
    return Compose.compressed(section, sequences)
  }

  private mutating func literalsSection(_ count: Int) -> ([UInt8], [UInt8]) {
    switch number(0...5) {
    case 0:
      let bytes = Sample.noise(count, seed: generator.next())
      return (bytes, Compose.literals(0, bytes, headerBytes: count < 32 ? number(1...3) : nil))
    case 1:
      return (
        [UInt8](repeating: 0xEE, count: count),
        Compose.literals(1, [0xEE], count: count, headerBytes: count < 32 ? number(1...3) : nil)
      )
    default: break
    }
    let keeps = huffman != nil && Bool.random(using: &generator)
    let code = keeps ? huffman! : randomHuffman()
    let symbols = code.codes.keys.sorted()
    let bytes = (0..<count).map { _ in UInt8(symbols.randomElement(using: &generator)!) }
    let four = allowsFourStreams && (count >= 1024 || count >= 6 && Bool.random(using: &generator))
    let format = four ? number((count < 1000 ? 1 : count < 16000 ? 2 : 3)...3) : 0
    var content: [UInt8] = []
    if !keeps {
      let written = code.weights.count - 1
      let isDirect = written <= 128 && (written < 4 || Bool.random(using: &generator))
      content = isDirect ? code.direct : code.compressed(log: number(5...6), using: &generator)
      if content.count > 128 { content = code.direct }
    }
    content += code.streams(bytes, four: four)
    // A single stream and its size must fit ten bits.
    if format == 0, count > 1023 || content.count > 1023 { return literalsSection(count) }
    huffman = code
    return (bytes, Compose.coded(keeps ? 3 : 2, format: format, count: count, content))
  }

  /// A full code over some of the first symbols, the last one not without weight.
  private mutating func randomHuffman() -> ComposedHuffman {
    // Split codes at random until there are enough; the depth of each is its length.
    var lengths = [1, 1]
    for _ in 0..<number(0...60) {
      let i = number(0...lengths.count - 1)
      if lengths[i] < 11 {
        lengths[i] += 1
        lengths.append(lengths[i])
      }
    }
    let log = lengths.max()!
    var weights = lengths.map { log + 1 - $0 }
    let last = weights.removeLast()
    weights += [Int](repeating: 0, count: number(0...50))
    weights.shuffle(using: &generator)
    return ComposedHuffman(weights: weights + [last])
  }
}
