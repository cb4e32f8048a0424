// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CDeflate
import CZlib
import PageVectors
import TestSupport

@testable import Codecs

/// What the tests of the DEFLATE decoder share: data, the two C libraries as encoders and as judges, and our decoder
/// over scattered pages.
enum Deflate {
  // MARK: Data

  enum Kind: String, CaseIterable, Sendable {
    case zeros, noise, words, fewSymbols, shortPeriods, records, skewed
  }

  /// `count` bytes of a kind, the same ones for the same seed.
  static func sample(_ kind: Kind, _ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var generator = SplitMix64(seed: seed)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 64)
    switch kind {
    case .zeros: bytes = [UInt8](repeating: 0, count: count)
    case .noise: while bytes.count < count { withUnsafeBytes(of: generator.next()) { bytes += $0 } }
    case .words:
      let words = (0..<200).map { _ in
        (0..<Int.random(in: 1...9, using: &generator)).map { _ in UInt8.random(in: 97...122, using: &generator) } + [32]
      }
      while bytes.count < count {
        bytes += words[Int.random(in: 0..<200, using: &generator) >> Int.random(in: 0...4, using: &generator)]
      }
    case .fewSymbols: while bytes.count < count { bytes.append(UInt8(truncatingIfNeeded: generator.next() & 3)) }
    case .shortPeriods:
      while bytes.count < count {
        let period = (0..<Int.random(in: 1...40, using: &generator)).map { _ in
          UInt8.random(in: 0...255, using: &generator)
        }
        for _ in 0..<Int.random(in: 2...30, using: &generator) { bytes += period }
      }
    case .records:
      var n: UInt32 = 0
      while bytes.count < count {
        n &+= UInt32.random(in: 1...900, using: &generator)
        withUnsafeBytes(of: n.littleEndian) { bytes += $0 }
        bytes += [0, 0, 0xFF, UInt8.random(in: 0...7, using: &generator)]
      }
    case .skewed:
      // Probabilities that halve, so that codes grow to the longest.
      while bytes.count < count {
        let zeros = generator.next().trailingZeroBitCount
        bytes.append(UInt8(truncatingIfNeeded: zeros &* 5 &+ Int.random(in: 0...3, using: &generator)))
      }
    }
    return [UInt8](bytes.prefix(count))
  }

  // MARK: C encoders

  /// One raw stream by zlib.
  /// - Parameter flushEvery: bytes after which the stream is flushed with `Z_FULL_FLUSH`, which ends the block and
  ///   appends an empty stored one.
  static func zlibEncode(
    _ data: [UInt8], level: Int32 = 9, strategy: Int32 = Z_DEFAULT_STRATEGY, windowBits: Int32 = 15,
    flushEvery: Int? = nil
  ) -> [UInt8] {
    var stream = z_stream()
    precondition(
      deflateInit2_(
        &stream, level, Z_DEFLATED, -windowBits, 9, strategy, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK)
    defer { deflateEnd(&stream) }
    var data = data
    let capacity = data.count * 2 + 4096
    return [UInt8](unsafeUninitializedCapacity: capacity) { buffer, initialized in
      data.withUnsafeMutableBufferPointer { source in
        stream.next_out = buffer.baseAddress
        stream.avail_out = UInt32(capacity)
        var position = 0
        repeat {
          let count = min(flushEvery ?? source.count, source.count - position)
          stream.next_in = source.baseAddress.map { $0 + position }
          stream.avail_in = UInt32(count)
          position += count
          let status = deflate(&stream, position == source.count ? Z_FINISH : Z_FULL_FLUSH)
          precondition(status == Z_OK || status == Z_STREAM_END)
        } while position < source.count
        initialized = Int(stream.total_out)
      }
    }
  }

  /// One raw stream by libdeflate.
  static func libdeflateEncode(_ data: [UInt8], level: Int32) -> [UInt8] {
    let compressor = libdeflate_alloc_compressor(level)!
    defer { libdeflate_free_compressor(compressor) }
    let bound = libdeflate_deflate_compress_bound(compressor, data.count)
    return [UInt8](unsafeUninitializedCapacity: bound) { buffer, initialized in
      initialized = libdeflate_deflate_compress(compressor, data, data.count, buffer.baseAddress, bound)
    }
  }

  // MARK: C judges

  /// What a decoder made of a stream: the bytes, and how many stored ones it used. Nil where it refused.
  struct Verdict: Equatable {
    var bytes: [UInt8]
    var used: Int
  }

  /// zlib's view of a stream of at most `room` bytes; nil too where the stream does not end, or goes on.
  static func zlibDecode(_ stored: [UInt8], room: Int) -> Verdict? {
    var stream = z_stream()
    precondition(inflateInit2_(&stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK)
    defer { inflateEnd(&stream) }
    var stored = stored
    var status = Z_OK
    // One byte more, so that a stream that goes on shows.
    let bytes = [UInt8](unsafeUninitializedCapacity: room + 1) { buffer, initialized in
      stored.withUnsafeMutableBufferPointer { source in
        stream.next_in = source.baseAddress
        stream.avail_in = UInt32(source.count)
        stream.next_out = buffer.baseAddress
        stream.avail_out = UInt32(room + 1)
        status = inflate(&stream, Z_FINISH)
        initialized = Int(stream.total_out)
      }
    }
    guard status == Z_STREAM_END, bytes.count <= room else { return nil }
    return Verdict(bytes: bytes, used: Int(stream.total_in))
  }

  /// libdeflate's view of a stream of at most `room` bytes.
  static func libdeflateDecode(_ stored: [UInt8], room: Int) -> Verdict? {
    let decompressor = libdeflate_alloc_decompressor()!
    defer { libdeflate_free_decompressor(decompressor) }
    var used = 0
    var status = LIBDEFLATE_BAD_DATA
    let bytes = [UInt8](unsafeUninitializedCapacity: room) { buffer, initialized in
      status = libdeflate_deflate_decompress_ex(
        decompressor, stored, stored.count, buffer.baseAddress, room, &used, &initialized)
      if status != LIBDEFLATE_SUCCESS { initialized = 0 }
    }
    return status == LIBDEFLATE_SUCCESS ? Verdict(bytes: bytes, used: used) : nil
  }

  // MARK: Our decoder

  struct Layout: Sendable {
    var inputShift = 20
    var inputOffset = 0
    var outputShift = 20
    var outputOffset = 0
    /// Bytes a step asks for; all at once where nil.
    var step: Int? = nil
    /// Bytes of a ring to decode in, where it is not the whole.
    var ring: Int? = nil
    var finishes = true
  }

  struct GuardBroken: Error {}

  /// The page size asked for, or the smallest that is one contiguous page, so that guards stand close.
  private static func pageShift(_ shift: Int, holding count: Int) -> Int {
    min(shift, Int.bitWidth - max(0, count - 1).leadingZeroBitCount)
  }

  /// Decodes `length` bytes of `stored`; every byte outside the pages and the working memory is checked afterwards,
  /// also when the stream is refused.
  static func decode(_ stored: [UInt8], length: Int, _ layout: Layout = Layout()) throws -> [UInt8] {
    let room = layout.ring ?? length
    let input = ScatteredPages(
      stored, pageShift: pageShift(layout.inputShift, holding: layout.inputOffset + stored.count),
      offset: layout.inputOffset, seed: 11)
    let output = ScatteredPages(
      count: room, pageShift: pageShift(layout.outputShift, holding: layout.outputOffset + room),
      offset: layout.outputOffset, seed: 12)
    let guarded = 64
    let memory = UnsafeMutableRawBufferPointer.allocate(
      byteCount: DeflateDecoder.workingBytes + 2 * guarded, alignment: 16)
    defer { memory.deallocate() }
    for i in memory.indices { memory[i] = 0xC3 }
    var result: Result<[UInt8], any Error>
    do {
      var decoder = try DeflateDecoder(
        input: input.vector.readOnly, output: output.vector, length: length,
        memory: WorkingMemory(unsafeStart: memory.baseAddress! + guarded, count: DeflateDecoder.workingBytes))
      var taken: [UInt8] = []
      while decoder.produced < length {
        let from = decoder.produced
        let end = min(length, from + (layout.step ?? layout.ring ?? length))
        try decoder.decode(to: end)
        guard decoder.produced == end else { throw DecodeError(.outputShort, at: -1) }
        if let ring = layout.ring {
          for i in from..<end { taken.append(output.vector.readOnly.byte(at: i % ring)!) }
        }
      }
      if layout.finishes { try decoder.finish() }
      result = .success(layout.ring == nil ? output.bytes : taken)
    } catch {
      result = .failure(error)
    }
    let ends = memory.prefix(guarded) + memory.suffix(guarded)
    guard output.guardsAreIntact, input.guardsAreIntact, input.bytes == stored, ends.allSatisfy({ $0 == 0xC3 }) else {
      throw GuardBroken()
    }
    return try result.get()
  }

  /// Why `stored` is refused as a stream of `length` bytes; nil where it is not.
  static func refusal(_ stored: [UInt8], length: Int, _ layout: Layout = Layout()) throws -> DecodeError.Reason? {
    do {
      _ = try decode(stored, length: length, layout)
      return nil
    } catch let error as DecodeError {
      return error.reason
    }
  }
}

/// Writes what DEFLATE reads: bits from the lowest, Huffman codes from their first bit.
struct BitWriter {
  var bytes: [UInt8] = []
  private var used = 8

  mutating func bits(_ value: Int, _ count: Int) {
    for i in 0..<count {
      if used == 8 {
        bytes.append(0)
        used = 0
      }
      bytes[bytes.count - 1] |= UInt8((value >> i) & 1) << used
      used += 1
    }
  }

  mutating func code(_ code: Int, _ length: Int) {
    for i in stride(from: length - 1, through: 0, by: -1) { bits((code >> i) & 1, 1) }
  }

  /// On to the next byte.
  mutating func align() { used = 8 }

  mutating func header(last: Bool, type: Int) {
    bits(last ? 1 : 0, 1)
    bits(type, 2)
  }

  mutating func stored(_ content: [UInt8], last: Bool, complement: Int? = nil) {
    header(last: last, type: 0)
    align()
    bits(content.count, 16)
    bits(complement ?? ~content.count & 0xFFFF, 16)
    for byte in content { bits(Int(byte), 8) }
  }

  /// A literal/length symbol in the fixed code.
  mutating func fixed(_ symbol: Int) {
    switch symbol {
    case ..<144: code(0x30 + symbol, 8)
    case ..<256: code(0x190 + symbol - 144, 9)
    case ..<280: code(symbol - 256, 7)
    default: code(0xC0 + symbol - 280, 8)
    }
  }

  /// The code lengths of a block of its own codes, written one by one: a code length code in which 0 ... 15 have 5 bits
  /// each but 0 and 1, which have 2 and 3 of them... all in the simplest way, 16 symbols of 4 bits.
  mutating func codeLengths(literals: [Int], distances: [Int], last: Bool = true) {
    header(last: last, type: 2)
    bits(literals.count - 257, 5)
    bits(distances.count - 1, 5)
    bits(15, 4)
    for symbol in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15] { bits(symbol < 16 ? 4 : 0, 3) }
    for length in literals + distances { code(length, 4) }
  }
}

/// The canonical code of RFC 1951, 3.2.2, for code lengths; 0 where a symbol has none.
func canonicalCode(_ lengths: [Int]) -> [Int] {
  var next = 0
  var codes = [Int](repeating: 0, count: lengths.count)
  for length in 1...15 {
    for i in lengths.indices where lengths[i] == length {
      codes[i] = next
      next += 1
    }
    next <<= 1
  }
  return codes
}
