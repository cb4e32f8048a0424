// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CZlib
import TestSupport
import Testing

@testable import Codecs

/// Any stream, in runs of any size, by steps of any size, to any length: the verdict is always zlib's. Where runs have
/// few bytes, a loop that works inside one goes in and out most, with whatever is pending.
@Suite struct DeflateLayoutTests {
  private static func stream(_ data: [UInt8], using generator: inout SplitMix64) -> [UInt8] {
    switch Int.random(in: 0..<4, using: &generator) {
    case 0: Deflate.libdeflateEncode(data, level: Int32.random(in: 0...12, using: &generator))
    case 1: Deflate.zlibEncode(data, strategy: [Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE].randomElement(using: &generator)!)
    case 2: Deflate.zlibEncode(data, flushEvery: Int.random(in: 10...400, using: &generator))
    default: Deflate.zlibEncode(data, level: Int32.random(in: 1...9, using: &generator))
    }
  }

  private static func layout(using generator: inout SplitMix64) -> Deflate.Layout {
    func shift() -> Int { [0, 1, 1, 2, 3, 4, 6, 9, 20].randomElement(using: &generator)! }
    var layout = Deflate.Layout(inputShift: shift(), outputShift: shift())
    layout.inputOffset = Int.random(in: 0..<1 << min(layout.inputShift, 9), using: &generator)
    layout.outputOffset = Int.random(in: 0..<1 << min(layout.outputShift, 9), using: &generator)
    if Bool.random(using: &generator) { layout.step = Int.random(in: 1...9, using: &generator) }
    if Int.random(in: 0..<4, using: &generator) == 0 { layout.step = Int.random(in: 10...400, using: &generator) }
    return layout
  }

  @Test(arguments: 0..<8)
  func everyLength(seed: Int) throws {
    var generator = SplitMix64(seed: UInt64(seed))
    for round in 0..<60 {
      let kind = Deflate.Kind.allCases.randomElement(using: &generator)!
      let count = Int.random(in: 0...(round % 4 == 0 ? 1500 : 40), using: &generator)
      let data = Deflate.sample(kind, count, seed: generator.next())
      var stored = Self.stream(data, using: &generator)
      if round % 3 == 0 {
        let i = Int.random(in: stored.indices, using: &generator)
        stored[i] ^= 1 << UInt8.random(in: 0...7, using: &generator)
      }
      let room = count + 300
      guard let zlib = Deflate.zlibDecode(stored, room: room) else {
        #expect(try Deflate.refusal(stored, length: room, Self.layout(using: &generator)) != nil)
        continue
      }
      let length = zlib.bytes.count
      let ends = zlib.used == stored.count ? nil : DecodeError.Reason.trailingInput
      #expect(try Deflate.refusal(stored, length: length, Self.layout(using: &generator)) == ends)
      for shorter in length > 50 ? [0, length / 3, length - 2, length - 1] : Array(0..<length) {
        var layout = Self.layout(using: &generator)
        #expect(try Deflate.refusal(stored, length: shorter, layout) == .outputLong)
        layout.finishes = false
        #expect(try Deflate.decode(stored, length: shorter, layout) == [UInt8](zlib.bytes.prefix(shorter)))
      }
      for longer in [1, 2, 300] {
        #expect(try Deflate.refusal(stored, length: length + longer, Self.layout(using: &generator)) == .outputShort)
      }
    }
  }

  /// A ring of as many bytes as the stream's window and little more, wherever it begins in its pages.
  @Test(arguments: 0..<8)
  func rings(seed: Int) throws {
    var generator = SplitMix64(seed: UInt64(100 + seed))
    for _ in 0..<12 {
      let kinds = (0..<3).map { _ in Deflate.Kind.allCases.randomElement(using: &generator)! }
      let data = kinds.flatMap { Deflate.sample($0, Int.random(in: 300...1500, using: &generator), seed: 5) }
      let stored = Deflate.zlibEncode(data, windowBits: 9)
      var layout = Self.layout(using: &generator)
      layout.ring = 512 + 64 + Int.random(in: 0...80, using: &generator)
      #expect(try Deflate.decode(stored, length: data.count, layout) == data)
      // In a smaller one each byte that is given out is right all the same, or none is.
      layout.ring = Int.random(in: 65...500, using: &generator)
      layout.step = min(layout.step ?? 60, layout.ring!)
      let reason = try Deflate.refusal(stored, length: data.count, layout)
      #expect(reason == nil || reason == .distance)
      if reason == nil { #expect(try Deflate.decode(stored, length: data.count, layout) == data) }
    }
  }
}
