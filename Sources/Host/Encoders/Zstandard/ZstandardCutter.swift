// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Shortens a compressed block: keeps its first sequences, and encodes them again with the codes that the block has, whose
/// descriptions are copied.
final class ZstandardCutter {
  /// What is kept of a block: its first sequences, and some of the literals that come next.
  private struct Part {
    var sequences = 0
    /// Literals in all.
    var literals = 0
    /// Bits of them in the block's Huffman code; meaningless when one of them has no code.
    var literalBits = 0
    var decoded = 0
    /// Whether the sequences use the predefined codes instead of the block's.
    var isPredefined = false
  }

  private let reader: ZstandardBlockReader
  private let predefined = ZstandardBlockReader()
  /// What a code of each kind takes in the predefined codes, in 1/256 bits.
  private let costs: (literals: [Int], offsets: [Int], matches: [Int])
  private let scratch = Scratch()
  /// The literals of the part, and more.
  private var literals = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  private var block = ZstandardBlock()

  init(_ reader: ZstandardBlockReader) {
    self.reader = reader
    predefined.setPredefined()
    let own = predefined
    costs = (
      (0...ZstandardSequence.highestLiteralCode).map { own.literals.cost(UInt8($0)) },
      (0...ZstandardSequence.highestOffsetCode).map { own.offsets.cost(UInt8($0)) },
      (0...ZstandardSequence.highestMatchCode).map { own.matches.cost(UInt8($0)) }
    )
  }

  /// Writes a content that decodes to as much of the block as fits.
  ///
  /// - Parameters:
  ///   - block: the block that the reader has read last, with its sequences.
  ///   - content: its bytes.
  ///   - source: what it decodes to.
  ///   - output: where the new content goes.
  /// - Returns: nil when nothing fits.
  func cut(
    _ block: ZstandardBlock, _ content: UnsafeRawBufferPointer, source: UnsafeRawBufferPointer,
    into output: UnsafeMutableRawBufferPointer
  ) -> Encoded? {
    self.block = block
    var part = longestPart(source, output.count)
    // Sizes are known to a byte or two before it is written.
    for _ in 0..<16 where part.decoded > 0 {
      if let stored = write(part, content, output) { return Encoded(decoded: part.decoded, stored: stored) }
      shorten(&part, source)
    }
    return nil
  }

  // MARK: How much fits

  /// Finds the longest part, and collects its literals.
  private func longestPart(_ source: UnsafeRawBufferPointer, _ room: Int) -> Part {
    literals = scratch.reserve(block.literalCount + 8)
    let collected = literals.baseAddress!
    let codes = reader.huffman.codes
    let isCoded = block.literalKind.rawValue >= 2
    let sequences = reader.sequences
    var best = Part()
    var part = Part()
    var cost = 0
    var at = 0
    for i in 0...block.sequenceCount {
      let isEnd = i == block.sequenceCount
      let count = isEnd ? source.count - at : Int(sequences[i].literals)
      let start = part
      // The literals, one by one when they may be the last ones.
      (collected + part.literals).copyMemory(from: source.baseAddress! + at, byteCount: count)
      if isCoded {
        var bits = 0
        for byte in source[at..<at + count] { bits += Int(codes[Int(byte)] & 15) }
        part.literalBits += bits
      }
      part.literals += count
      part.decoded += count
      at += count
      let before = cost
      if !isEnd {
        let sequence = sequences[i]
        part.sequences += 1
        part.decoded += Int(sequence.match)
        at += Int(sequence.match)
        cost += costs.literals[Int(sequence.literalCode)] + costs.matches[Int(sequence.matchCode)]
        cost += costs.offsets[Int(sequence.offsetCode)]
        cost +=
          (Int(sequence.offsetCode) + ZstandardSequence.matchWidth(Int(sequence.matchCode))
            + ZstandardSequence.literalWidth(Int(sequence.literalCode))) << 8
      }
      if fits(&part, cost, room) {
        best = part
        continue
      }
      // Some of the literals may fit without their match.
      part = start
      let first = source.baseAddress! + at - (isEnd ? 0 : Int(sequences[i].match)) - count
      for i in 0..<count {
        part.literals += 1
        part.decoded += 1
        if isCoded { part.literalBits += Int(codes[Int(first.load(fromByteOffset: i, as: UInt8.self))] & 15) }
        guard fits(&part, before, room) else { break }
        best = part
      }
      break
    }
    return best
  }

