// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// What a compressed block consists of (RFC 8878, 3.1.1.3). Ranges are bytes of the block's content.
struct ZstandardBlock {
  enum LiteralKind: Int {
    case raw, repeated, huffman, treeless
  }

  var literalKind = LiteralKind.raw
  var literalCount = 0
  /// The byte of repeated literals, or the description of the Huffman code; otherwise empty.
  var tree = 0..<0
  var sequenceCount = 0
  /// How the three codes are given, and their descriptions.
  var modes: UInt8 = 0
  var tables = 0..<0
  /// Bytes that it decodes to; 0 when sequences were not read.
  var decoded = 0
}

/// Reads the blocks of a frame one after the other, and keeps the codes that later ones may use again.
final class ZstandardBlockReader {
  private(set) var huffman = ZstandardHuffman()
  let literals = ZstandardStateCode()
  let offsets = ZstandardStateCode()
  let matches = ZstandardStateCode()
  /// Those of the block that was read last.
  private(set) var sequences = UnsafeMutableBufferPointer<ZstandardSequence>(start: nil, count: 0)

  private static let predefined = (
    literals: ZstandardSequence.predefinedLiterals(), offsets: ZstandardSequence.predefinedOffsets(),
    matches: ZstandardSequence.predefinedMatches()
  )

  deinit { sequences.deallocate() }

  /// Makes the three codes the predefined ones.
  func setPredefined() {
    literals.set(Self.predefined.literals, log: 6)
    offsets.set(Self.predefined.offsets, log: 5)
    matches.set(Self.predefined.matches, log: 6)
  }

  /// Reads the content of a compressed block, which must be followed by eight readable bytes; nil when it is not one.
  ///
  /// - Parameter readsSequences: otherwise only the codes are read.
  func read(_ bytes: UnsafeRawBufferPointer, readsSequences: Bool) -> ZstandardBlock? {
    var block = ZstandardBlock()
    guard var at = readLiterals(bytes, &block), at < bytes.count else { return nil }
    block.decoded = block.literalCount
    block.sequenceCount = Int(bytes[at])
    at += 1
    if block.sequenceCount == 0 { return at == bytes.count ? block : nil }
    if block.sequenceCount >= 128 {
      let size = block.sequenceCount == 255 ? 2 : 1
      guard at + size <= bytes.count else { return nil }
      block.sequenceCount =
        size == 1
        ? (block.sequenceCount - 128) << 8 + Int(bytes[at]) : Int(bytes[at]) + Int(bytes[at + 1]) << 8 + 0x7F00
      at += size
    }
    guard at < bytes.count else { return nil }
    block.modes = bytes[at]
    at += 1
    let start = at
    guard readCode(literals, block.modes >> 6, Self.predefined.literals, 6, 9, bytes, &at),
      readCode(offsets, block.modes >> 4 & 3, Self.predefined.offsets, 5, 8, bytes, &at),
      readCode(matches, block.modes >> 2 & 3, Self.predefined.matches, 6, 9, bytes, &at)
    else { return nil }
    block.tables = start..<at
    if readsSequences {
      guard let (taken, matched) = readSequences(UnsafeRawBufferPointer(rebasing: bytes[at...]), block.sequenceCount),
        taken <= block.literalCount
      else { return nil }
      block.decoded += matched
    }
    return block
  }

