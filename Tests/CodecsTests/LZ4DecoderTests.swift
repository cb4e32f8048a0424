// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors
import TestSupport
import Testing

@testable import Codecs

/// What liblz4's encoders and a writer of odd blocks made comes out right, however it lies in memory and is asked for.
@Suite struct LZ4DecoderTests {
  static let sizes = [1, 2, 5, 12, 13, 14, 31, 64, 65, 100, 255, 256, 1000, 4095, 4096, 20_000, 65_536]

  @Test(arguments: DataKind.allCases)
  func decodesWhatLiblz4Made(kind: DataKind) throws {
    for size in Self.sizes {
      let bytes = kind.bytes(size, seed: UInt64(size))
      for level in [0, 1, 9, 12] {
        let decoded = try decodeLZ4(Liblz4.compress(bytes, level: level), length: size)
        #expect(decoded == bytes, "\(kind) \(size) level \(level)")
      }
    }
  }

  @Test(arguments: DataKind.allCases)
  func decodesAMebibyte(kind: DataKind) throws {
    let bytes = kind.bytes(1 << 20)
    let block = Liblz4.compress(bytes, level: 3)
    let decoded = try decodeLZ4(block, length: bytes.count, to: PageLayout(shift: 12, offset: 0))
    #expect(decoded == bytes)
  }

  @Test(arguments: DataKind.allCases)
  func decodesBlocksOfAGivenSize(kind: DataKind) throws {
    let bytes = kind.bytes(60_000)
    for size in [64, 512, 4096] {
      let (block, taken) = Liblz4.compress(bytes, toSize: size)
      let decoded = try decodeLZ4(block, length: taken, from: PageLayout(shift: 9, offset: 3))
      #expect(decoded == Array(bytes[..<taken]))
    }
  }

  @Test(arguments: PageLayout.all, PageLayout.all)
  func decodesFromAndToScatteredPages(from: PageLayout, to: PageLayout) throws {
    let odd = LZ4BlockWriter.random(length: 9000, seed: 4)
    #expect(try decodeLZ4(odd.block, length: odd.bytes.count, from: from, to: to) == odd.bytes)
    for kind in [DataKind.text, .mixed] {
      let bytes = kind.bytes(9000)
      let block = Liblz4.compress(bytes, level: 9)
      #expect(try decodeLZ4(block, length: bytes.count, from: from, to: to) == bytes)
    }
  }

  @Test(arguments: PageLayout.all)
  func decodesOddBlocks(to: PageLayout) throws {
    for seed in 0..<30 {
      let odd = LZ4BlockWriter.random(length: 3000, seed: UInt64(seed))
      #expect(Liblz4.decompress(odd.block, length: odd.bytes.count) == odd.bytes)
      #expect(try decodeLZ4(odd.block, length: odd.bytes.count, to: to) == odd.bytes)
    }
  }

  @Test(arguments: [PageLayout.contiguous, PageLayout(shift: 6, offset: 9)])
  func decodesInStepsOfAnySize(layout: PageLayout) throws {
    let odd = LZ4BlockWriter.random(length: 700, seed: 21)
    for step in 1...odd.bytes.count {
      let decoded = try decodeLZ4(odd.block, length: odd.bytes.count, from: layout, to: layout, step: step)
      #expect(decoded == odd.bytes, "step \(step)")
    }
  }

  @Test(arguments: [
    (400, 0, PageLayout.contiguous), (400, 0, PageLayout(shift: 4, offset: 3)),
    (4096, 0, PageLayout(shift: 12, offset: 0)), (4096, 0, PageLayout(shift: 10, offset: 0)),
    (5000, 64, PageLayout.contiguous), (65_600, 64, PageLayout(shift: 12, offset: 5)),
  ])
  func decodesIntoARing(ring: Int, seed: Int, layout: PageLayout) throws {
    let odd = LZ4BlockWriter.random(length: ring < 6000 ? 20_000 : 200_000, reach: ring - 64, seed: UInt64(ring + seed))
    for step in [1, 63, 1000, ring] where step > 1 || ring < 5000 {
      let decoded = try decodeLZ4(odd.block, length: odd.bytes.count, to: layout, step: step, ring: ring)
      #expect(decoded == odd.bytes, "step \(step)")
    }
  }

