// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CodecPeers
import Codecs
import Foundation
import PageVectors
import TestSupport
import Testing

@testable import Encoders

/// Data of every kind that matters to an encoder.
enum Sample: String, CaseIterable, Sendable, CustomTestStringConvertible {
  /// Words, in sentences that come again.
  case text
  /// This program: real, and another one after each change.
  case machineCode
  /// What looks like a program, and is always the same.
  case instructions
  case noise
  case zeros
  /// Parts of every kind, from a byte to 128 KiB long.
  case mixed
  /// Few symbols, without matches.
  case skewed
  /// Records with counters in them.
  case records

  var testDescription: String { rawValue }

  func bytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var generator = SplitMix64(seed: seed &+ UInt64(count))
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 1024)
    switch self {
    case .text: Self.appendText(count, to: &bytes, &generator)
    case .machineCode:
      let start = Int(seed % 16) * 100_000
      while bytes.count < count {
        bytes += Self.program[min(start, Self.program.count / 2)...].prefix(count - bytes.count)
      }
    case .instructions: Self.appendInstructions(count, to: &bytes, &generator)
    case .noise:
      for _ in 0..<(count + 7) / 8 { withUnsafeBytes(of: generator.next()) { bytes += $0 } }
    case .zeros: bytes = [UInt8](repeating: 0, count: count)
    case .skewed:
      for _ in 0..<count { bytes.append(UInt8(min(generator.next().leadingZeroBitCount, 40)) &* 5) }
    case .records:
      var counter: UInt32 = 1000
      while bytes.count < count {
        counter &+= UInt32.random(in: 0..<20, using: &generator)
        withUnsafeBytes(of: counter.littleEndian) { bytes += $0 }
        bytes += [0, 0, UInt8(generator.next() & 3), 7]
      }
    case .mixed:
      while bytes.count < count {
        let part = 1 << Int.random(in: 0...17, using: &generator)
        if bytes.count > 1000, Bool.random(using: &generator) {
          let from = Int.random(in: 0..<bytes.count, using: &generator)
          bytes += Array(bytes[from..<min(from + part, bytes.count)])
        } else {
          let others: [Sample] = [.text, .noise, .zeros, .skewed, .records]
          let length = min(part, count - bytes.count)
          bytes += others.randomElement(using: &generator)!.bytes(length, seed: generator.next() >> 8)
        }
      }
    }
    return Array(bytes.prefix(count))
  }

  private static let program: [UInt8] = {
    let file = (try? Data(contentsOf: URL(fileURLWithPath: "/proc/self/exe"))) ?? Data("no program".utf8)
    return [UInt8](file.prefix(8 << 20))
  }()

  /// Functions of instructions with a few forms: registers, small displacements, calls of the same targets by distance.
  private static func appendInstructions(_ count: Int, to bytes: inout [UInt8], _ generator: inout SplitMix64) {
    let targets = (0..<400).map { _ in Int32.random(in: 0...1_000_000, using: &generator) }
    func register() -> UInt8 {
      UInt8(Int.random(in: 0..<8, using: &generator) & Int.random(in: 3..<8, using: &generator))
    }
    while bytes.count < count {
      switch Int.random(in: 0..<10, using: &generator) {
      case 0...2: bytes += [0x48, 0x89, 0xC0 | register() << 3 | register()]
      case 3, 4:
        let displacement = UInt8(8 * Int.random(in: 0..<Int.random(in: 1...31, using: &generator), using: &generator))
        bytes += [0x48, 0x8B, 0x44 | register() << 3, 0x24, displacement]
      case 5:
        let target = targets[Int.random(in: 0..<20, using: &generator) * Int.random(in: 0..<20, using: &generator)]
        bytes.append(0xE8)
        withUnsafeBytes(of: (target &- Int32(bytes.count)).littleEndian) { bytes += $0 }
      case 6: bytes += [0x74 | UInt8(generator.next() & 1), UInt8(Int.random(in: 2...90, using: &generator))]
      case 7: bytes += [0x48, 0x83, 0xC0 | register(), UInt8(generator.next() & 31)]
      case 8: bytes += [0x31, 0xC0 | register() &* 9]
      default:
        guard Int.random(in: 0..<8, using: &generator) == 0 else { continue }
        bytes += [0x5B, 0x5D, 0xC3]
        bytes += [UInt8](repeating: 0x90, count: 15 & -bytes.count)
        bytes += [0x55, 0x48, 0x89, 0xE5, 0x53]
      }
    }
  }

  private static func appendText(_ count: Int, to bytes: inout [UInt8], _ generator: inout SplitMix64) {
    let words = (0..<300).map { _ in
      (0..<Int.random(in: 2...10, using: &generator)).map { _ in
        UInt8(ascii: "a")
          + UInt8(Int.random(in: 0..<26, using: &generator) * Int.random(in: 0..<26, using: &generator) / 26)
      }
    }
    while bytes.count < count {
      if bytes.count > 200, Int.random(in: 0..<6, using: &generator) == 0 {
        let from = bytes.count - Int.random(in: 100...min(bytes.count, 60_000), using: &generator)
        bytes += Array(bytes[from..<from + Int.random(in: 3...60, using: &generator)])
      } else {
        bytes += words[Int.random(in: 0..<300, using: &generator) * Int.random(in: 0..<300, using: &generator) / 300]
        bytes.append(Int.random(in: 0..<9, using: &generator) == 0 ? 10 : 32)
      }
    }
  }
}

extension Encoding.Algorithm {
  var peer: CodecPeer {
    switch self {
    case .lz4, .lz4hc: .lz4
    case .lzma: .microLZMA
    case .deflate, .libdeflate: .deflate
    case .zstd: .zstandard
    }
  }

