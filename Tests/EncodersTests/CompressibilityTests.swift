// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import TestSupport
import Testing

@testable import Encoders

/// The cheap look before compressing.
@Suite struct CompressibilityTests {
  private func looks(_ algorithm: Encoding.Algorithm, _ bytes: [UInt8], _ size: Int) throws -> Bool {
    try bytes.withUnsafeBytes { bytes in
      try Encoder(Encoding(algorithm)).looksIncompressible(bytes, clusterSize: size)
    }
  }

  @Test(arguments: Encoding.Algorithm.allCases)
  func tellsNoiseFromData(algorithm: Encoding.Algorithm) throws {
    for size in [256, 512, 4096, 65_536, 1 << 20] {
      for seed: UInt64 in 1...5 {
        #expect(try looks(algorithm, Sample.noise.bytes(size, seed: seed), size), "\(size)")
      }
      for sample in [Sample.text, .zeros, .records, .instructions] {
        #expect(try !looks(algorithm, sample.bytes(size, seed: 3), size), "\(sample) \(size)")
      }
      // Noise of 64 symbols has no matches, and is a quarter shorter with a code.
      let sixBits = Sample.noise.bytes(size).map { 32 + $0 & 63 }
      let isLZ4 = algorithm == .lz4 || algorithm == .lz4hc
      if size >= 512, size <= 4096 { #expect(try looks(algorithm, sixBits, size) == isLZ4, "\(size)") }
    }
    #expect(try !looks(algorithm, Sample.noise.bytes(255), 4096))
    #expect(try !looks(algorithm, Sample.noise.bytes(4096), 255))
    #expect(try !looks(algorithm, [], 4096))
    // What comes after the first cluster does not count.
    #expect(try looks(algorithm, Sample.noise.bytes(4096) + Sample.zeros.bytes(100_000), 4096))
  }

  /// What it refuses would have saved next to nothing.
  @Test(arguments: Encoding.Algorithm.allCases)
  func losesLittle(algorithm: Encoding.Algorithm) throws {
    var generator = SplitMix64(seed: 4)
    let encoder = try Encoder(Encoding(algorithm, level: algorithm == .zstd ? 19 : nil, clusterSize: 16_384))
    var refused = 0
    for round in 0..<300 {
      // Noise with a share of something else.
      let size = 1 << Int.random(in: 9...14, using: &generator)
      let noise = Int.random(in: 0...size, using: &generator)
      let kind = [Sample.text, .skewed, .zeros, .records].randomElement(using: &generator)!
      let input =
        Sample.noise.bytes(noise, seed: UInt64(round)) + kind.bytes(size - noise, seed: 1)
        + Sample.noise.bytes(size, seed: 77)
      guard input.withUnsafeBytes({ encoder.looksIncompressible($0, clusterSize: size) }) else { continue }
      refused += 1
      let made = try encoder.encode(input[...], limit: size)
      #expect(made.decoded <= size + size / 32 + 64, "\(size) bytes, \(noise) of noise")
    }
    #expect(refused > 0)
  }
}