  /// Returns where the section ends.
  private func readLiterals(_ bytes: UnsafeRawBufferPointer, _ block: inout ZstandardBlock) -> Int? {
    guard let first = bytes.first, let kind = ZstandardBlock.LiteralKind(rawValue: Int(first & 3)) else { return nil }
    block.literalKind = kind
    let form = Int(first >> 2 & 3)
    var header = 0
    for i in 0..<min(5, bytes.count) { header |= Int(bytes[i]) << (8 * i) }
    switch kind {
    case .raw, .repeated:
      let size = form & 1 == 0 ? 1 : 2 + form >> 1
      block.literalCount = size == 1 ? header >> 3 & 31 : header >> 4 & (1 << (8 * size - 4) - 1)
      let end = size + (kind == .raw ? block.literalCount : 1)
      block.tree = kind == .raw ? 0..<0 : size..<end
      return end <= bytes.count ? end : nil
    case .huffman, .treeless:
      let size = [3, 3, 4, 5][form]
      let width = size * 4 - 2
      block.literalCount = header >> 4 & (1 << width - 1)
      let end = size + header >> (4 + width) & (1 << width - 1)
      guard end <= bytes.count else { return nil }
      guard kind == .huffman else { return end }
      guard let taken = huffman.read(UnsafeRawBufferPointer(rebasing: bytes[size..<end])) else { return nil }
      block.tree = size..<size + taken
      return end
    }
  }

  private func readCode(
    _ code: ZstandardStateCode, _ mode: UInt8, _ predefined: [Int16], _ predefinedLog: Int, _ highestLog: Int,
    _ bytes: UnsafeRawBufferPointer, _ at: inout Int
  ) -> Bool {
    switch mode {
    case 0: code.set(predefined, log: predefinedLog)
    case 1:
      guard at < bytes.count else { return false }
      code.setSingle(bytes[at])
      at += 1
    case 2:
      guard at < bytes.count,
        let taken = code.read(UnsafeRawBufferPointer(rebasing: bytes[at...]), highestLog: highestLog)
      else { return false }
      at += taken
    default: break
    }
    return true
  }

  /// Returns how many literals they take and how many bytes their matches have, in all.
  private func readSequences(_ bytes: UnsafeRawBufferPointer, _ count: Int) -> (taken: Int, matched: Int)? {
    guard !bytes.isEmpty, var bits = ZstandardBitReader(bytes.baseAddress!, count: bytes.count) else { return nil }
    if sequences.count < count {
      sequences.deallocate()
      sequences = .allocate(capacity: count + count / 4)
    }
    let all = bits.left
    let literalBases = ZstandardSequence.literalBases
    let matchBases = ZstandardSequence.matchBases
    let to = sequences.baseAddress!
    var literalState = bits.read(literals.log)
    var offsetState = bits.read(offsets.log)
    var matchState = bits.read(matches.log)
    var taken = 0
    var matched = 0
    for i in 0..<count {
      let literalCode = Int(literals.symbol(literalState))
      let offsetCode = Int(offsets.symbol(offsetState))
      let matchCode = Int(matches.symbol(matchState))
      guard literalCode <= ZstandardSequence.highestLiteralCode, matchCode <= ZstandardSequence.highestMatchCode,
        offsetCode <= ZstandardSequence.highestOffsetCode
      else { return nil }
      let offsetBits = bits.read(offsetCode)
      let matchBits = bits.read(ZstandardSequence.matchWidth(matchCode))
      let literalBits = bits.read(ZstandardSequence.literalWidth(literalCode))
      let literal = literalBases[literalCode] + Int32(literalBits)
      let match = matchBases[matchCode] + Int32(matchBits)
      (to + i).initialize(
        to: ZstandardSequence(
          literals: literal, match: match, end: UInt32(all - bits.left),
          offsetBits: UInt32(offsetBits), literalBits: UInt16(literalBits), matchBits: UInt16(matchBits),
          literalCode: UInt8(literalCode), matchCode: UInt8(matchCode), offsetCode: UInt8(offsetCode)))
      taken += Int(literal)
      matched += Int(match)
      guard i + 1 < count else { break }
      literalState = literals.base(literalState) + bits.read(literals.width(literalState))
      matchState = matches.base(matchState) + bits.read(matches.width(matchState))
      offsetState = offsets.base(offsetState) + bits.read(offsets.width(offsetState))
    }
    return bits.left == 0 ? (taken, matched) : nil
  }
}
