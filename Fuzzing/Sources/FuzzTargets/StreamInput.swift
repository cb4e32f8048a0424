// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import FuzzKit

/// An input of a decoder: eight bytes that say how it is called, and the stream.
///
///     0 ... 2  decoded length, little-endian, at most 2^17
///     3        bits: 0 the stream lies at the end of its memory, 1 the output does
///     4        low half log2 of the input's frame size, high half of the output's; 12 and more are 12
///     5        where in its first frame the input starts
///     6        bytes of a step: 1, 2, 3, 5, 8 … up to all
///     7        size of the ring that is tried besides
struct StreamInput {
  static let headerSize = 8
  static let longest = 1 << 17

  var length: Int
  var streamAtEnd: Bool
  var outputAtEnd: Bool
  var inputShift: Int
  var outputShift: Int
  var inputOffset: Int
  var step: Int
  var ring: Int
  var stream: ArraySlice<UInt8>

  init?(_ input: [UInt8]) {
    guard input.count >= Self.headerSize else { return nil }
    length = min(Int(input[0]) | Int(input[1]) << 8 | Int(input[2]) << 16, Self.longest)
    streamAtEnd = input[3] & 1 == 0
    outputAtEnd = input[3] & 2 == 0
    inputShift = min(12, Int(input[4] & 15))
    outputShift = min(12, Int(input[4] >> 4))
    inputOffset = Int(input[5]) & ((1 << inputShift) - 1)
    step = input[6] >= 32 ? Int.max : Self.steps[Int(input[6])]
    ring = 65 + Int(input[7]) * 97
    stream = input[Self.headerSize...]
  }

  private static let steps: [Int] = {
    var steps = [1, 2]
    while steps.count < 32 { steps.append(steps[steps.count - 1] + steps[steps.count - 2]) }
    return steps
  }()

  /// An input from a stream that an encoder made.
  static func make(_ stream: [UInt8], length: Int, _ random: inout FuzzRandom) -> [UInt8] {
    let layout = (0..<5).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    return [UInt8(length & 255), UInt8(length >> 8 & 255), UInt8(length >> 16)] + layout + stream
  }
}

/// Data of several kinds to make streams of.
enum SampleData: CaseIterable {
  case zeros, text, records, runs, mixed, noise

  func bytes(_ count: Int, _ random: inout FuzzRandom) -> [UInt8] {
    let words = ["page", "frame", "superblock", "inode", " of ", " the ", "extent", "\n", "; ", "cluster", "0x"]
    var bytes: [UInt8] = []
    while bytes.count < count {
      switch self {
      case .zeros: bytes += [UInt8](repeating: 0, count: count)
      case .text: bytes += Array(words[random.below(words.count)].utf8)
      case .records:
        let id = bytes.count / 12
        bytes += [0x7F, 0x45, 0, 0, UInt8(id & 255), UInt8(id >> 8 & 255), 1, 0, UInt8(random.below(4)), 9, 9, 0]
      case .runs: bytes += [UInt8](repeating: UInt8(random.below(5)), count: 1 + random.below(200))
      case .mixed:
        if bytes.count > 200, random.below(2) == 0 {
          let distance = 1 + random.below(200)
          for _ in 0...random.below(80) { bytes.append(bytes[bytes.count - distance]) }
        } else {
          for _ in 0...random.below(40) { bytes.append(UInt8(truncatingIfNeeded: random.next())) }
        }
      case .noise: bytes.append(UInt8(truncatingIfNeeded: random.next()))
      }
    }
    return Array(bytes.prefix(count))
  }
}
