// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A sequence as a block has it: codes and the bits beside them. Offsets stay as they are coded: before and after a cut the
/// same sequences come before one, so that the recent offsets are the same.
struct ZstandardSequence {
  /// Literals before the match.
  var literals: Int32
  /// Bytes of the match.
  var match: Int32
  /// Bits of the stream from its beginning to the end of this sequence, without those that lead to the next.
  var end: UInt32
  var offsetBits: UInt32
  var literalBits: UInt16
  var matchBits: UInt16
  var literalCode: UInt8
  var matchCode: UInt8
  var offsetCode: UInt8

  // Bits and values of the codes (RFC 8878, 3.1.1.3.2.1.1). Lengths without bits come first; then their number rises slowly,
  // and from a point on by one for each code.

  static let highestLiteralCode = 35
  static let highestMatchCode = 52
  /// An offset of 2 MiB: more than any window.
  static let highestOffsetCode = 21

  @inline(__always)
  static func literalWidth(_ code: Int) -> Int {
    code < 16 ? 0 : code < 25 ? max(1, (code - 16) >> 1) : code - 19
  }

  @inline(__always)
  static func matchWidth(_ code: Int) -> Int {
    code < 32 ? 0 : code < 43 ? max(1, (code - 32) >> 1) : code - 36
  }

  /// The lowest value of each code.
  static let literalBases = bases(highestLiteralCode, 0, literalWidth)
  static let matchBases = bases(highestMatchCode, 3, matchWidth)

  private static func bases(_ highest: Int, _ first: Int, _ width: (Int) -> Int) -> [Int32] {
    var base = first
    return (0...highest).map { code in
      defer { base += 1 << width(code) }
      return Int32(base)
    }
  }

  // MARK: The predefined codes (RFC 8878, 3.1.1.3.2.2)

  static func predefinedLiterals() -> [Int16] {
    (0...highestLiteralCode).map { code in
      switch code {
      case 0: 4
      case 1, 25: 3
      case 13...15, 27...31: 1
      case 32...: -1
      default: 2
      }
    }
  }

  static func predefinedMatches() -> [Int16] {
    (0...highestMatchCode).map { code in
      switch code {
      case 1: 4
      case 2: 3
      case 3...8: 2
      case 46...: -1
      default: 1
      }
    }
  }

  static func predefinedOffsets() -> [Int16] {
    (0...28).map { code in
      switch code {
      case 6...8: 2
      case 24...: -1
      default: 1
      }
    }
  }
}
