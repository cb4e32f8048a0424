// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// MicroLZMA, as XZ Utils defined it for EROFS: raw LZMA1 without header and end marker, whose first byte, always 0 in
/// LZMA, holds the complement of the properties instead.
///
/// The dictionary is the output: a distance may reach back to the extent's first byte, or as far as a ring keeps.
/// ``finish()`` gives the verdict of liblzma's `lzma_microlzma_decoder` told the exact sizes.
@safe
public struct MicroLZMADecoder: InPlaceDecoder, ~Copyable {
  typealias Model = RangeDecoder.Model

  var input: InputCursor
  var window: OutputWindow
  let models: Model
  var range: UInt32
  var code: UInt32
  /// The last four distances, less 1.
  var distances: (UInt32, UInt32, UInt32, UInt32)
  /// What the last symbols were, 0 ... 11; from 7 on the last one was a match.
  var state: Int
  /// Bytes of the last match that are still to be written.
  var pending: Int
  let properties: MicroLZMAProperties

  public init(
    input: PageVector, output: MutablePageVector, length: Int, memory: WorkingMemory
  ) throws(DecodeError) {
    guard let first = input.byte(at: 0) else { throw DecodeError(.inputEnded, at: 0) }
    let properties = try MicroLZMAProperties(firstByte: first)
    let needed = Self.workingBytes(literalBits: properties.literalBits)
    let window = OutputWindow(output, length: length)
    guard window.isUsable, let start = unsafe memory.unsafeStart(of: needed) else { throw DecodeError(.memory, at: 0) }
    guard input.count >= 5 else { throw DecodeError(.inputEnded, at: input.count) }
    unsafe models = start.bindMemory(to: UInt16.self, capacity: needed / 2)
    unsafe models.update(repeating: RangeDecoder.evenOdds, count: needed / 2)
    self.input = InputCursor(before: input)
    var code: UInt32 = 0
    for _ in 0..<5 { code = code &<< 8 | UInt32(truncatingIfNeeded: self.input.byte()) }
    self.window = window
    self.properties = properties
    self.code = code
    range = .max
    distances = (0, 0, 0, 0)
    state = 0
    pending = 0
  }

  public var produced: Int { window.position }
  public var consumed: Int { input.offset }
  public mutating func inputMoved() { input.seek(to: input.offset) }

  public mutating func decode(to end: Int) throws(DecodeError) {
    let end = min(end, window.length)
    // Where fewer bytes are left in a run than a symbol may take, they are put together here with those that follow.
    var seam = Seam()
    while window.position < end {
      if pending > 0 {
        let count = min(pending, end &- window.position)
        window.appendMatch(distance: Int(truncatingIfNeeded: distances.0) &+ 1, count: count)
        pending &-= count
        continue
      }
      guard window.hasRoom() else { throw DecodeError(.memory, at: input.offset) }
      let room = min(window.room, end &- window.position)
      if input.inRun > RangeDecoder.symbolBytes {
        var next = unsafe input.next
        let refusal = unsafe decodeRun(
          from: &next, through: input.end - RangeDecoder.symbolBytes, until: window.next + room)
        unsafe input.next = next
        if let refusal { throw DecodeError(refusal, at: input.offset) }
      } else {
        try decodeSeam(&seam, room: room)
      }
    }
  }

  /// Decodes on over the edge of a run, or to the end of the input.
  @inline(never)
  private mutating func decodeSeam(_ seam: inout Seam, room: Int) throws(DecodeError) {
    let start = input.offset
    let left = input.left
    var refusal: DecodeError.Reason?
    var taken = 0
    unsafe withUnsafeMutableBytes(of: &seam.bytes) { buffer in
      let bytes = buffer.baseAddress!
      let count = min(left, Seam.inputBytes)
      for i in 0..<Seam.inputBytes + RangeDecoder.symbolBytes {
        let byte = i < count ? input.byte() : 0
        unsafe bytes.storeBytes(of: UInt8(truncatingIfNeeded: byte), toByteOffset: i, as: UInt8.self)
      }
      var next = Bytes(bytes)
      // At the input's end a symbol may read the zeros after it; that it did so is seen afterwards.
      let through = count == left ? count : count &- RangeDecoder.symbolBytes
      refusal = unsafe decodeRun(from: &next, through: next + through, until: window.next + room)
      taken = unsafe next - Bytes(bytes)
    }
    guard taken <= left else { throw DecodeError(.inputEnded, at: input.offset) }
    input.seek(to: start &+ taken)
    if let refusal { throw DecodeError(refusal, at: input.offset) }
  }

  /// Checks, as liblzma does where it knows both sizes, that no match continues after the extent, that the arithmetic
  /// decoder has come down to 0, which is what an encoder's flush leaves, and that no input is left.
  public mutating func finish() throws(DecodeError) {
    guard window.position == window.length else { throw DecodeError(.outputShort, at: input.offset) }
    guard pending == 0 else { throw DecodeError(.outputLong, at: input.offset) }
    if range < 1 << 24 {
      let byte = input.byte()
      guard byte >= 0 else { throw DecodeError(.inputEnded, at: input.offset) }
      range = range &<< 8
      code = code &<< 8 | UInt32(truncatingIfNeeded: byte)
    }
    guard code == 0 else { throw DecodeError(.outputLong, at: input.offset) }
    guard input.left == 0 else { throw DecodeError(.trailingInput, at: input.offset) }
  }

  /// Room for the bytes on both sides of a run's edge.
  private struct Seam {
    static var inputBytes: Int { 64 }
    var bytes: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
    init() { bytes = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) }
  }
}
