// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CodecPeers
import Foundation
import TestSupport
import Testing

@testable import Encoders

/// What every encoder promises, whatever its codec.
@Suite struct EncoderTests {
  static let sizes = [512, 1024, 4096, 16_384, 65_536, 1 << 20]

  /// Every cluster of a run over the data comes back, and every one but the last is nearly full.
  @Test(arguments: Encoding.Algorithm.allCases, Sample.allCases)
  func fillsClusters(algorithm: Encoding.Algorithm, sample: Sample) throws {
    let peer = PeerDecoder(algorithm.peer)
    let data = sample.bytes(1_500_000)
    for level in algorithm.someLevels {
      // The largest with few levels, because they take long.
      let isExtreme = level == algorithm.someLevels.last
      let largest = level == algorithm.defaultLevel ? 1 << 20 : isExtreme ? 65_536 : 16_384
      for size in Self.sizes where size <= largest {
        // liblzma's decoder gets a dictionary of 1 MiB here, four of these clusters.
        let clusterSize = algorithm == .lzma ? min(size, 1 << 18) : size
        let encoder = try Encoder(algorithm.encoding(level, clusterSize: clusterSize))
        let input = data.prefix(max(6 * size, 50_000))
        var rest = input[...]
        var clusters = 0
        while !rest.isEmpty, clusters < (size > 16_384 ? 1 : 3) {
          let made = try encoder.encode(rest, limit: size)
          try expectRight(made, rest, encoder.encoding, peer)
          guard made.decoded > 0 else {
            Issue.record("\(algorithm) \(level), \(size) bytes: nothing taken")
            break
          }
          // A token more would not have fit. Long ones: a match that is half outside, a literal run of LZ4.
          if made.decoded < min(rest.count, Encoder.longestExtent) {
            #expect(made.stored.count >= size - 32 - size / 256, "\(algorithm) \(level), \(size) bytes")
          }
          rest = rest.dropFirst(made.decoded)
          clusters += 1
        }
      }
    }
  }

