// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CZstd
import TestSupport
import Testing

@testable import Codecs

/// The rules of Huffman-coded literals.
extension ZstandardRulesTests {
  private static let pair = ComposedHuffman(weights: [0, 1, 1])
  private static let steps = ComposedHuffman(weights: [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1])
  private static let tooDeep = ComposedHuffman(weights: [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1])
  private static let some: [UInt8] = [1, 2, 2, 1, 1, 2, 1, 1, 1]
  /// A block of nothing but Huffman-coded literals.
  private static func huffman(_ type: Int, _ format: Int, _ count: Int, _ content: [UInt8]) -> [UInt8] {
    Compose.frame([Compose.compressed(Compose.coded(type, format: format, count: count, content), [0], last: true)])
  }

  static let literalsCases: [Case] = [
    .accepted("one stream", huffman(2, 0, 9, pair.direct + pair.streams(some, four: false)), some),
    .accepted("four streams", huffman(2, 1, 9, pair.direct + pair.streams(some, four: true)), some),
    .accepted(
      "four streams, the last empty", huffman(2, 1, 6, pair.direct + pair.streams([1, 2, 1, 2, 1, 2], four: true)),
      [1, 2, 1, 2, 1, 2]),
    .accepted("larger size fields", huffman(2, 3, 9, pair.direct + pair.streams(some, four: true)), some),
    .accepted(
      "eleven bits", huffman(2, 0, 12, steps.direct + steps.streams(Array(0..<12), four: false)),
      Array(0..<12)),
    // RFC 8878 ends at 11 bits; libzstd's tables take 12.
    .refused(
      "twelve bits", huffman(2, 0, 13, tooDeep.direct + tooDeep.streams(Array(0..<13), four: false)), .invalid,
      length: 13, shared: none),
    .refused("weight over 11", huffman(2, 0, 1, [129, 0xF1, 1]), .invalid, length: 1),
    .refused("weights sum to 0", huffman(2, 0, 1, [129, 0x00, 1]), .invalid, length: 1),
    .refused("weights do not complete", huffman(2, 0, 1, [129, 0x31, 1]), .invalid, length: 1),
    .refused("no longest pair", huffman(2, 0, 1, [128, 0x20, 3]), .invalid, length: 1),
    .refused("weights cut", huffman(2, 0, 1, [150, 0x11]), .invalid, length: 1),
    .refused("tree missing", huffman(2, 0, 1, []), .invalid, length: 1),
    .refused("compressed weights of no byte", huffman(2, 0, 1, [0, 1, 1, 1]), .invalid, length: 1),
    .refused("compressed weights cut", huffman(2, 0, 1, [5, 0x10, 0x11]), .invalid, length: 1),
    .refused("weights without bits", huffman(2, 0, 1, [2, 0x10, 0x20, 1, 1]), .invalid, length: 1),
    .refused("no tree yet", huffman(3, 0, 9, pair.streams(some, four: false)), .invalid, length: 9),
    .refused("no tree yet, four streams", huffman(3, 1, 9, pair.streams(some, four: true)), .invalid, length: 9),
    .accepted(
      "tree of the block before last",
      Compose.frame([
        Compose.compressed(Compose.coded(2, format: 0, count: 9, pair.direct + pair.streams(some, four: false)), [0]),
        Compose.compressed(Compose.literals(0, [5, 5]), [0]),
        Compose.compressed(Compose.coded(3, format: 1, count: 9, pair.streams(some, four: true)), [0], last: true),
      ]), some + [5, 5] + some),
    .refused("stream missing", huffman(2, 0, 9, pair.direct), .invalid, length: 9),
    .refused("stream ends in 0", huffman(2, 0, 9, pair.direct + [1, 0]), .invalid, length: 9),
    .refused("bits left over", huffman(2, 0, 8, pair.direct + pair.stream(some)), .invalid, length: 8),
    .refused("bits run out", huffman(2, 0, 10, pair.direct + pair.stream(some)), .invalid, length: 10),
    .refused(
      "bits left over in the empty stream",
      huffman(2, 1, 6, pair.direct + pair.streams([1, 2, 1, 2, 1, 2], four: true).dropLast() + [2]), .invalid,
      length: 6),
    .refused(
      "bits left over in the second stream",
      huffman(2, 1, 9, pair.direct + [1, 0, 2, 0, 1, 0, 9, 0, 1, 9, 1]), .invalid, length: 9),
    .refused(
      "sizes beyond the section", huffman(2, 1, 9, pair.direct + [1, 0, 1, 0, 9, 0, 9, 9, 9, 9]), .invalid,
      length: 9),
    .refused(
      "nothing left for the last stream", huffman(2, 1, 9, pair.direct + [1, 0, 1, 0, 2, 0, 9, 9, 9, 9]),
      .invalid, length: 9),
    .refused("sizes cut", huffman(2, 1, 9, pair.direct + [1, 0, 1, 0, 1, 0, 9, 9, 9]), .invalid, length: 9),
    .refused(
      "four streams of five literals",
      huffman(2, 1, 5, pair.direct + pair.streams([1, 2, 1, 2, 1], four: true)), .invalid, length: 5),
    .refused(
      "section beyond the block",
      Compose.frame([
        Compose.compressed(
          Compose.number(2 | 9 << 4 | 90 << 14, 3) + pair.direct + pair.stream(some), [0], last: true)
      ]), .invalid, length: 9),
    .refused("header cut", Compose.frame([Compose.block(2, [0x0E, 0, 0, 0], last: true)]), .invalid, length: 9),
    .refused(
      "raw literals beyond the block",
      Compose.frame([
        Compose.compressed(Compose.literals(0, [1, 2, 3], count: 5), [0], last: true)
      ]), .invalid, length: 5),
    .refused(
      "repeated literal missing", Compose.frame([Compose.block(2, [0x0D, 0], last: true)]), .invalid, length: 0),
    .accepted(
      "repeated literal",
      Compose.frame([
        Compose.compressed(Compose.literals(1, [6], count: 9), [0], last: true)
      ]), [UInt8](repeating: 6, count: 9)),
  ]

  @Test(arguments: literalsCases)
  func literals(rule: Case) { check(rule) }
}
