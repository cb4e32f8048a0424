// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CLZMA
import PageVectors
import TestSupport
import Testing

@testable import Codecs

/// What liblzma encodes comes back, whatever its parameters and wherever the bytes lie.
@Suite struct MicroLZMATests {
  static let sample = MicroLZMASamples.mixed(6000)
  static let stored = MicroLZMAOracle.encode(sample).stored

  static let everyProperty: [MicroLZMAOracle.Options] = (0...4).flatMap { lc in
    (0...(4 - lc)).flatMap { lp in
      (0...4).map { pb in MicroLZMAOracle.Options(lc: UInt32(lc), lp: UInt32(lp), pb: UInt32(pb)) }
    }
  }

  @Test(arguments: everyProperty)
  func decodesEveryProperty(options: MicroLZMAOracle.Options) throws {
    let sample = MicroLZMASamples.mixed(2500, seed: UInt64(options.lc * 25 + options.lp * 5 + options.pb))
    let encoded = MicroLZMAOracle.encode(sample, options)
    #expect(encoded.length == sample.count)
    #expect(encoded.stored[0] == ~UInt8((options.pb * 5 + options.lp) * 9 + options.lc))
    #expect(try MicroLZMARun().decode(encoded.stored, length: sample.count) == sample)
    #expect(try MicroLZMARun(inputShift: 9, outputShift: 9).decode(encoded.stored, length: sample.count) == sample)
  }

  @Test(arguments: (0...9 as ClosedRange<UInt32>).flatMap { [($0, false), ($0, true)] })
  func decodesEveryPreset(preset: UInt32, isExtreme: Bool) throws {
    for dictionary: UInt32 in [4096, 32768, 1 << 20] {
      let options = MicroLZMAOracle.Options(preset: preset, isExtreme: isExtreme, dictionary: dictionary)
      let encoded = MicroLZMAOracle.encode(Self.sample, options)
      #expect(try MicroLZMARun().decode(encoded.stored, length: Self.sample.count) == Self.sample)
    }
  }

  /// Long distances take slots with direct bits; a few hundred kilobytes are needed for them.
  @Test func decodesLongDistances() throws {
    let noise = MicroLZMASamples.mixed(3000, seed: 77)
    let sample =
      noise + [UInt8](repeating: 7, count: 150_000) + noise + noise[100...] + [UInt8](repeating: 9, count: 70_000)
      + noise[50...]
    let encoded = MicroLZMAOracle.encode(sample, .init(dictionary: 1 << 20))
    #expect(try MicroLZMARun().decode(encoded.stored, length: sample.count) == sample)
    #expect(try MicroLZMARun(inputShift: 12, outputShift: 12).decode(encoded.stored, length: sample.count) == sample)
  }

  @Test(arguments: [512, 1000, 4096], [0, 1500])
  func decodesWhatFillsACluster(cluster: Int, offset: Int) throws {
    let data = Array(Self.sample[offset...])
    let encoded = MicroLZMAOracle.encode(data, limit: cluster)
    #expect(encoded.stored.count <= cluster)
    #expect(encoded.length < data.count || cluster == 4096)
    #expect(try MicroLZMARun().decode(encoded.stored, length: encoded.length) == Array(data[0..<encoded.length]))
  }

  /// Input pages of one byte up to one page for all, the same for output, each at several first offsets.
  @Test(arguments: [0, 1, 3, 4, 5, 6, 9, 12], [0, 2, 4, 5, 6, 8, 12, 20])
  func decodesScatteredPages(inputShift: Int, outputShift: Int) throws {
    let sample = Array(Self.sample[0..<1500])
    let stored = MicroLZMAOracle.encode(sample).stored
    for offsets in [(0, 0), (1, 1), ((1 << inputShift) - 1, (1 << outputShift) - 1)] {
      let run = MicroLZMARun(
        inputShift: inputShift, inputOffset: offsets.0, outputShift: outputShift,
        outputOffset: offsets.1 & 0xFFFF)
      #expect(try run.decode(stored, length: sample.count) == sample)
    }
  }

  @Test(arguments: Array(1...20) + [31, 63, 64, 100, 273, 512, 4096, 5999], [6, 12, 20])
  func decodesInSteps(step: Int, shift: Int) throws {
    let run = MicroLZMARun(inputShift: shift, outputShift: shift, step: step)
    #expect(try run.decode(Self.stored, length: Self.sample.count) == Self.sample)
  }

  /// A ring that keeps the encoder's dictionary is enough for any extent.
  @Test(
    arguments: [(0, 4096 + 64), (5, 4096 + 64), (5, 4096 + 128), (9, 4608), (12, 8192), (12, 5000), (20, 4096 + 64)],
    [1, 61, 1000])
  func decodesIntoRings(layout: (shift: Int, frames: Int), step: Int) throws {
    let sample = MicroLZMASamples.mixed(14_000, seed: 5)
    let stored = MicroLZMAOracle.encode(sample, .init(dictionary: 4096)).stored
    for offset in [0, 5] {
      let run = MicroLZMARun(
        inputShift: 9, outputShift: layout.shift, outputOffset: offset, ring: layout.frames, step: step)
      #expect(try run.decode(stored, length: sample.count) == sample)
    }
  }