  @Test(arguments: Encoding.Algorithm.allCases)
  func takesInputsOfEveryLength(algorithm: Encoding.Algorithm) throws {
    let peer = PeerDecoder(algorithm.peer)
    for level in algorithm.someLevels {
      let encoder = try Encoder(algorithm.encoding(level))
      for sample in Sample.allCases {
        let input = sample.bytes(700)
        for count in Array(0..<40) + stride(from: 40, through: 700, by: level > 9 ? 131 : 33) {
          for limit in [1, 2, 5, 6, 7, 8, 9, 12, 16, 23, 64, 300, 4096] {
            let made = try encoder.encode(input.prefix(count), limit: limit)
            try expectRight(made, input.prefix(count), encoder.encoding, peer)
            if limit == 4096 { #expect(made.decoded == count) }
          }
        }
      }
    }
  }

  @Test(arguments: Encoding.Algorithm.allCases, Sample.allCases)
  func encodesWholeInputsOrSaysThatTheyDoNotFit(algorithm: Encoding.Algorithm, sample: Sample) throws {
    let peer = PeerDecoder(algorithm.peer)
    for level in algorithm.someLevels {
      let encoder = try Encoder(algorithm.encoding(level))
      for count in [1, 2, 13, 100, 700, 4095, 5000, 70_000, 131_073] {
        let input = sample.bytes(count)
        let stored = try #require(try encoder.encodeAll(input[...], limit: 2 * count + 64))
        try expectRight(Made(decoded: count, stored: stored), input[...], encoder.encoding, peer)
        #expect(try encoder.encodeAll(input[...], limit: stored.count)?.count == stored.count)
        // A longer way to say the same can be cut to fit by encoders that fill an output by themselves.
        if let other = try encoder.encodeAll(input[...], limit: stored.count - 1) {
          #expect(other.count < stored.count)
          try expectRight(Made(decoded: count, stored: other), input[...], encoder.encoding, peer)
        }
        #expect(try encoder.encodeAll(input[...], limit: min(stored.count - 1, 4)) == nil)
      }
      #expect(try encoder.encodeAll([], limit: 10) == [])
    }
  }

  @Test(arguments: Encoding.Algorithm.allCases)
  func keepsExtentLimits(algorithm: Encoding.Algorithm) throws {
    let peer = PeerDecoder(algorithm.peer)
    for sample in [Sample.zeros, .text, .noise] {
      let input = sample.bytes(20_000)
      let encoder = try Encoder(algorithm.encoding(algorithm.defaultLevel))
      for extentLimit in [-1, 0, 1, 100, 4096, 8192, 19_999] {
        for expecting in [nil, 0, -5, 7000, Int.max] {
          let made = try encoder.encode(input[...], limit: 4096, extentLimit: extentLimit, expecting: expecting)
          #expect(made.decoded <= max(0, extentLimit))
          if sample == .zeros { #expect(made.decoded == max(0, extentLimit)) }
          try expectRight(made, input[...], encoder.encoding, peer)
        }
      }
    }
  }

  /// 13 MiB of zeros: the format's limit, and with codecs that reach it no more.
  @Test(arguments: Encoding.Algorithm.allCases)
  func keepsTheFormatsLimit(algorithm: Encoding.Algorithm) throws {
    let input = [UInt8](repeating: 0, count: 13 << 20)
    let peer = PeerDecoder(algorithm.peer)
    let encoder = try Encoder(algorithm.encoding(algorithm.defaultLevel))
    let made = try encoder.encode(input[...], limit: 65_536)
    #expect(made.decoded == Encoder.longestExtent)
    try expectRight(made, input[...], encoder.encoding, peer)
    #expect(try encoder.encodeAll(input[...], limit: 1 << 20) == nil)
    // More than a cluster may have is not used.
    let most = try encoder.encode(Sample.noise.bytes(2 << 20)[...], limit: 1 << 20 + 4096)
    #expect(most.stored.count <= 1 << 20)
  }

  /// What an encoder did before does not show.
  @Test(arguments: Encoding.Algorithm.allCases)
  func dependsOnItsArgumentsOnly(algorithm: Encoding.Algorithm) throws {
    var generator = SplitMix64(seed: 99)
    for level in algorithm.someLevels {
      let encoding = try algorithm.encoding(level, clusterSize: 16_384)
      let used = try Encoder(encoding)
      // Buffers as large as they get.
      _ = try used.encodeAll(Sample.mixed.bytes(500_000)[...], limit: 1 << 20)
      for round in 0..<12 {
        let sample = Sample.allCases.randomElement(using: &generator)!
        let input = sample.bytes(Int.random(in: 1...150_000, using: &generator), seed: UInt64(round))
        let limit = 1 << Int.random(in: 9...14, using: &generator)
        let expecting = Bool.random(using: &generator) ? 3 * limit : nil
        let fresh = try Encoder(encoding)
        #expect(
          try used.encode(input[...], limit: limit, expecting: expecting)
            == fresh.encode(input[...], limit: limit, expecting: expecting), "\(algorithm) \(level) \(sample)")
        if round % 3 == 0 {
          #expect(try used.encodeAll(input[...], limit: limit) == fresh.encodeAll(input[...], limit: limit))
        }
      }
    }
  }

  @Test(arguments: Encoding.Algorithm.allCases)
  func randomInputsAndLimits(algorithm: Encoding.Algorithm) throws {
    let peer = PeerDecoder(algorithm.peer)
    let seed = ProcessInfo.processInfo.environment["EROFS_SEED"].flatMap { UInt64($0) } ?? 1
    let rounds = ProcessInfo.processInfo.environment["EROFS_ROUNDS"].flatMap { Int($0) } ?? 60
    var generator = SplitMix64(seed: seed)
    for _ in 0..<rounds {
      let level = algorithm.someLevels.randomElement(using: &generator)!
      let encoder = try Encoder(algorithm.encoding(level, clusterSize: 1 << Int.random(in: 9...16, using: &generator)))
      for _ in 0..<3 {
        let sample = Bool.random(using: &generator) ? Sample.mixed : Sample.allCases.randomElement(using: &generator)!
        let input = sample.bytes(1 << Int.random(in: 0...18, using: &generator), seed: generator.next() >> 8)
        let limit = Int.random(in: 1...(1 << Int.random(in: 1...16, using: &generator)), using: &generator)
        let expecting = Bool.random(using: &generator) ? nil : Int.random(in: 0...input.count, using: &generator)
        let extentLimit = Int.random(in: 0..<4, using: &generator) > 0 ? Encoder.longestExtent : 2 * limit
        let made = try encoder.encode(input[...], limit: limit, extentLimit: extentLimit, expecting: expecting)
        try expectRight(made, input[...], encoder.encoding, peer)
      }
    }
  }

  /// As much is taken as bisecting with the library takes, nearly: at least 97 of 100 for each cluster, and 99 for all.
  @Test(arguments: Encoding.Algorithm.allCases, [4096, 16_384, 65_536])
  func takesAsMuchAsBisecting(algorithm: Encoding.Algorithm, size: Int) throws {
    // The peers of the others fill outputs by the same calls.
    guard [.deflate, .libdeflate, .zstd].contains(algorithm) else { return }
    for level in algorithm.someLevels where level > 0 {
      let encoder = try Encoder(algorithm.encoding(level, clusterSize: size))
      var ours = 0
      var theirs = 0
      let isSlow = level >= 12
      for sample in isSlow ? [Sample.text, .instructions] : [.text, .instructions, .skewed, .records, .mixed] {
        let input = sample.bytes(isSlow ? 300_000 : 700_000, seed: 5)
        for start in isSlow ? [50_000] : [0, 100_000] {
          let part = input[start...]
          let made = try encoder.encode(part, limit: size)
          let bisected = bisected(part, limit: size, encoder.encoding)
          ours += made.decoded
          theirs += bisected
          #expect(
            made.decoded * 100 >= bisected * 97, "\(algorithm) \(level) \(sample): \(made.decoded), not \(bisected)")
        }
      }
      #expect(ours * 100 >= theirs * 99, "\(algorithm) \(level), \(size) bytes: \(ours), not \(theirs)")
    }
  }
}