  @Test(arguments: [PageLayout.contiguous, PageLayout(shift: 5, offset: 3)])
  func aRingRefusesWhatItDoesNotKeep(layout: PageLayout) throws {
    let ring = 500
    for position in [437, 490, 499, 700, 1000, 1400] {
      for beyond in 0...64 {
        var writer = LZ4BlockWriter()
        writer.sequence([7], distance: 1, match: position - 1)
        let distance = min(position, ring - 64 + beyond)
        writer.sequence([], distance: distance, match: 20)
        writer.end([UInt8](repeating: 9, count: 300))
        let length = writer.bytes.count
        if distance <= ring - 64 {
          #expect(try decodeLZ4(writer.block, length: length, to: layout, step: 100, ring: ring) == writer.bytes)
        } else {
          let error = #expect(throws: DecodeError.self) {
            try decodeLZ4(writer.block, length: length, to: layout, step: 100, ring: ring)
          }
          #expect(error?.reason == .distance)
        }
      }
    }
    #expect(throws: DecodeError(.memory, at: 0)) {
      try decodeLZ4([0x10, 1], length: 100, ring: OutputWindow.ringSlack)
    }
  }

  @Test(arguments: PageLayout.all)
  func decodesAnyPrefix(layout: PageLayout) throws {
    let odd = LZ4BlockWriter.random(length: 400, seed: 8)
    for length in 0...odd.bytes.count {
      let decoded = try decodeLZ4(odd.block, length: length, to: layout, finishing: false)
      #expect(decoded == Array(odd.bytes[..<length]))
      if length < odd.bytes.count {
        #expect(throws: DecodeError.self) { try decodeLZ4(odd.block, length: length, to: layout) }
      }
    }
  }

  @Test func ignoresPaddingWhereTheCallerDoesNotFinish() throws {
    let odd = LZ4BlockWriter.random(length: 3000, seed: 8)
    let padded = odd.block + [UInt8](repeating: 0, count: 4096 - odd.block.count % 4096)
    #expect(try decodeLZ4(padded, length: odd.bytes.count, finishing: false) == odd.bytes)
    let error = #expect(throws: DecodeError.self) { try decodeLZ4(padded, length: odd.bytes.count) }
    #expect(error?.reason == .trailingInput)
  }

  @Test func decodesNothing() throws {
    #expect(try decodeLZ4([0], length: 0) == [])
    #expect(throws: DecodeError(.inputEnded, at: 0)) { try decodeLZ4([], length: 0) }
    #expect(throws: DecodeError(.inputEnded, at: 0)) { try decodeLZ4([], length: 1) }
    #expect(throws: DecodeError(.outputShort, at: 1)) { try decodeLZ4([0], length: 1) }
    #expect(throws: DecodeError(.outputLong, at: 1)) { try decodeLZ4([1], length: 0) }
    #expect(throws: DecodeError(.outputLong, at: 1)) { try decodeLZ4([0x10, 5], length: 0) }
    #expect(throws: DecodeError(.trailingInput, at: 1)) { try decodeLZ4([0, 0], length: 0) }
    for block: [UInt8] in [[], [0], [1], [0x10, 5], [0, 0], [0xF0]] {
      #expect((Liblz4.decompress(block, length: 0) != nil) == ((try? decodeLZ4(block, length: 0)) != nil))
    }
  }

  @Test func doesNotFinishWhatIsNotDecoded() throws {
    let stored = ScatteredPages([0x20, 1, 2])
    let pages = ScatteredPages(count: 2)
    var decoder = try LZ4Decoder(
      input: stored.vector.readOnly, output: pages.vector, length: 2, memory: WorkingMemory())
    try decoder.decode(to: 1)
    #expect(decoder.produced == 1)
    var reason: DecodeError.Reason?
    do { try decoder.finish() } catch { reason = error.reason }
    #expect(reason == .outputShort)
  }
}
