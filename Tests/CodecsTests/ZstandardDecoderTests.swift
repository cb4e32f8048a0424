// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CZstd
import PageVectors
import TestSupport
import Testing

@testable import Codecs

/// What libzstd's encoder makes, decoded over every layout of pages, in steps, into rings, and in part.
@Suite struct ZstandardDecoderTests {
  static let encoders = [
    ZstandardEncoder(level: -5), ZstandardEncoder(level: 1, checksum: true), ZstandardEncoder(level: 3),
    ZstandardEncoder(level: 3, contentSize: false), ZstandardEncoder(level: 6, windowLog: 10, contentSize: false),
    ZstandardEncoder(level: 9, windowLog: 15, checksum: true, contentSize: false),
    ZstandardEncoder(level: 13, windowLog: 17, flushEvery: 700), ZstandardEncoder(level: 19, windowLog: 20),
    ZstandardEncoder(level: 22, windowLog: 20, checksum: true, flushEvery: 30000),
    ZstandardEncoder(level: 5, windowLog: 12, checksum: true, contentSize: false, flushEvery: 100),
  ]

  static let samples: [(String, [UInt8])] = [
    ("nothing", []), ("one byte", [7]), ("two bytes", [1, 2]), ("text of 40", Sample.text(40)),
    ("text of 1000", Sample.text(1000)), ("text", Sample.text(50000)), ("noise", Sample.noise(20000)),
    ("skewed", Sample.skewed(70000)), ("zeros", [UInt8](repeating: 0, count: 150000)),
    ("period 7", Sample.period(40000, 7)), ("mixed", Sample.mixed(200000, seed: 3)),
  ]

  @Test(arguments: encoders)
  func decodesWhatLibzstdEncodes(encoder: ZstandardEncoder) throws {
    for (name, bytes) in Self.samples {
      let stored = encoder.encode(bytes)
      #expect(libzstdDecode(stored, capacity: bytes.count) == bytes, "\(name)")
      for favoursSpeed in [true, false] {
        let decoded = try zstandardDecode(stored, length: bytes.count, favoursSpeed: favoursSpeed)
        #expect(decoded == bytes, "\(name), \(encoder), fast \(favoursSpeed)")
      }
    }
  }

  @Test(arguments: ZstandardPages.all)
  func decodesScatteredPages(into: ZstandardPages) throws {
    for encoder in [Self.encoders[1], Self.encoders[5], Self.encoders[6], Self.encoders[8]] {
      for bytes in [Sample.text(9000), Sample.skewed(12000), Sample.mixed(70000, seed: 5)] {
        let stored = encoder.encode(bytes)
        for from in ZstandardPages.all {
          let decoded = try zstandardDecode(stored, length: bytes.count, from: from, into: into)
          #expect(decoded == bytes, "\(encoder) from \(from)")
        }
        let decoded = try zstandardDecode(stored, length: bytes.count, from: into, into: into, favoursSpeed: false)
        #expect(decoded == bytes, "\(encoder)")
      }
    }
  }

  @Test(arguments: [1, 2, 7, 64, 100, 1000, 4096, 65536])
  func stopsAndGoesOn(step: Int) throws {
    for encoder in [Self.encoders[1], Self.encoders[9], Self.encoders[7]] {
      let bytes = Sample.mixed(step < 100 ? 20000 : 150000, seed: 8)
      let stored = encoder.encode(bytes)
      for layout in [ZstandardPages.contiguous, ZstandardPages(shift: 9, offset: 3)] {
        for favoursSpeed in [true, false] {
          let decoded = try zstandardDecode(
            stored, length: bytes.count, from: layout, into: layout, step: step, favoursSpeed: favoursSpeed)
          #expect(decoded == bytes, "\(encoder), \(layout)")
        }
      }
    }
  }

