// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors
import TestSupport
import Testing

@testable import Codecs

/// Streams cut off anywhere and with bytes changed at random, judged by zlib and libdeflate. `Deflate.decode` checks
/// after each that nothing outside the pages was touched.
@Suite struct DeflateHostileTests {
  static let data =
    Deflate.sample(.words, 500) + Deflate.sample(.shortPeriods, 300) + Deflate.sample(.records, 300)

  static let streams = [
    Deflate.libdeflateEncode(data, level: 12), Deflate.zlibEncode(data, flushEvery: 300),
    Deflate.zlibEncode(data, level: 0), Deflate.zlibEncode(data, strategy: 4),
    Deflate.zlibEncode(data, strategy: 2),
  ]

  @Test(arguments: streams.indices)
  func truncatedAnywhere(stream: Int) throws {
    let stored = Self.streams[stream]
    for count in 0..<stored.count {
      let cut = [UInt8](stored.prefix(count))
      #expect(try Deflate.refusal(cut, length: Self.data.count) == .inputEnded)
      if count % 16 == 0 {
        let layout = Deflate.Layout(inputShift: 4, inputOffset: 3, outputShift: 8, step: 50)
        #expect(try Deflate.refusal(cut, length: Self.data.count, layout) == .inputEnded)
      }
    }
  }

  /// Accepted is exactly what both accept, all of the stored bytes used; but for what libdeflate alone takes.
  @Test(arguments: streams.indices, 0..<4)
  func mutated(stream: Int, seed: Int) throws {
    var generator = SplitMix64(seed: UInt64(stream * 100 + seed))
    let room = Self.data.count + 200
    var accepted = 0
    for _ in 0..<100 {
      var stored = Self.streams[stream]
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        let i = Int.random(
          in: 0..<(Bool.random(using: &generator) ? stored.count : min(90, stored.count)), using: &generator)
        stored[i] =
          Bool.random(using: &generator)
          ? UInt8.random(in: 0...255, using: &generator) : stored[i] ^ (1 << UInt8.random(in: 0...7, using: &generator))
      }
      let zlib = Deflate.zlibDecode(stored, room: room)
      let libdeflate = Deflate.libdeflateDecode(stored, room: room)
      if let zlib {
        #expect(libdeflate == zlib)
        accepted += 1
        let length = zlib.bytes.count
        let layouts: [Deflate.Layout] = [
          .init(), .init(inputShift: 3, outputShift: 6, step: 99), .init(inputShift: 12, outputShift: 12),
        ]
        for var layout in layouts {
          if zlib.used < stored.count {
            #expect(try Deflate.refusal(stored, length: length, layout) == .trailingInput)
            layout.finishes = false
          }
          #expect(try Deflate.decode(stored, length: length, layout) == zlib.bytes)
          if length > 0 { #expect(try Deflate.refusal(stored, length: length - 1) == .outputLong) }
        }
        #expect(try Deflate.refusal(stored, length: length + 1) == .outputShort)
      } else {
        for layout in [
          Deflate.Layout(), .init(inputShift: 5, inputOffset: 9, outputShift: 7, outputOffset: 3, step: 300),
        ] {
          #expect(try Deflate.refusal(stored, length: room, layout) != nil)
        }
      }
    }
    #expect(accepted > 0 && accepted < 100)
  }

  /// Bytes that never were a stream.
  @Test(arguments: 0..<4)
  func noise(seed: Int) throws {
    var generator = SplitMix64(seed: UInt64(seed))
    for i in 0..<500 {
      var stored = Deflate.sample(.noise, Int.random(in: 0...200, using: &generator), seed: UInt64(seed * 1000 + i))
      // Mostly a block of its own codes, which has the most rules.
      if !stored.isEmpty, i % 4 > 0 { stored[0] = stored[0] & 0xF8 | 5 }
      let zlib = Deflate.zlibDecode(stored, room: 5000)
      if let zlib, zlib.used == stored.count {
        #expect(try Deflate.decode(stored, length: zlib.bytes.count) == zlib.bytes)
      } else {
        #expect(try Deflate.refusal(stored, length: zlib?.bytes.count ?? 5000) != nil)
      }
    }
  }
}
