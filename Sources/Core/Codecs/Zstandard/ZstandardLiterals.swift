// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// Where the literals of the current block come from.
@safe
struct ZstandardLiterals {
  enum Source: UInt8 {
    /// `cursor` runs over stored bytes.
    case stored
    /// `cursor` runs over scratch memory full of `byte`.
    case repeated
    /// `cursor` runs over the last bytes of the output, decoded already.
    case tail
    /// `cursor` runs over scratch memory that holds the next few of a Huffman stream.
    case coded
  }

  var source = Source.stored
  /// Literals that can be taken without going back to the source.
  var cursor = InputCursor(PageVector())
  /// Literals of the block.
  var total = 0
  /// Literals that have not been taken.
  var left = 0
  var byte: UInt8 = 0

  // Huffman-coded literals: one stream, or four that follow each other and a table of three sizes.
  var hasFourStreams = false
  /// Stored bytes of the first three of four streams.
  var sizes = (0, 0, 0)
  /// Stored offset of the first stream.
  var streamsStart = 0
  /// Stored offset after the last stream.
  var streamsEnd = 0
  /// Streams that have been opened.
  var opened = 0
  /// Stored offset of the stream that comes next.
  var nextStream = 0
  /// The stream that was opened last, and the literals that it still holds.
  var bits = ReverseBits()
  var leftInStream = 0

  /// Goes over to a source that fills scratch memory.
  mutating func begin(_ source: Source) {
    self.source = source
    unsafe cursor.end = cursor.next
  }

  /// Opens the next stream; false where there is none, or it is empty.
  @inline(never)
  mutating func beginStream(_ bytes: PageVector) -> Bool {
    let last = hasFourStreams ? 3 : 0
    guard opened <= last else { return false }
    if opened == 0 { nextStream = streamsStart }
    let share = hasFourStreams ? (total &+ 3) &>> 2 : total
    leftInStream = opened < last ? share : total &- last &* share
    var size = streamsEnd &- nextStream
    if opened < last { size = min(size, opened == 0 ? sizes.0 : opened == 1 ? sizes.1 : sizes.2) }
    guard leftInStream >= 0, bits.begin(bytes, start: nextStream, count: size) else { return false }
    nextStream &+= size
    opened &+= 1
    return true
  }

  var isLastStream: Bool { opened == (hasFourStreams ? 4 : 1) }
}

extension ZstandardDecoder {
  /// Reads the literals section's header (RFC 8878, 3.1.1.3.1), and builds the Huffman table where one comes with it.
  /// Stored offset `limit` is the end of the block.
  mutating func beginLiterals(limit: Int) throws(DecodeError) {
    guard input.offset < limit else { throw error(.invalid) }
    let start = input.offset
    let first = Int(input.byte())
    let kind = first & 3
    let format = (first &>> 2) & 3
    let isCoded = kind >= 2
    // Header sizes: without Huffman 1, 2, 1, 3 bytes for the formats; with it 3, 3, 4, 5.
    let headerSize = isCoded ? 3 &+ format &>> 1 &+ (format & format &>> 1) : format & 1 == 0 ? 1 : 2 &+ format &>> 1
    guard headerSize <= limit &- start else { throw error(.invalid) }
    let low = UInt32(truncatingIfNeeded: first) | ZstandardFrame.number(&input, bytes: min(headerSize, 4) &- 1) &<< 8
    if !isCoded {
      let size = Int(truncatingIfNeeded: low &>> (headerSize == 1 ? 3 : 4))
      try setLiterals(size)
      if kind == 0 {
        guard size <= limit &- input.offset else { throw error(.invalid) }
        literals.source = .stored
        literals.cursor = input
        input.seek(to: input.offset &+ size)
      } else {
        guard input.offset < limit else { throw error(.invalid) }
        literals.begin(.repeated)
        literals.byte = UInt8(truncatingIfNeeded: input.byte())
      }
      return
    }

    let width = headerSize &* 4 &- 2
    let mask = (1 as UInt32) &<< UInt32(truncatingIfNeeded: width) &- 1
    let size = Int(truncatingIfNeeded: low &>> 4 & mask)
    var stored = low &>> UInt32(truncatingIfNeeded: width &+ 4)
    if headerSize == 5 { stored |= UInt32(truncatingIfNeeded: input.byte()) &<< 10 }
    try setLiterals(size)
    let end = input.offset &+ Int(truncatingIfNeeded: stored)
    guard end <= limit else { throw error(.invalid) }
    if kind == 2 {
      hasHuffman = tables.readHuffman(&input, limit: end)
    }
    guard hasHuffman else { throw error(.invalid) }
    literals.hasFourStreams = format > 0
    if format > 0 {
      // The table of sizes, a byte for each stream, and a literal for each but the last.
      guard size >= 6, end &- input.offset >= 10 else { throw error(.invalid) }
      literals.sizes.0 = Int(ZstandardFrame.number(&input, bytes: 2))
      literals.sizes.1 = Int(ZstandardFrame.number(&input, bytes: 2))
      literals.sizes.2 = Int(ZstandardFrame.number(&input, bytes: 2))
    }
    literals.streamsStart = input.offset
    literals.streamsEnd = end
    input.seek(to: end)
    if Machine.copiesWide, favoursSpeed, !window.isRing, size <= window.left {
      try decodeIntoTail()
    } else {
      try beginCodedLiterals()
    }
  }