  /// A ring of the window and 64 bytes is enough for any frame, in any step.
  @Test(arguments: [10, 12, 15] as [Int32])
  func decodesIntoARing(windowLog: Int32) throws {
    let bytes = Sample.mixed(120_000, seed: 21)
    for (checksum, flush) in [(true, 0), (false, 333), (true, 5000)] {
      let encoder = ZstandardEncoder(
        level: 7, windowLog: windowLog, checksum: checksum, contentSize: false, flushEvery: flush)
      let stored = encoder.encode(bytes)
      for layout in [
        ZstandardPages.contiguous, ZstandardPages(shift: 6, offset: 9), ZstandardPages(shift: 12, offset: 100),
      ] {
        for (extra, step) in [(64, Int.max), (64, 700), (65, Int.max), (100, 13), (4000, Int.max)] {
          let ring = 1 << Int(windowLog) + extra
          let decoded = try zstandardDecode(
            stored, length: bytes.count, from: layout, into: layout, ring: ring, step: step)
          #expect(decoded == bytes, "\(encoder), \(layout), ring \(ring), step \(step)")
        }
      }
    }
  }

  /// A ring smaller than the window is refused where a match needs what it no longer keeps, and only there.
  @Test func refusesDistancesBeyondTheRing() throws {
    let bytes = Sample.noise(3000) + Sample.noise(3000)
    let stored = ZstandardEncoder(level: 9).encode(bytes)
    #expect(try zstandardDecode(stored, length: bytes.count, ring: 3064) == bytes)
    #expect(throws: WitnessedError.self) { try zstandardDecode(stored, length: bytes.count, ring: 3063) }
  }

  /// Every length of a prefix is right, whatever waits in the output's tail.
  @Test(arguments: [
    ZstandardEncoder(level: 1), ZstandardEncoder(level: 19, windowLog: 20, contentSize: false, flushEvery: 900),
  ])
  func decodesPrefixes(encoder: ZstandardEncoder) throws {
    let bytes = Sample.mixed(3500, seed: 12) + Sample.skewed(1500) + Sample.text(1000)
    let stored = encoder.encode(bytes)
    for layout in [ZstandardPages.contiguous, ZstandardPages(shift: 8, offset: 30)] {
      for length in stride(from: 0, through: bytes.count, by: 13) {
        let decoded = try zstandardDecode(stored, length: length, into: layout, finishes: false)
        #expect(decoded == Array(bytes[..<length]), "\(length)")
        if length < bytes.count {
          #expect(throws: WitnessedError.self) { try zstandardDecode(stored, length: length, into: layout) }
        }
      }
    }
  }

  @Test func decodesLongExtents() throws {
    for (size, encoder) in [
      (1 << 20, Self.encoders[7]), (1 << 20, Self.encoders[2]), (3 << 20, ZstandardEncoder(level: 3, windowLog: 20)),
      (3 << 20, ZstandardEncoder(level: 1, windowLog: 16, checksum: true)),
    ] {
      let bytes = Sample.mixed(size, seed: UInt64(size))
      let stored = encoder.encode(bytes)
      #expect(try zstandardDecode(stored, length: size, from: ZstandardPages(shift: 12, offset: 0)) == bytes)
      #expect(try zstandardDecode(stored, length: size, into: ZstandardPages(shift: 12, offset: 0)) == bytes)
    }
  }

  @Test(arguments: [true, false])
  func refusesEveryTruncation(checksum: Bool) {
    let bytes = Sample.mixed(6000, seed: 4)
    let stored = ZstandardEncoder(level: 5, checksum: checksum, flushEvery: 2500).encode(bytes)
    for count in 0..<stored.count {
      #expect(throws: WitnessedError.self, "\(count)") {
        try zstandardDecode(Array(stored[..<count]), length: bytes.count)
      }
    }
    for extra in [[0], [1, 2, 3], stored] as [[UInt8]] {
      #expect(throws: WitnessedError.self) { try zstandardDecode(stored + extra, length: bytes.count) }
    }
    for length in [bytes.count - 1, bytes.count + 1] {
      #expect(throws: WitnessedError.self) { try zstandardDecode(stored, length: length) }
    }
  }

  @Test func needsItsMemory() {
    #expect(ZstandardDecoder.workingBytes <= 16384)
    let stored = ZstandardEncoder().encode(Sample.text(100))
    let input = ScatteredPages(stored)
    let output = ScatteredPages(count: 100)
    let short = GuardedMemory(count: ZstandardDecoder.workingBytes - 1)
    #expect(throws: DecodeError(.memory, at: 0)) {
      _ = try ZstandardDecoder(
        input: input.vector.readOnly, output: output.vector, length: 100, memory: short.memory)
    }
  }
}
