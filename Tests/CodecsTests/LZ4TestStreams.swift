// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CLZ4
import PageVectors
import TestSupport

@testable import Codecs

/// How a vector lies in memory: pages of `1 << shift` bytes, the first byte `offset` bytes into the first.
struct PageLayout: Sendable, CustomStringConvertible {
  var shift: Int
  var offset: Int
  var description: String { shift < 0 ? "contiguous" : "pages of \(1 << shift) from \(offset)" }

  /// One page, no larger than it must be.
  static let contiguous = PageLayout(shift: -1, offset: 0)

  func pages(_ count: Int, seed: UInt64) -> ScatteredPages {
    let shift = shift >= 0 ? shift : Int.bitWidth - count.leadingZeroBitCount
    return ScatteredPages(count: count, pageShift: shift, offset: offset, seed: seed)
  }

  static let all = [
    contiguous,
    PageLayout(shift: 0, offset: 0), PageLayout(shift: 1, offset: 1), PageLayout(shift: 4, offset: 5),
    PageLayout(shift: 6, offset: 63), PageLayout(shift: 9, offset: 0), PageLayout(shift: 12, offset: 4095),
    PageLayout(shift: 16, offset: 77),
  ]
}

/// Kinds of data, from all the same to random.
enum DataKind: String, CaseIterable, Sendable {
  case zeros, period, text, runs, mixed, random

  func bytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var generator = SplitMix64(seed: seed)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 300)
    let words = (0..<200).map { _ in
      (0..<Int.random(in: 2...9, using: &generator)).map { _ in UInt8.random(in: 97...122, using: &generator) }
    }
    while bytes.count < count {
      switch self {
      case .zeros: bytes += [UInt8](repeating: 0, count: count)
      case .period: bytes += [1, 2, 3, 4, 5, 6, 7]
      case .text:
        let index = Int.random(in: 0..<words.count * words.count, using: &generator)
        bytes += words[index / words.count * index / (words.count * words.count)] + [32]
      case .runs:
        let length = Int.random(in: 1...300, using: &generator)
        bytes += [UInt8](repeating: .random(in: 0...3, using: &generator), count: length)
      case .mixed:
        let length = Int.random(in: 1...200, using: &generator)
        if Bool.random(using: &generator), bytes.count > 300 {
          let from = bytes.count - Int.random(in: 1...300, using: &generator)
          for i in 0..<length { bytes.append(bytes[from + i]) }
        } else {
          for _ in 0..<length { bytes.append(.random(in: .min ... .max, using: &generator)) }
        }
      case .random:
        for _ in 0..<8 { bytes.append(.random(in: .min ... .max, using: &generator)) }
      }
    }
    return Array(bytes.prefix(count))
  }
}

/// The C library, as an oracle.
enum Liblz4 {
  /// One block; `level` 0 is the fast compressor, above it the HC one.
  static func compress(_ bytes: [UInt8], level: Int = 0) -> [UInt8] {
    let bound = LZ4_compressBound(Int32(bytes.count))
    return [UInt8](unsafeUninitializedCapacity: Int(bound)) { buffer, count in
      bytes.withUnsafeBytes { source in
        let from = source.baseAddress?.assumingMemoryBound(to: CChar.self)
        buffer.withMemoryRebound(to: CChar.self) { to in
          count =
            level == 0
            ? Int(LZ4_compress_default(from, to.baseAddress, Int32(bytes.count), bound))
            : Int(LZ4_compress_HC(from, to.baseAddress, Int32(bytes.count), bound, Int32(level)))
        }
      }
    }
  }

  /// A block of at most `size` bytes, and how many bytes of `bytes` it holds.
  static func compress(_ bytes: [UInt8], toSize size: Int) -> (block: [UInt8], taken: Int) {
    var taken = Int32(bytes.count)
    let state = UnsafeMutableRawPointer.allocate(byteCount: Int(LZ4_sizeofStateHC()), alignment: 16)
    defer { state.deallocate() }
    let block = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      bytes.withUnsafeBytes { source in
        buffer.withMemoryRebound(to: CChar.self) { to in
          count = Int(
            LZ4_compress_HC_destSize(
              state, source.baseAddress!.assumingMemoryBound(to: CChar.self), to.baseAddress, &taken, Int32(size), 9))
        }
      }
    }
    return (block, Int(taken))
  }

  /// What `LZ4_decompress_safe` makes of a block, nil where it refuses it or it does not hold exactly `length` bytes.
  static func decompress(_ block: [UInt8], length: Int) -> [UInt8]? {
    var result: Int32 = -1
    let bytes = [UInt8](unsafeUninitializedCapacity: max(length, 1)) { buffer, count in
      block.withUnsafeBytes { source in
        buffer.withMemoryRebound(to: CChar.self) { to in
          result = LZ4_decompress_safe(
            source.baseAddress?.assumingMemoryBound(to: CChar.self), to.baseAddress, Int32(block.count), Int32(length))
        }
      }
      count = result < 0 ? 0 : Int(result)
    }
    return Int(result) == length ? bytes : nil
  }

  /// Whether a distance of 0 occurs in a block, which the format forbids and liblz4 does not look for.
  static func hasZeroDistance(_ block: [UInt8]) -> Bool {
    var i = 0
    func length(_ nibble: Int) -> Int {
      var length = nibble
      while i < block.count, nibble == 15 {
        length += Int(block[i])
        i += 1
        if block[i - 1] != 255 { break }
      }
      return length
    }
    while i < block.count {
      let token = Int(block[i])
      i += 1
      i += length(token >> 4)
      if i + 2 > block.count { return false }
      if block[i] == 0, block[i + 1] == 0 { return true }
      i += 2
      _ = length(token & 15)
    }
    return false
  }
}

