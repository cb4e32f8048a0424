// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors
import TestSupport
import Testing

@testable import Codecs

/// Broken blocks: the same verdict as liblz4's for a block that must hold exactly so many bytes, and nothing written
/// outside the output (`decodeLZ4` checks the guards).
///
/// The one difference: a distance of 0, which the format forbids, liblz4 turns into bytes of its own choice.
@Suite struct LZ4HostileTests {
  static let layouts = [
    PageLayout.contiguous, PageLayout(shift: 7, offset: 100), PageLayout(shift: 5, offset: 0),
  ]

  /// Compares verdict and bytes; returns whether the block was accepted.
  @discardableResult
  func agrees(_ block: [UInt8], length: Int, layouts: [PageLayout] = layouts, step: Int? = nil) -> Bool {
    let want = Liblz4.hasZeroDistance(block) ? nil : Liblz4.decompress(block, length: length)
    for layout in layouts {
      var decoded: [UInt8]?
      do { decoded = try decodeLZ4(block, length: length, from: layout, to: layout, step: step) } catch {}
      if decoded != want {
        Issue.record("\(layout), length \(length): liblz4 \(want != nil), here \(decoded != nil): \(block)")
      }
    }
    return want != nil
  }

  @Test func refusesEveryTruncation() {
    let odd = LZ4BlockWriter.random(length: 1500, seed: 77)
    for count in 0..<odd.block.count {
      let accepted = agrees(Array(odd.block[..<count]), length: odd.bytes.count)
      #expect(!accepted)
    }
    #expect(agrees(odd.block, length: odd.bytes.count))
  }

  @Test func refusesEveryOtherLength() {
    let odd = LZ4BlockWriter.random(length: 300, seed: 78)
    for length in 0...odd.bytes.count + 70 {
      #expect(agrees(odd.block, length: length) == (length == odd.bytes.count))
    }
  }

  /// Every combination of the last match and the literals around it that can matter to the end rules, with little and
  /// much before it.
  @Test(arguments: [0, 3, 18, 60, 200])
  func holdsTheEndRulesAsLiblz4Does(before: Int) {
    var accepted = 0
    var refused = 0
    let filler = (0..<before).map { UInt8($0) }
    for literals in [0, 1, 2, 5, 8, 10, 11, 12, 13, 14, 15, 16, 20] {
      for match in [4, 5, 6, 7, 8, 9, 12, 13, 15, 16, 17, 18, 19, 20, 25] {
        for rest in [0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13] {
          for distance in [1, 7, 8, 9] where distance <= literals + (before == 0 ? 0 : before + 4) {
            var writer = LZ4BlockWriter()
            if before > 0 { writer.sequence(filler, distance: 1, match: 4) }
            writer.sequence([UInt8](repeating: 7, count: literals), distance: distance, match: match)
            writer.end([UInt8](repeating: 8, count: rest))
            if agrees(writer.block, length: writer.bytes.count, layouts: [Self.layouts[0]]) {
              accepted += 1
            } else {
              refused += 1
            }
            if (literals + match + rest) % 7 == 0 {
              agrees(writer.block, length: writer.bytes.count, layouts: [Self.layouts[2]], step: 11)
            }
          }
        }
      }
    }
    #expect(accepted > 300 && refused > 300)
  }

  @Test(arguments: 0..<8)
  func agreesOnMutations(seed: Int) {
    var generator = SplitMix64(seed: UInt64(seed))
    var accepted = 0
    var refused = 0
    for round in 0..<150 {
      var block: [UInt8]
      var length: Int
      if round % 2 == 0 {
        let odd = LZ4BlockWriter.random(length: 40 + round * 4, seed: UInt64(seed * 1000 + round))
        (block, length) = (odd.block, odd.bytes.count)
      } else {
        let bytes = DataKind.text.bytes(50 + round * 5, seed: UInt64(round))
        (block, length) = (Liblz4.compress(bytes, level: 9), bytes.count)
      }
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        let at = Int.random(in: 0..<block.count, using: &generator)
        switch Int.random(in: 0..<8, using: &generator) {
        case 0: block.remove(at: at)
        case 1: block.insert(.random(in: .min ... .max, using: &generator), at: at)
        case 2: block[at] = 255
        case 3: block[at] = 0
        case 4: length = max(0, length + Int.random(in: -3...3, using: &generator))
        default: block[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        }
        if block.isEmpty { break }
      }
      let step = round % 3 == 0 ? Int.random(in: 1...200, using: &generator) : nil
      if agrees(block, length: length, step: step) { accepted += 1 } else { refused += 1 }
    }
    #expect(accepted > 10 && refused > 10)
  }

  @Test func refusesARowOfLengthBytes() {
    for token: UInt8 in [0xF0, 0x1F] {
      var block: [UInt8] = [token]
      if token == 0x1F { block += [5, 1, 0] }
      block += [UInt8](repeating: 255, count: 5000)
      let accepted = agrees(block, length: 3000)
      #expect(!accepted)
      let alsoAccepted = agrees(block + [0], length: 1 + 19 + 5000 * 255)
      #expect(!alsoAccepted)
    }
  }
}
