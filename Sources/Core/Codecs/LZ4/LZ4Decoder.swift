// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// Decodes one LZ4 block: no frame, no dictionary, no checksum, an empty history at its start.
///
/// A block is a row of sequences: a token (count of literals in the high nibble, match length minus 4 in the low one, 15
/// meaning that bytes to add follow, up to the first that is not 255), the literals, and a match as a 2-byte
/// little-endian distance. The last sequence has literals only. It needs no memory of its own: the output is the window.
///
/// Where the stored bytes have padding after the stream (images without the feature 0PADDING), and where the stream
/// may go on after the wanted prefix, leave out ``finish()``: what follows the extent is then not looked at.
public struct LZ4Decoder: InPlaceDecoder, ~Copyable {
  /// What the next byte of input is.
  @usableFromInline
  enum Stage: UInt8 {
    /// A token, which begins a sequence.
    case token
    /// A literal, one of `count`.
    case literal
    /// A distance; or the end of the stream.
    case distance
    /// A token, once `count` bytes of a match are written.
    case match
  }

  /// Bytes of working memory: none.
  public static let workingBytes = 0

  /// Decodes in place: where the stored bytes are at the end of the memory that the extent is decoded to, and that
  /// memory is at least this many bytes longer than the extent, the decoder never writes over stored bytes that it has
  /// yet to read. (A hostile block may make it do so, and then decodes to other bytes, or not at all.)
  ///
  /// The extent must be decoded as a whole, and its block obey the end rules. The rule is liblz4's.
  ///
  /// - Parameter storedBytes: bytes of the block, without padding.
  @inlinable
  public static func inPlaceMargin(storedBytes: Int) -> Int { (storedBytes >> 8) + 32 }

  /// The shortest match.
  static let minimumMatch = 4

  @usableFromInline var input: InputCursor
  @usableFromInline var output: OutputWindow
  @usableFromInline var stage = Stage.token
  /// The current sequence's token.
  @usableFromInline var token = 0
  /// Bytes still to be copied in the stage `literal` or `match`.
  @usableFromInline var count = 0
  /// The current match's distance, or the latest one's.
  @usableFromInline var distance = Self.freeDistance
  /// Literals in the current sequence.
  @usableFromInline var literals = 0
  /// The token of the latest match. If there is none, or the end rules are kept whatever follows it, a token that requires
  /// nothing (with `freeDistance`).
  @usableFromInline var matchToken = Self.freeToken

  /// A token whose sequence is as long as the short form gets, and a distance that the short form may have.
  @inlinable static var freeToken: Int { 0xEE }
  @inlinable static var freeDistance: Int { 8 }

  @inlinable
  public init(input: PageVector, output: MutablePageVector, length: Int, memory: WorkingMemory) throws(DecodeError) {
    self.input = InputCursor(before: input)
    self.output = OutputWindow(output, length: length)
    if !self.output.isUsable { throw DecodeError(.memory, at: 0) }
  }

  public var produced: Int { output.position }
  public var consumed: Int { input.offset }
  public mutating func inputMoved() { input.seek(to: input.offset) }

  /// - Throws: ``DecodeError/Reason/inputEnded``, ``DecodeError/Reason/outputShort`` where the stream ends before `end`,
  ///   ``DecodeError/Reason/distance``, and ``DecodeError/Reason/invalid`` for a distance of 0.
  public mutating func decode(to end: Int) throws(DecodeError) {
    if let reason = advance(to: min(end, output.length)) { throw DecodeError(reason, at: input.offset) }
  }

  /// Checks the end of the stream as liblz4 does: the input is used up, and the last match leaves room for the literals
  /// that an encoder has to leave there.
  ///
  /// - Throws: ``DecodeError/Reason/outputShort`` where the extent is not decoded to its end,
  ///   ``DecodeError/Reason/outputLong``, ``DecodeError/Reason/inputEnded``, ``DecodeError/Reason/trailingInput``, and
  ///   ``DecodeError/Reason/invalid`` for too few literals after the last match.
  public mutating func finish() throws(DecodeError) {
    if let reason = flaw() { throw DecodeError(reason, at: input.offset) }
  }

  // MARK: A sequence in parts