  private func fits(_ part: inout Part, _ cost: Int, _ room: Int) -> Bool {
    var size = literalSize(part)
    guard part.sequences > 0 else { return size + 1 <= room }
    size += (part.sequences < 128 ? 1 : part.sequences < 0x7F00 ? 2 : 3) + 1
    let own = block.tables.count + (Int(reader.sequences[part.sequences - 1].end) + 8) / 8
    let predefined = (cost >> 8 + 8 + 8) / 8
    part.isPredefined = predefined < own
    return size + min(own, predefined) <= room
  }

  /// Bytes of the literals' section.
  private func literalSize(_ part: Part) -> Int {
    let raw = Self.rawHeader(part.literals) + part.literals
    switch block.literalKind {
    case .raw: return raw
    case .repeated: return min(raw, Self.rawHeader(part.literals) + 1)
    case .huffman, .treeless: return min(raw, huffmanSize(part))
    }
  }

  private static func rawHeader(_ count: Int) -> Int { count < 32 ? 1 : count < 4096 ? 2 : 3 }

  private func huffmanSize(_ part: Part) -> Int {
    if part.literals < 1024 { return 3 + block.tree.count + (part.literalBits + 8) / 8 }
    // Four streams, each with its mark, filled up to a byte.
    return (part.literals < 16_384 ? 4 : 5) + block.tree.count + 6 + (part.literalBits + 4 + 20) / 8
  }

  /// Takes something away from a part that does not fit.
  private func shorten(_ part: inout Part, _ source: UnsafeRawBufferPointer) {
    let codes = reader.huffman.codes
    let collected = literals
    func drop(_ count: Int) {
      for i in part.literals - count..<part.literals { part.literalBits -= Int(codes[Int(collected[i])] & 15) }
      part.literals -= count
      part.decoded -= count
    }
    var inSequences = 0
    for i in 0..<part.sequences { inSequences += Int(reader.sequences[i].literals) }
    if part.literals > inSequences {
      drop(min(4, part.literals - inSequences))
    } else if part.sequences > 0 {
      part.sequences -= 1
      part.decoded -= Int(reader.sequences[part.sequences].match)
      drop(min(4, Int(reader.sequences[part.sequences].literals)))
    }
  }

  // MARK: Writing

  private func write(
    _ part: Part, _ content: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
  ) -> Int? {
    guard let end = writeLiterals(part, content, output) else { return nil }
    let start = output.baseAddress!
    guard part.sequences > 0 else {
      guard end < output.count else { return nil }
      output[end] = 0
      return end + 1
    }
    guard end + 4 + block.tables.count <= output.count else { return nil }
    var at = end
    let count = part.sequences
    if count < 128 {
      output[at] = UInt8(count)
    } else if count < 0x7F00 {
      output[at] = UInt8(count >> 8 + 128)
      output[at + 1] = UInt8(count & 255)
      at += 1
    } else {
      output[at] = 255
      output[at + 1] = UInt8((count - 0x7F00) & 255)
      output[at + 2] = UInt8((count - 0x7F00) >> 8)
      at += 2
    }
    at += 1
    output[at] = part.isPredefined ? 0 : block.modes
    at += 1
    if !part.isPredefined {
      (start + at).copyMemory(from: content.baseAddress! + block.tables.lowerBound, byteCount: block.tables.count)
      at += block.tables.count
    }
    var writer = ZstandardBitWriter(start + at, end: start + output.count)
    writeSequences(count, part.isPredefined ? predefined : reader, &writer)
    return writer.isFull ? nil : writer.next - start
  }

