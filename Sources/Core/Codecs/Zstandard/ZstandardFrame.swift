// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// What a frame's header says (RFC 8878, 3.1.1.1).
struct ZstandardFrame {
  /// Largest window that EROFS allows.
  static var largestWindow: Int { 1 &<< 20 }

  /// Bytes that a match may reach back.
  var windowSize = 0
  /// Decoded bytes of the frame, where the header tells.
  var contentSize: UInt64?
  var hasChecksum = false

  /// Most bytes that a block may hold, stored or decoded.
  var largestBlock: Int { min(windowSize, 128 &<< 10) }

  init(_ input: inout InputCursor) throws(DecodeError) {
    guard input.left >= 6 else { throw input.error(.inputEnded) }
    guard Self.number(&input, bytes: 4) == 0xFD2F_B528 else { throw DecodeError(.invalid, at: 0) }
    let descriptor = input.byte()
    guard descriptor & 8 == 0 else { throw input.error(.unsupported) }
    let isSingleSegment = descriptor & 32 != 0
    hasChecksum = descriptor & 4 != 0
    if !isSingleSegment {
      let window = input.byte()
      // Exponents over 10 are far beyond the limit, and their window may not fit an Int.
      let base = 1 &<< (10 &+ min(window &>> 3, 11))
      windowSize = base &+ (base &>> 3) &* (window & 7)
    }
    let dictionaryBytes = (1 &<< (descriptor & 3)) &>> 1
    var contentBytes = (1 &<< (descriptor &>> 6)) & 14
    if contentBytes == 0, isSingleSegment { contentBytes = 1 }
    guard input.left >= dictionaryBytes &+ contentBytes else { throw input.error(.inputEnded) }
    // An identifier of 0 is as good as none.
    guard Self.number(&input, bytes: dictionaryBytes) == 0 else { throw input.error(.unsupported) }
    if contentBytes > 0 {
      var size = UInt64(Self.number(&input, bytes: min(contentBytes, 4)))
      if contentBytes == 2 { size &+= 256 }
      if contentBytes == 8 { size |= UInt64(Self.number(&input, bytes: 4)) &<< 32 }
      contentSize = size
      if isSingleSegment { windowSize = size > UInt64(Self.largestWindow) ? Int.max : Int(truncatingIfNeeded: size) }
    }
    guard windowSize <= Self.largestWindow else { throw input.error(.unsupported) }
  }

  /// The little-endian number of the next 0 ... 4 bytes, which the caller knows to be there.
  @inline(never)
  static func number(_ input: inout InputCursor, bytes: Int) -> UInt32 {
    var value: UInt32 = 0
    for i in 0..<bytes {
      value |= UInt32(truncatingIfNeeded: input.byte()) &<< UInt32(truncatingIfNeeded: i &* 8)
    }
    return value
  }
}
