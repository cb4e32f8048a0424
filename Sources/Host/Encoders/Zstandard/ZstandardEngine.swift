// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CZstd

/// Zstandard with libzstd, which has no limit for its output: a stream is fed with a little more than will fit, and the block
/// in which the cluster ends is cut.
final class ZstandardEngine: Engine {
  /// From this level on compression takes so long that finding out beforehand how much will fit is nothing beside it.
  private static let firstSlowLevel = 6
  /// The most bytes that a block decodes to.
  private static let largestBlock = 1 << 17
  /// Bytes that must be readable after what bits are read from.
  private static let padding = 16

  private let level: Int
  private let windowLog: Int
  private let context: OpaquePointer
  /// A fast one, to find out how much will fit.
  private let probe: OpaquePointer
  private let scratch = Scratch()
  private let reader = ZstandardBlockReader()
  private let cutter: ZstandardCutter

  init(_ encoding: Encoding) throws(EncoderError) {
    level = encoding.level
    windowLog = encoding.dictionarySize.trailingZeroBitCount
    guard let context = ZSTD_createCCtx() else { throw .memory(.zstd) }
    guard let probe = ZSTD_createCCtx() else {
      ZSTD_freeCCtx(context)
      throw .memory(.zstd)
    }
    self.context = context
    self.probe = probe
    cutter = ZstandardCutter(reader)
    try check(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, CInt(level)))
    try check(ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, CInt(windowLog)))
    try check(ZSTD_CCtx_setParameter(probe, ZSTD_c_compressionLevel, 1))
    try check(ZSTD_CCtx_setParameter(probe, ZSTD_c_windowLog, CInt(windowLog)))
  }

  deinit {
    ZSTD_freeCCtx(context)
    ZSTD_freeCCtx(probe)
  }

  func encodeAll(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(EncoderError) -> Int? {
    try check(ZSTD_CCtx_reset(context, ZSTD_reset_session_only))
    try check(ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 1))
    let room = scratch.reserve(ZSTD_compressBound(input.count))
    let count = try check(ZSTD_compress2(context, room.baseAddress!, room.count, input.baseAddress!, input.count))
    guard count <= output.count else { return nil }
    output.copyMemory(from: UnsafeRawBufferPointer(rebasing: room[..<count]))
    return count
  }

  func fill(
    _ output: UnsafeMutableRawBufferPointer, from input: UnsafeRawBufferPointer, expecting expected: Int?
  ) throws(EncoderError) -> Encoded {
    let stream = try self.stream(input, limit: output.count, expected)
    return assemble(stream, input, output)
  }

  // MARK: Compressing

  /// Blocks of libzstd, a little more than fit.
  private struct Stream {
    /// Whole blocks, and perhaps the beginning of one.
    var bytes: UnsafeRawBufferPointer
    /// How much of the input is in them.
    var fed = 0
    /// The last piece that was fed: where its first block is, and where it begins in the input.
    var piece = (at: 0, fed: 0)
    /// Whether everything was fed, and fits.
    var isWhole = false
  }

  private func stream(
    _ input: UnsafeRawBufferPointer, limit: Int, _ expected: Int?
  ) throws(EncoderError) -> Stream {
    // A block that begins before the limit is whole in it.
    let capacity = limit + Self.largestBlock + 64
    let room = scratch.reserve(capacity + Self.padding)
    var (target, isMeasured) = try guessedLength(input, room, limit, expected)
    let hint = min(input.count, isMeasured ? target + target / 16 : max(target, 4 * limit))
    try begin(hint: hint)
    var stream = Stream(bytes: UnsafeRawBufferPointer(start: nil, count: 0))
    var made = 0
    while true {
      if stream.fed > 0, stream.fed >= target || !isMeasured {
        // What is left, by what was made up to here.
        let ratio = Double(stream.fed) / Double(made)
        let left = Double(limit - made)
        target = stream.fed + max(256, Int(min(left * ratio * (isMeasured ? 1.105 : 1.06), 1e9)))
        if !isMeasured, hint < min(target, input.count, 1 << windowLog) {
          // Far more fits than the window was made for: once again, with a larger one.
          try begin(hint: min(target + target / 16, input.count))
          stream.fed = 0
          made = 0
        }
        isMeasured = true
      }
      let isFirst = stream.fed == 0
      let piece = min(Self.largestBlock, target - stream.fed, input.count - stream.fed)
      let isLast = stream.fed + piece == input.count
      stream.piece = (made, stream.fed)
      var source = ZSTD_inBuffer(src: input.baseAddress!, size: stream.fed + piece, pos: stream.fed)
      var result = ZSTD_outBuffer(dst: room.baseAddress!, size: capacity, pos: made)
      while try check(ZSTD_compressStream2(context, &result, &source, isLast ? ZSTD_e_end : ZSTD_e_flush)) > 0,
        result.pos < capacity
      {}
      made = result.pos
      stream.fed += piece
      let foreign = ZstandardFrameHeader.length(UnsafeRawBufferPointer(room))
      if isFirst { stream.piece.at = foreign }
      let size = made - foreign + ZstandardFrameHeader(content: stream.fed, windowLog: windowLog).count
      if size > limit || isLast || limit - size < 8 {
        stream.bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[..<made])
        stream.isWhole = size <= limit
        return stream
      }
    }
  }

  /// Begins a frame of about `hint` bytes.
  private func begin(hint: Int) throws(EncoderError) {
    try check(ZSTD_CCtx_reset(context, ZSTD_reset_session_only))
    try check(ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0))
    // ZSTD_c_srcSizeHint: a window and tables of the right size. A library that refuses it does as well.
    _ = ZSTD_CCtx_setParameter(context, ZSTD_c_experimentalParam7, CInt(hint))
  }

  /// A little more than what will probably fit, and whether that is more than a wild guess.
  private func guessedLength(
    _ input: UnsafeRawBufferPointer, _ room: UnsafeMutableRawBufferPointer, _ limit: Int, _ expected: Int?
  ) throws(EncoderError) -> (Int, Bool) {
    if level < Self.firstSlowLevel {
      if let expected, expected > 0 { return (min(expected, input.count) * 21 / 20 + 1, true) }
      // A whole block is good anyhow, and what comes next is measured by it.
      if limit >= Self.largestBlock / 4 { return (Self.largestBlock, false) }
    }
    var guess = min(max(expected ?? 0, 3 * limit), 16 * limit)
    for _ in 0..<3 {
      let count = min(guess, input.count, room.count - 1024)
      let size = ZSTD_compress2(probe, room.baseAddress!, room.count, input.baseAddress!, count)
      guard ZSTD_isError(size) == 0, size > 0 else { return (max(256, count / 2), false) }
      // Slow levels make it smaller than the fast one.
      let share = Double(limit) / Double(max(size * (level >= 13 ? 85 : 90) / 100, 1))
      guess = Int(min(Double(count) * share * 1.035, Double(Encoder.longestExtent)))
      if count == input.count || guess < 2 * count { break }
    }
    return (max(guess, 64), true)
  }

  // MARK: Putting together

  /// Makes a frame of the blocks that fit, and of the first part of the one that does not.
  private func assemble(
    _ stream: Stream, _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
  ) -> Encoded {
    let header = ZstandardFrameHeader(content: stream.fed, windowLog: windowLog)
    guard output.count > header.count + ZstandardBlockHeader.count else { return .nothing }
    var at = ZstandardFrameHeader.length(stream.bytes)
    var made = header.count
    var decoded = 0
    /// Where the last block's header is.
    var last: Int?
    while at < stream.bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: stream.bytes[at...])
      guard let block = ZstandardBlockHeader(rest) else { break }
      if at == stream.piece.at { decoded = stream.piece.fed }
      let isInLastPiece = at >= stream.piece.at
      let content = UnsafeRawBufferPointer(rebasing: rest[ZstandardBlockHeader.count...].prefix(block.stored))
      var parsed: ZstandardBlock?
      if block.kind == .compressed, !stream.isWhole {
        parsed = reader.read(content, readsSequences: isInLastPiece)
      }
      let count = ZstandardBlockHeader.count + block.stored
      let ours = UnsafeMutableRawBufferPointer(rebasing: output[made...])
      guard count <= ours.count else {
        if let more = cut(block, parsed, content, input, decoded, into: ours) {
          decoded += more.decoded
          last = made
          made += more.stored
        }
        break
      }
      if !stream.isWhole, isInLastPiece {
        // A block that cannot be read is as good as one that does not fit.
        guard block.kind != .compressed || parsed != nil else { break }
        decoded += block.kind == .compressed ? parsed!.decoded : block.size
      }
      if block.size > 0 || stream.isWhole {
        ours.copyMemory(from: UnsafeRawBufferPointer(rebasing: rest[..<count]))
        ours[0] &= ~ZstandardBlockHeader.isLast
        last = made
        made += count
      }
      at += count
    }
    if stream.isWhole { decoded = stream.fed }
    guard let last, decoded > 0 else { return .nothing }
    output[last] |= ZstandardBlockHeader.isLast
    return finish(decoded, header, made, output)
  }

  /// Writes the header, after moving the blocks when it is shorter than was thought.
  private func finish(
    _ decoded: Int, _ thought: ZstandardFrameHeader, _ made: Int, _ output: UnsafeMutableRawBufferPointer
  ) -> Encoded {
    let header = ZstandardFrameHeader(content: decoded, windowLog: windowLog)
    let start = output.baseAddress!
    (start + header.count).copyMemory(from: start + thought.count, byteCount: made - thought.count)
    header.write(content: decoded, to: output)
    return Encoded(decoded: decoded, stored: made - thought.count + header.count)
  }

  /// Writes a block of as much of one as fits.
  private func cut(
    _ block: ZstandardBlockHeader, _ parsed: ZstandardBlock?, _ content: UnsafeRawBufferPointer,
    _ input: UnsafeRawBufferPointer, _ from: Int, into output: UnsafeMutableRawBufferPointer
  ) -> Encoded? {
    let room = output.count - ZstandardBlockHeader.count
    guard room > 0 else { return nil }
    let body = UnsafeMutableRawBufferPointer(rebasing: output[ZstandardBlockHeader.count...])
    let rest = UnsafeRawBufferPointer(rebasing: input[from...])
    if block.kind == .compressed, let parsed, parsed.decoded <= rest.count {
      let source = UnsafeRawBufferPointer(rebasing: rest[..<parsed.decoded])
      // A block must not be longer stored than decoded.
      if let made = cutter.cut(parsed, content, source: source, into: body), made.decoded > made.stored {
        ZstandardBlockHeader(.compressed, size: made.stored).write(isLast: true, to: output)
        // Otherwise raw bytes are more.
        if made.decoded >= room {
          return Encoded(decoded: made.decoded, stored: made.stored + ZstandardBlockHeader.count)
        }
      }
    }
    let count = min(room, rest.count, Self.largestBlock, 1 << windowLog)
    guard count > 0 else { return nil }
    body.copyMemory(from: UnsafeRawBufferPointer(rebasing: rest[..<count]))
    ZstandardBlockHeader(.raw, size: count).write(isLast: true, to: output)
    return Encoded(decoded: count, stored: count + ZstandardBlockHeader.count)
  }

  @discardableResult
  private func check(_ result: Int) throws(EncoderError) -> Int {
    guard ZSTD_isError(result) != 0 else { return result }
    let name = String(cString: ZSTD_getErrorName(result))
    throw ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation ? .memory(.zstd) : .library(.zstd, name)
  }
}