  /// A ring that is too small for a distance says so, and what it gave before was right.
  @Test func refusesDistancesThatTheRingDoesNotKeep() throws {
    let block = MicroLZMASamples.mixed(3000, seed: 6)
    let sample = block + block
    let stored = MicroLZMAOracle.encode(sample).stored
    for frames in [65, 128, 1000, 2900] {
      var reasons: [DecodeError.Reason: Int] = [:]
      let refused = MicroLZMARun(ring: frames, step: 50).decode(stored, length: sample.count, reasons: &reasons)
      #expect(refused == nil && reasons == [.distance: 1])
    }
    #expect(try MicroLZMARun(ring: 3064, step: 50).decode(stored, length: sample.count) == sample)
  }

  /// A prefix of any length is right, and does not ask for the rest of the stream.
  @Test func decodesPrefixes() throws {
    for length in [0, 1, 2, 3, 100, 101, 102, 103, 104, 105, 1000, 5000, 5999] {
      let prefix = try MicroLZMARun(isExact: false).decode(Self.stored, length: length)
      #expect(prefix == Array(Self.sample[0..<length]))
    }
    let half = Array(Self.stored[0..<Self.stored.count / 2])
    #expect(try MicroLZMARun(isExact: false).decode(half, length: 1000) == Array(Self.sample[0..<1000]))
  }

  @Test func decodesNothing() throws {
    for byte: UInt8 in [0xA2, 0xFF] {
      #expect(try MicroLZMARun().decode([byte, 0, 0, 0, 0], length: 0) == [])
      #expect(MicroLZMAOracle.decode([byte, 0, 0, 0, 0], length: 0) == [])
    }
    #expect(MicroLZMAOracle.decode([0xA2, 0, 0, 0, 1], length: 0) == nil)
    #expect(throws: DecodeError(.outputLong, at: 5)) { try MicroLZMARun().decode([0xA2, 0, 0, 0, 1], length: 0) }
    #expect(MicroLZMAOracle.decode([0xA2, 0, 0, 0, 0, 0], length: 0) == nil)
    #expect(throws: DecodeError(.trailingInput, at: 5)) { try MicroLZMARun().decode([0xA2, 0, 0, 0, 0, 0], length: 0) }
    // An extent of nothing is asked for: the stream of one that holds something goes on.
    #expect(throws: DecodeError(.outputLong, at: 5)) { try MicroLZMARun().decode(Self.stored, length: 0) }
  }

  // MARK: Working memory

  @Test func workingBytesFollowTheFirstByte() {
    for byte in 0...255 as ClosedRange<UInt8> {
      let value = Int(~byte)
      let bits = value % 9 + value / 9 % 5
      let expected = value < 225 && bits <= 4 ? 2 * (1846 + (768 << bits)) : nil
      #expect(MicroLZMADecoder.workingBytes(firstByte: byte) == expected)
      if let expected { #expect(MicroLZMADecoder.workingBytes(literalBits: bits) == expected) }
      // liblzma takes and refuses the same properties: with nothing to decode, nothing else can be wrong.
      #expect((MicroLZMAOracle.decode([byte, 0, 0, 0, 0], length: 0) != nil) == (expected != nil))
    }
    #expect(MicroLZMADecoder.workingBytes == 28_268)
    #expect(MicroLZMADecoder.workingBytes(literalBits: 3) == 15_980)
    #expect(MicroLZMADecoder.workingBytes(literalBits: -1) == 28_268)
    #expect(MicroLZMADecoder.workingBytes(literalBits: .max) == 28_268)
  }

  @Test(arguments: [(0, 0), (3, 0), (0, 4)])
  func refusesTooLittleMemory(lc: Int, lp: Int) {
    let stored = MicroLZMAOracle.encode(Self.sample, .init(lc: UInt32(lc), lp: UInt32(lp))).stored
    let needed = MicroLZMADecoder.workingBytes(literalBits: lc + lp)
    let output = ScatteredPages(count: Self.sample.count)
    for (offset, count, isEnough) in [(0, 0, false), (0, needed - 1, false), (4, needed, false), (0, needed, true)] {
      let memory = GuardedMemory(count: count, offset: offset)
      let input = ScatteredPages(stored)
      var reason: DecodeError.Reason?
      do {
        _ = try MicroLZMADecoder(
          input: input.vector.readOnly, output: output.vector, length: Self.sample.count, memory: memory.memory)
      } catch {
        reason = error.reason
      }
      #expect(reason == (isEnough ? nil : .memory))
      #expect(memory.guardsAreIntact)
    }
  }
}
