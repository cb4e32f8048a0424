// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// The header of a frame (RFC 8878, 3.1.1.1), which always tells the size of the content.
struct ZstandardFrameHeader {
  let count: Int
  /// Whether the window is as large as the content; otherwise it is given, as its log2.
  private let isSingleSegment: Bool
  private let windowLog: Int
  private let sizeBytes: Int

  /// A header for any content of up to `content` bytes, whose matches reach back `1 << windowLog` at most.
  init(content: Int, windowLog: Int) {
    self.windowLog = windowLog
    isSingleSegment = content <= 1 << windowLog
    // One byte is only possible when there is no window; two hold 256 more than they say.
    sizeBytes = content < 256 && isSingleSegment ? 1 : content < 65_536 + 256 ? 2 : 4
    count = 4 + 1 + (isSingleSegment ? 0 : 1) + sizeBytes
  }

  /// Writes it for a content of `content` bytes. Nil when a smaller field is needed: two bytes cannot say less than 256.
  func write(content: Int, to output: UnsafeMutableRawBufferPointer) {
    var at = 0
    func append(_ value: Int, _ count: Int) {
      for i in 0..<count {
        output[at] = UInt8(truncatingIfNeeded: value >> (8 * i))
        at += 1
      }
    }
    append(0xFD2F_B528, 4)
    append((sizeBytes / 2) << 6 | (isSingleSegment ? 1 << 5 : 0), 1)
    if !isSingleSegment { append((windowLog - 10) << 3, 1) }
    append(sizeBytes == 2 ? content - 256 : content, sizeBytes)
  }

  /// Bytes of the header that `frame` begins with.
  static func length(_ frame: UnsafeRawBufferPointer) -> Int {
    let descriptor = Int(frame[4])
    let isSingleSegment = descriptor >> 5 & 1
    let size = descriptor >> 6 == 0 ? isSingleSegment : 1 << (descriptor >> 6)
    return 5 + (1 - isSingleSegment) + [0, 1, 2, 4][descriptor & 3] + size
  }
}

/// The header of a block (RFC 8878, 3.1.1.2).
struct ZstandardBlockHeader {
  enum Kind: Int {
    case raw, repeated, compressed
  }

  static let count = 3
  static let isLast: UInt8 = 1

  var kind: Kind
  /// Decoded bytes of a raw and a repeated block, stored ones of a compressed one.
  var size: Int

  init(_ kind: Kind, size: Int) {
    self.kind = kind
    self.size = size
  }

  /// Nil when it is not one, or the block is not whole in `bytes`.
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= Self.count else { return nil }
    let value = Int(bytes[0]) | Int(bytes[1]) << 8 | Int(bytes[2]) << 16
    guard let kind = Kind(rawValue: value >> 1 & 3) else { return nil }
    self.init(kind, size: value >> 3)
    guard Self.count + stored <= bytes.count else { return nil }
  }

  /// Bytes of the block after its header.
  var stored: Int { kind == .repeated ? 1 : size }

  func write(isLast: Bool, to output: UnsafeMutableRawBufferPointer) {
    let value = (isLast ? 1 : 0) | kind.rawValue << 1 | size << 3
    for i in 0..<Self.count { output[i] = UInt8(truncatingIfNeeded: value >> (8 * i)) }
  }
}