  private mutating func setLiterals(_ count: Int) throws(DecodeError) {
    guard count <= frame.largestBlock else { throw error(.invalid) }
    literals.total = count
    literals.left = count
  }

  /// Begins to decode literals on demand.
  private mutating func beginCodedLiterals() throws(DecodeError) {
    literals.begin(.coded)
    literals.opened = 0
    guard literals.beginStream(input.bytes) else { throw error(.invalid) }
    try closeStreams()
  }

  /// Opens the next stream once all literals of the current one have been decoded; the last one has to end then.
  @inline(never)
  private mutating func closeStreams() throws(DecodeError) {
    while literals.leftInStream == 0 {
      guard literals.bits.isDone else { throw error(.invalid) }
      if literals.isLastStream { return }
      guard literals.beginStream(input.bytes) else { throw error(.invalid) }
    }
  }

  /// Fills `literals.cursor`, which is empty; the caller knows that there are some left.
  @inline(never)
  mutating func fetchLiterals() throws(DecodeError) {
    let scratch = unsafe tables.scratch
    var count = ZstandardTables.scratchBytes
    switch literals.source {
    case .stored, .tail:
      guard literals.cursor.advance() else { throw error(.inputEnded) }
      return
    case .repeated:
      unsafe scratch.initializeMemory(as: UInt8.self, repeating: literals.byte, count: count)
    case .coded:
      count = min(count, literals.leftInStream)
      unsafe Self.decodeHuffman(tables.huffman, &literals.bits, to: scratch, count: count)
      literals.leftInStream &-= count
      try closeStreams()
    }
    unsafe literals.cursor = InputCursor(PageVector(unsafeContiguous: Bytes(scratch), count: count))
  }

  /// Decodes `count` literals to `to`.
  @inline(never)
  static func decodeHuffman(
    _ table: UnsafeMutablePointer<UInt16>, _ bits: inout ReverseBits, to: MutableBytes, count: Int
  ) {
    var to = unsafe to
    let end = unsafe to + count
    while unsafe to < end {
      if bits.used > Machine.wordBits &- ZstandardTables.huffmanLog { bits.refill() }
      let entry = unsafe table[bits.peek(ZstandardTables.huffmanLog)]
      bits.used &+= Int(entry & 255)
      unsafe to.storeBytes(of: UInt8(truncatingIfNeeded: entry &>> 8), as: UInt8.self)
      unsafe to += 1
    }
  }

  /// Goes over from literals in the output's tail to literals on demand, because the block is longer than the output:
  /// only a prefix is decoded, and the literals would be overwritten before they are read.
  mutating func leaveTail() throws(DecodeError) {
    var skipped = literals.total &- literals.left
    try beginCodedLiterals()
    while skipped > 0 {
      if literals.cursor.inRun == 0 { try fetchLiterals() }
      let step = min(skipped, literals.cursor.inRun)
      unsafe literals.cursor.next += step
      skipped &-= step
    }
  }
}