/// A block written sequence by sequence, and the bytes that it stands for: what no encoder would make.
struct LZ4BlockWriter {
  var block: [UInt8] = []
  var bytes: [UInt8] = []

  private func more(_ length: Int) -> [UInt8] {
    length < 15 ? [] : [UInt8](repeating: 255, count: (length - 15) / 255) + [UInt8((length - 15) % 255)]
  }

  mutating func sequence(_ literals: [UInt8], distance: Int, match: Int) {
    block.append(UInt8(min(literals.count, 15) << 4 | min(match - 4, 15)))
    block += more(literals.count) + literals + [UInt8(distance & 255), UInt8(distance >> 8)] + more(match - 4)
    bytes += literals
    for _ in 0..<match { bytes.append(bytes.count >= distance ? bytes[bytes.count - distance] : 0) }
  }

  mutating func end(_ literals: [UInt8]) {
    block.append(UInt8(min(literals.count, 15) << 4))
    block += more(literals.count) + literals
    bytes += literals
  }

  /// A valid block of about `length` bytes: short and long literals and matches, distances from 1 to `reach`.
  static func random(length: Int, reach: Int = 65535, seed: UInt64) -> LZ4BlockWriter {
    var generator = SplitMix64(seed: seed)
    var writer = LZ4BlockWriter()
    func size() -> Int {
      switch Int.random(in: 0..<16, using: &generator) {
      case 0: Int.random(in: 0...700, using: &generator)
      case 1...3: Int.random(in: 0...40, using: &generator)
      default: Int.random(in: 0...14, using: &generator)
      }
    }
    func literals(_ count: Int) -> [UInt8] { (0..<count).map { _ in .random(in: .min ... .max, using: &generator) } }
    writer.sequence(literals(1), distance: 1, match: 4)
    while writer.bytes.count < length {
      let next = literals(size())
      let farthest = min(reach, writer.bytes.count + next.count)
      let nearest = Bool.random(using: &generator) ? min(farthest, 20) : farthest
      writer.sequence(next, distance: .random(in: 1...nearest, using: &generator), match: 4 + size())
    }
    writer.end(literals(12 + size()))
    return writer
  }
}

/// Decodes a block to its end and checks the guards around the pages.
///
/// - Parameters:
///   - step: bytes asked for at a time; nil for all at once.
///   - ring: bytes of output memory, where less than `length`.
func decodeLZ4(
  _ block: [UInt8], length: Int, from inputLayout: PageLayout = .contiguous,
  to outputLayout: PageLayout = .contiguous, step: Int? = nil, ring: Int? = nil,
  finishing: Bool = true
) throws -> [UInt8] {
  let stored = inputLayout.pages(block.count, seed: 11)
  block.withUnsafeBytes { _ = stored.vector.copy(from: PageVector(unsafeContiguous: $0)) }
  let held = min(length, ring ?? length)
  let pages = outputLayout.pages(held, seed: 12)
  var taken: [UInt8] = []
  defer {
    precondition(pages.guardsAreIntact, "written outside the output")
    precondition(stored.bytes == block && stored.guardsAreIntact, "written to the input")
  }
  var decoder = try LZ4Decoder(
    input: stored.vector.readOnly, output: pages.vector, length: length, memory: WorkingMemory())
  while decoder.produced < length {
    let before = decoder.produced
    try decoder.decode(to: before + min(step ?? length, held))
    precondition(decoder.produced == min(length, before + min(step ?? length, held)))
    if ring != nil {
      for i in before..<decoder.produced { taken.append(pages.vector.readOnly.byte(at: i % held)!) }
    }
  }
  if finishing { try decoder.finish() }
  return ring == nil ? pages.bytes : taken
}
