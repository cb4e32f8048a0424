// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// Decodes one Zstandard frame (RFC 8878) with magic number and without dictionary, as EROFS stores an extent.
///
/// Its working memory holds tables and nothing else: the output is the window, and a block's literals are never
/// gathered in a buffer. Raw ones are read where they are stored; Huffman-coded ones wait in those last bytes of the
/// output that the block itself will not reach before it has read them, or, where there is no such place (a ring, a
/// prefix), are decoded a few at a time. On 32-bit machines they always are, which saves text.
///
/// Stricter than libzstd where RFC 8878 is: a distance beyond the window, and a block that decodes to more than the
/// format's maximum, are refused; so is a Huffman code of 12 bits. A window, or a single segment, of more than 1 MiB is
/// ``DecodeError/Reason/unsupported``, as it is for Linux. A prefix of an extent is checked as far as it was decoded.
public struct ZstandardDecoder: Decoder, ~Copyable {
  /// Bytes of working memory.
  public static let workingBytes = 16384

  enum State: UInt8 {
    /// A block header comes next, or, after the last block, the frame's end.
    case betweenBlocks
    case raw, rle, compressed
  }

  var input: InputCursor
  var window: OutputWindow
  let tables: ZstandardTables
  let frame: ZstandardFrame
  /// Largest distance that a match may have.
  let farthest: Int
  /// False in tests that want a 64-bit machine to go the way that 32-bit machines go.
  let favoursSpeed: Bool

  var state = State.betweenBlocks
  var isLastBlock = false
  /// Raw and RLE blocks: bytes still to come.
  var blockLeft = 0
  /// Compressed blocks: the position that the block may at most reach.
  var blockLimit = 0
  /// The byte of an RLE block.
  var blockByte: UInt8 = 0

  var literals = ZstandardLiterals()
  /// Whether `tables.huffman` has been built.
  var hasHuffman = false
  var sequences = ZstandardSequences()

  private var checksum: XXHash64
  /// Where in the output frames the first byte is that is not in `checksum`.
  private var checksumFrame = 0

  public init(
    input: PageVector, output: MutablePageVector, length: Int, memory: WorkingMemory
  ) throws(DecodeError) {
    try self.init(input: input, output: output, length: length, memory: memory, favoursSpeed: true)
  }

  init(
    input: PageVector, output: MutablePageVector, length: Int, memory: WorkingMemory, favoursSpeed: Bool
  ) throws(DecodeError) {
    guard let start = unsafe memory.unsafeStart(of: Self.workingBytes) else { throw DecodeError(.memory, at: 0) }
    let window = OutputWindow(output, length: length)
    guard window.isUsable else { throw DecodeError(.memory, at: 0) }
    var cursor = InputCursor(before: input)
    let frame = try ZstandardFrame(&cursor)
    self.input = cursor
    self.window = window
    self.frame = frame
    self.favoursSpeed = favoursSpeed
    unsafe tables = ZstandardTables(unsafeStart: start)
    checksum = unsafe XXHash64(unsafeLanes: tables.lanes)
    farthest = window.isRing ? min(frame.windowSize, output.count &- OutputWindow.ringSlack) : frame.windowSize
  }

  public var produced: Int { window.position }

  @inline(never)
  public mutating func decode(to end: Int) throws(DecodeError) {
    let end = min(end, window.length)
    guard frame.hasChecksum, window.isRing else { return try run(to: end) }
    // A ring's bytes are hashed before they are gone; up to 31 wait for the next stripe.
    while window.position < end {
      try run(to: min(end, window.position &+ window.frames.count &- OutputWindow.ringSlack))
      checksum.update(window.frames.readOnly, frame: &checksumFrame, to: window.position)
    }
  }

  public mutating func finish() throws(DecodeError) {
    guard window.left == 0 else { throw error(.outputShort) }
    // What may follow the last byte: the end of its block, and blocks of no bytes.
    while !(state == .betweenBlocks && isLastBlock) {
      switch state {
      case .betweenBlocks: try beginBlock()
      case .raw, .rle: throw error(.outputLong)
      case .compressed:
        guard sequences.isDone, literals.left == 0 else { throw error(.outputLong) }
        state = .betweenBlocks
      }
    }
    if let size = frame.contentSize, size != UInt64(truncatingIfNeeded: window.length) { throw error(.invalid) }
    if frame.hasChecksum {
      guard input.left >= 4 else { throw error(.inputEnded) }
      let stored = ZstandardFrame.number(&input, bytes: 4)
      let frames = window.frames.readOnly
      checksum.update(frames, frame: &checksumFrame, to: window.length)
      guard checksum.finish(frames, frame: checksumFrame, total: window.length) == stored else {
        throw error(.invalid)
      }
    }
    guard input.left == 0 else { throw error(.trailingInput) }
  }

  func error(_ reason: DecodeError.Reason) -> DecodeError { input.error(reason) }

  /// Decodes up to position `end`, at most the extent's length.
  @inline(never)
  private mutating func run(to end: Int) throws(DecodeError) {
    while window.position < end {
      switch state {
      case .betweenBlocks:
        if isLastBlock { throw error(.outputShort) }
        try beginBlock()
      case .raw:
        let count = min(blockLeft, end &- window.position)
        guard window.appendLiterals(from: &input, count: count) else { throw error(.inputEnded) }
        blockLeft &-= count
        if blockLeft == 0 { state = .betweenBlocks }
      case .rle:
        let count = min(blockLeft, end &- window.position)
        window.appendRun(of: blockByte, count: count)
        blockLeft &-= count
        if blockLeft == 0 { state = .betweenBlocks }
      case .compressed:
        try executeBlock(to: end)
      }
    }
  }

  /// Reads a block's header, and all of a compressed block that comes before its sequences (RFC 8878, 3.1.1.2).
  private mutating func beginBlock() throws(DecodeError) {
    guard input.left >= 3 else { throw error(.inputEnded) }
    let header = Int(ZstandardFrame.number(&input, bytes: 3))
    isLastBlock = header & 1 != 0
    let size = header &>> 3
    guard size <= frame.largestBlock else { throw error(.invalid) }
    blockLeft = size
    switch (header &>> 1) & 3 {
    case 0:
      guard size <= input.left else { throw error(.inputEnded) }
      if size > 0 { state = .raw }
    case 1:
      guard input.left > 0 else { throw error(.inputEnded) }
      blockByte = UInt8(truncatingIfNeeded: input.byte())
      if size > 0 { state = .rle }
    case 2:
      guard size <= input.left else { throw error(.inputEnded) }
      let end = input.offset &+ size
      blockLimit = window.position &+ frame.largestBlock
      try beginLiterals(limit: end)
      try beginSequences(limit: end)
      input.seek(to: end)
      state = .compressed
    default:
      throw error(.invalid)
    }
  }
}