  /// Decodes to `end`. Returns the reason if it could not.
  private mutating func advance(to end: Int) -> DecodeError.Reason? {
    while true {
      let left = end &- output.position
      if left <= 0 { return nil }
      if !Machine.isSmall, stage == .token || stage == .distance, decodeInRun(atMost: left) { continue }
      switch stage {
      case .token:
        if Machine.isSmall {
          if Machine.copiesWords(storedBytes: input.bytes.count) {
            Self.decodeWords(&self, atMost: left)
          } else {
            Self.decodeShort(&self, atMost: left)
          }
          if stage != .token { continue }
        }
        if !Self.readToken(&self) { return .inputEnded }
      case .distance:
        let low = Self.readByte(&self)
        if low < 0 { return .outputShort }
        distance = Self.readByte(&self) &<< 8 | low
        // In builds for size, `copyPiece` checks the distance.
        if !Machine.isSmall, distance == 0 { return .invalid }
        if !Machine.isSmall, distance > output.reach { return .distance }
        // A distance that the end of the input cut off is negative, and then no length follows either.
        count = Self.readLength(&self, token & 15) &+ Self.minimumMatch
        if distance < 0 || count < Self.minimumMatch { return .inputEnded }
        matchToken = token
        stage = .match
      case .literal, .match:
        if Machine.isSmall {
          if let reason = copyPiece(atMost: left) { return reason }
          continue
        }
        let isMatch = stage == .match
        let step = min(left, count)
        count &-= step
        if isMatch {
          output.appendMatch(distance: distance, count: step)
        } else if !output.appendLiterals(from: &input, count: step) {
          return .inputEnded
        }
        if count == 0 { stage = isMatch ? .token : .distance }
      }
    }
  }

  /// Checks the end of the stream. Returns the reason if it is wrong.
  private mutating func flaw() -> DecodeError.Reason? {
    if output.left > 0 { return .outputShort }
    if stage == .token {
      if !Self.readToken(&self) { return .inputEnded }
      // The one stream for nothing is a zero byte.
      if output.length == 0 { count |= token }
    }
    if count > 0 { return .outputLong }
    if input.left > 0 { return .trailingInput }
    return literals < tail ? .invalid : nil
  }

  // No methods: there `self` is in a register that only the long instructions of Thumb reach.

  /// The next byte of input; -1 at its end.
  @inline(never)
  private static func readByte(_ decoder: inout LZ4Decoder) -> Int { decoder.input.byte() }

  /// A length from its nibble in the token, with the bytes that add to it; negative where the input ends.
  ///
  /// One that no memory could hold is cut: there are fewer bytes than that on either side.
  @inline(never)
  private static func readLength(_ decoder: inout LZ4Decoder, _ nibble: Int) -> Int {
    var length = nibble
    if nibble == 15 {
      var byte: Int
      repeat {
        byte = readByte(&decoder)
        if byte < 0 { return Int.min }
        if length < Int.max &>> 1 { length &+= byte }
      } while byte == 255
    }
    return length
  }

  /// Begins a sequence; false where the input ends.
  @inline(never)
  private static func readToken(_ decoder: inout LZ4Decoder) -> Bool {
    decoder.token = readByte(&decoder)
    if decoder.token < 0 { return false }
    decoder.count = readLength(&decoder, decoder.token &>> 4)
    decoder.literals = decoder.count
    decoder.stage = .literal
    return decoder.count >= 0
  }

  /// Literals that the last sequence needs to have, by the end rules, if the latest match was the last.
  ///
  /// The format wants the last 5 bytes to be literals and the last match to start 12 bytes before the end or earlier.
  /// liblz4 enforces that, but for sequences of its short form (no length bytes, no distance below 8) that start 32
  /// bytes before the end of the output, and whose token has 17 bytes of input after it.
  private var tail: Int {
    let nibble = matchToken & 15
    // The match is `nibble + 4` long, or so long that the 12 bytes do not matter.
    let strict = max(5, 8 &- nibble)
    if matchToken >= 0xF0 || nibble == 15 || distance < 8 { return strict }
    // Of 32 bytes what the sequence takes itself. That leaves 14, which is more than the input needs.
    return min(strict, 28 &- nibble &- matchToken &>> 4)
  }
}