  /// A few levels, the cheapest and the dearest among them.
  var someLevels: [Int] {
    switch self {
    case .lz4: [0]
    case .lz4hc: [0, 1, 3, 9, 12]
    case .lzma: [0, 6, 109]
    case .deflate: [1, 9]
    case .libdeflate: [0, 1, 4, 6, 9, 12]
    case .zstd: [1, 3, 6, 12, 17, 22]
    }
  }

  func encoding(_ level: Int, clusterSize: Int = 4096) throws -> Encoding {
    try Encoding(self, level: self == .lz4 ? nil : level, clusterSize: clusterSize)
  }
}

/// What an encoder made of an input.
struct Made: Equatable {
  var decoded: Int
  var stored: [UInt8]
}

extension Encoder {
  /// `encode` into an output of `limit` bytes, between guards.
  func encode(
    _ input: ArraySlice<UInt8>, limit: Int, extentLimit: Int = Encoder.longestExtent, expecting: Int? = nil
  ) throws -> Made {
    try guarded(limit) { output in
      try input.withUnsafeBytes {
        let encoded = try encode($0, into: output, extentLimit: extentLimit, expecting: expecting)
        return (encoded.decoded, encoded.stored)
      }
    }
  }

  /// `encodeAll` into an output of `limit` bytes, between guards.
  func encodeAll(_ input: ArraySlice<UInt8>, limit: Int) throws -> [UInt8]? {
    var fits = true
    let made = try guarded(limit) { output in
      try input.withUnsafeBytes {
        let count = try encodeAll($0, into: output)
        fits = count != nil
        return (input.count, count ?? 0)
      }
    }
    return fits ? made.stored : nil
  }

  private func guarded(_ limit: Int, _ body: (UnsafeMutableRawBufferPointer) throws -> (Int, Int)) throws -> Made {
    let guardSize = 64
    var memory = [UInt8](repeating: 0xA7, count: limit + 2 * guardSize)
    let result = try memory.withUnsafeMutableBytes {
      try body(UnsafeMutableRawBufferPointer(rebasing: $0[guardSize..<guardSize + limit]))
    }
    #expect(memory.prefix(guardSize).allSatisfy { $0 == 0xA7 } && memory.suffix(guardSize).allSatisfy { $0 == 0xA7 })
    #expect(result.1 <= limit)
    return Made(decoded: result.0, stored: Array(memory[guardSize..<guardSize + result.1]))
  }
}

/// Decodes with Core's decoder, strictly: the stream has to end with the extent, and be used up.
func decodeWithCore(_ stored: [UInt8], length: Int, _ algorithm: Encoding.Algorithm) throws -> [UInt8] {
  let memory = UnsafeMutableRawPointer.allocate(byteCount: 1 << 17, alignment: 64)
  defer { memory.deallocate() }
  let lent = WorkingMemory(unsafeStart: memory, count: 1 << 17)
  func run<Codec: Decoder & ~Copyable>(_: Codec.Type) throws -> [UInt8] {
    var output = [UInt8](repeating: 0xEE, count: length)
    try stored.withUnsafeBytes { stored in
      try output.withUnsafeMutableBytes { output in
        var decoder = try Codec(
          input: PageVector(unsafeContiguous: stored), output: MutablePageVector(unsafeContiguous: output),
          length: length, memory: lent)
        try decoder.decode(to: length)
        try decoder.finish()
      }
    }
    return output
  }
  switch algorithm {
  case .lz4, .lz4hc: return try run(LZ4Decoder.self)
  case .lzma: return try run(MicroLZMADecoder.self)
  case .deflate, .libdeflate: return try run(DeflateDecoder.self)
  case .zstd: return try run(ZstandardDecoder.self)
  }
}

/// Checks that `made` decodes to the start of `input`, with our decoder and the library's.
func expectRight(
  _ made: Made, _ input: ArraySlice<UInt8>, _ encoding: Encoding, _ peer: PeerDecoder,
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  guard made.decoded > 0 else {
    #expect(made.stored.isEmpty, sourceLocation: sourceLocation)
    return
  }
  let expected = Array(input.prefix(made.decoded))
  #expect(made.stored[0] != 0, sourceLocation: sourceLocation)
  let decoded = try decodeWithCore(made.stored, length: made.decoded, encoding.algorithm)
  #expect(decoded == expected, "Core", sourceLocation: sourceLocation)
  var output = [UInt8](repeating: 0xEE, count: made.decoded)
  let isRight = made.stored.withUnsafeBytes { stored in
    output.withUnsafeMutableBytes { peer.decode(stored, into: $0) }
  }
  #expect(isRight && output == expected, "\(peer.codec.library)", sourceLocation: sourceLocation)
  if encoding.algorithm.peer == .deflate {
    #expect(zlibAccepts(made.stored, length: made.decoded), "zlib", sourceLocation: sourceLocation)
  }
}

/// The longest prefix that one call of the C library makes fit, found by bisecting: what an encoder is held to.
func bisected(_ input: ArraySlice<UInt8>, limit: Int, _ encoding: Encoding) -> Int {
  var fits = 0
  var tooMuch = input.count + 1
  var next = min(4 * limit, input.count)
  while tooMuch - fits > 1 {
    if encoding.algorithm.peer.compress(Array(input.prefix(next)), level: encoding.level).count <= limit {
      fits = next
    } else {
      tooMuch = next
    }
    next = tooMuch > input.count ? min(2 * next, input.count) : (fits + tooMuch) / 2
    if next == fits { break }
  }
  return fits
}
