// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Testing

@testable import Encoders

/// Parameters are checked, and what is wrong is said.
@Suite struct EncodingTests {
  @Test func levels() throws {
    let accepted: [Encoding.Algorithm: [Int]] = [
      .lz4: [], .lz4hc: Array(0...12), .lzma: Array(0...9) + Array(100...109), .deflate: Array(0...9),
      .libdeflate: Array(0...12), .zstd: Array(1...22),
    ]
    for algorithm in Encoding.Algorithm.allCases {
      for level in -2...130 {
        if accepted[algorithm]!.contains(level) {
          #expect(try Encoding(algorithm, level: level).level == level)
        } else {
          #expect(throws: EncodingError.level(level, algorithm)) { try Encoding(algorithm, level: level) }
        }
      }
    }
    #expect(
      try Encoding.Algorithm.allCases.map { try Encoding($0).level } == [0, 9, 6, 1, 1, 3])
  }

  @Test func dictionaries() throws {
    for size in [4096, 4097, 100_000, 8 << 20] {
      #expect(try Encoding(.lzma, dictionarySize: size).dictionarySize == size)
    }
    for size in [1024, 32_768, 1 << 20] { #expect(try Encoding(.zstd, dictionarySize: size).dictionarySize == size) }
    for (algorithm, sizes) in [
      (Encoding.Algorithm.lzma, [-1, 0, 4095, 8 << 20 + 1]), (.zstd, [0, 512, 1025, 3 << 10, 2 << 20]),
      (.deflate, [16_384, 65_536]), (.lz4, [65_535]), (.lz4hc, [131_072]), (.libdeflate, [0]),
    ] {
      for size in sizes {
        #expect(throws: EncodingError.dictionarySize(size, algorithm)) {
          try Encoding(algorithm, dictionarySize: size)
        }
      }
    }
    let bySize = try [512, 4096, 16_384, 65_536, 100_000, 1 << 20].map {
      try [
        Encoding(.lzma, clusterSize: $0).dictionarySize, Encoding(.zstd, clusterSize: $0).dictionarySize,
      ]
    }
    #expect(
      bySize == [
        [32_768, 4096], [32_768, 32_768], [65_536, 131_072], [262_144, 524_288], [400_000, 1 << 20],
        [4 << 20, 1 << 20],
      ])
  }

  @Test func contexts() throws {
    for lc in -1...5 {
      for lp in -1...5 {
        for pb in -1...5 {
          let isValid = [lc, lp, pb].allSatisfy { (0...4).contains($0) } && lc + lp <= 4
          let context = try? Encoding.LZMAContext(lc: lc, lp: lp, pb: pb)
          #expect((context != nil) == isValid)
          guard let context else { continue }
          let encoder = try Encoder(Encoding(.lzma, level: 1, context: context))
          let made = try encoder.encode(Sample.text.bytes(3000)[...], limit: 1000)
          #expect(made.stored[0] == ~UInt8((pb * 5 + lp) * 9 + lc))
          #expect(
            try decodeWithCore(made.stored, length: made.decoded, .lzma)
              == Array(Sample.text.bytes(3000).prefix(made.decoded)))
        }
      }
    }
    let other = try Encoding.LZMAContext(lc: 0, lp: 2, pb: 0)
    #expect(throws: EncodingError.contextWithout(.zstd)) { try Encoding(.zstd, context: other) }
  }

  @Test func words() {
    let said: [(EncodingError, String)] = [
      (.level(23, .zstd), "level 23: zstd has levels 1 to 22"),
      (.level(10, .lzma), "level 10: lzma has levels 0 to 9 and 100 to 109"),
      (.level(1, .lz4), "lz4 has no levels, so 1 cannot be set"),
      (.dictionarySize(5000, .zstd), "dictionary size 5000: zstd needs a power of two from 1024 to 1048576 bytes"),
      (.dictionarySize(5, .lzma), "dictionary size 5: lzma needs from 4096 to 8388608 bytes"),
      (.dictionarySize(5, .lz4), "dictionary size 5: that of lz4 is 65536 bytes and cannot be changed"),
      (.context("pb", 7), "pb=7: it must be 0 to 4"),
      (.contextSum(lc: 3, lp: 3), "lc=3 and lp=3: their sum must be at most 4"),
      (.contextWithout(.zstd), "lc, lp and pb are parameters of lzma; zstd has none of them"),
    ]
    for (error, words) in said { #expect("\(error)" == words) }
    #expect("\(EncoderError.memory(.zstd))" == "not enough memory for zstd")
  }
}
