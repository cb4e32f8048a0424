// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// The three numbers that a stream's first byte holds: its complement is (pb * 5 + lp) * 9 + lc.
struct MicroLZMAProperties {
  /// High bits of the byte before that choose a literal's tree: 0 ... 4.
  let literalContextBits: Int
  /// Low bits of the position that choose a literal's tree: 0 ... 4.
  let literalPositionBits: Int
  /// Low bits of the position that choose a match's models: 0 ... 4.
  let positionBits: Int

  var literalBits: Int { literalContextBits &+ literalPositionBits }

  /// Throws ``DecodeError/Reason/invalid`` for a byte that no properties give, and ``DecodeError/Reason/unsupported``
  /// where lc + lp is over 4, which LZMA of old allowed and liblzma does not.
  init(firstByte: UInt8) throws(DecodeError) {
    let value = Int(~firstByte)
    guard value < 9 * 5 * 5 else { throw DecodeError(.invalid, at: 0) }
    literalContextBits = value % 9
    literalPositionBits = value / 9 % 5
    positionBits = value / 45
    guard literalBits <= 4 else { throw DecodeError(.unsupported, at: 0) }
  }
}

extension MicroLZMADecoder {
  /// Bytes of working memory for a stream whose lc + lp is `lcPlusLp` (0 ... 4; any other value counts as 4).
  public static func workingBytes(literalBits lcPlusLp: Int) -> Int {
    let bits = lcPlusLp >= 0 && lcPlusLp <= 4 ? lcPlusLp : 4
    return 2 * (ModelLayout.literals + (ModelLayout.literalTree << bits))
  }

  /// Bytes of working memory that are enough for every stream: 28 268.
  public static var workingBytes: Int { workingBytes(literalBits: 4) }

  /// Bytes of working memory for the stream that begins with `firstByte`; nil where no stream does.
  public static func workingBytes(firstByte: UInt8) -> Int? {
    guard let properties = try? MicroLZMAProperties(firstByte: firstByte) else { return nil }
    return workingBytes(literalBits: properties.literalBits)
  }
}

/// Where the probabilities of each kind begin, counted in probabilities from the start of the working memory.
enum ModelLayout {
  static var isMatch: Int { 0 }
  static var isRepeat: Int { isMatch + 12 * 16 }
  static var isRepeat0: Int { isRepeat + 12 }
  static var isRepeat1: Int { isRepeat0 + 12 }
  static var isRepeat2: Int { isRepeat1 + 12 }
  static var isLongRepeat0: Int { isRepeat2 + 12 }
  static var distanceSlot: Int { isLongRepeat0 + 12 * 16 }
  /// Reverse trees of distance slots 4 ... 13 one after the other. They have no node 0, so the first begins one early.
  static var distanceTail: Int { distanceSlot + 4 * 64 - 1 }
  static var distanceAlign: Int { distanceTail + 1 + 114 }
  static var matchLength: Int { distanceAlign + 16 }
  static var repeatLength: Int { matchLength + lengthCoder }
  static var literals: Int { repeatLength + lengthCoder }
  static var literalTree: Int { 0x300 }

  /// Of one length coder: two choices, then trees of 3, 3 and 8 bits, the first two for each position.
  static var lengthCoder: Int { 2 + 16 * 8 + 16 * 8 + 256 }
}