  /// Writes sequences from the last to the first, and then the states that a decoder begins with.
  private func writeSequences(_ count: Int, _ codes: ZstandardBlockReader, _ writer: inout ZstandardBitWriter) {
    let sequences = reader.sequences.baseAddress!
    let literals = codes.literals
    let offsets = codes.offsets
    let matches = codes.matches
    let last = sequences + (count - 1)
    var literalState = literals.lastState(last.pointee.literalCode)
    var offsetState = offsets.lastState(last.pointee.offsetCode)
    var matchState = matches.lastState(last.pointee.matchCode)
    for i in (0..<count).reversed() {
      let sequence = sequences + i
      if i < count - 1 {
        offsets.stepBack(&offsetState, sequence.pointee.offsetCode, &writer)
        matches.stepBack(&matchState, sequence.pointee.matchCode, &writer)
        literals.stepBack(&literalState, sequence.pointee.literalCode, &writer)
      }
      writer.write(
        Int(sequence.pointee.literalBits), ZstandardSequence.literalWidth(Int(sequence.pointee.literalCode)))
      writer.write(Int(sequence.pointee.matchBits), ZstandardSequence.matchWidth(Int(sequence.pointee.matchCode)))
      writer.write(Int(sequence.pointee.offsetBits), Int(sequence.pointee.offsetCode))
      if writer.isFull { return }
    }
    writer.write(matchState, matches.log)
    writer.write(offsetState, offsets.log)
    writer.write(literalState, literals.log)
    writer.finish()
  }

  /// Returns where the section ends.
  private func writeLiterals(
    _ part: Part, _ content: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
  ) -> Int? {
    let count = part.literals
    let size = literalSize(part)
    let start = output.baseAddress!
    let raw = Self.rawHeader(count)
    guard size == raw + count || block.literalKind == .repeated else { return writeHuffman(part, content, output) }
    guard size <= output.count else { return nil }
    let isRepeated = size < raw + count
    let kind = isRepeated ? 1 : 0
    let header = raw == 1 ? kind | count << 3 : kind | (raw == 2 ? 1 : 3) << 2 | count << 4
    for i in 0..<raw { output[i] = UInt8(truncatingIfNeeded: header >> (8 * i)) }
    if isRepeated {
      output[raw] = content[block.tree.lowerBound]
    } else {
      (start + raw).copyMemory(from: literals.baseAddress!, byteCount: count)
    }
    return size
  }

  private func writeHuffman(
    _ part: Part, _ content: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
  ) -> Int? {
    let count = part.literals
    let header = count < 1024 ? 3 : count < 16_384 ? 4 : 5
    let start = output.baseAddress!
    let tree = block.tree
    var at = header + tree.count
    let streams = count < 1024 ? 1 : 4
    guard at + 6 < output.count else { return nil }
    (start + header).copyMemory(from: content.baseAddress! + tree.lowerBound, byteCount: tree.count)
    let jumps = at
    if streams > 1 { at += 6 }
    let share = (count + 3) / 4
    for i in 0..<streams {
      let first = i * share
      let end = i == streams - 1 ? count : first + share
      var writer = ZstandardBitWriter(start + at, end: start + output.count)
      writeStream(first..<end, &writer)
      guard !writer.isFull else { return nil }
      let size = writer.next - (start + at)
      if i < streams - 1 {
        output[jumps + 2 * i] = UInt8(size & 255)
        output[jumps + 2 * i + 1] = UInt8(size >> 8)
      }
      at += size
    }
    let size = at - header
    let width = header * 4 - 2
    guard size < 1 << width else { return nil }
    let form = header == 3 ? 0 : header == 4 ? 2 : 3
    let value = block.literalKind.rawValue | form << 2 | count << 4 | size << (4 + width)
    for i in 0..<header { output[i] = UInt8(truncatingIfNeeded: value >> (8 * i)) }
    return at
  }

  private func writeStream(_ range: Range<Int>, _ writer: inout ZstandardBitWriter) {
    let bytes = literals.baseAddress!
    reader.huffman.codes.withUnsafeBufferPointer { codes in
      for i in range.reversed() {
        let code = Int(codes[Int(bytes.load(fromByteOffset: i, as: UInt8.self))])
        writer.write(code >> 4, code & 15)
      }
    }
    writer.finish()
  }
}
