// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CZstd
import PageVectors
import TestSupport

@testable import Codecs

/// How the pages lie that a test decodes from or into.
struct ZstandardPages: Sendable, CustomStringConvertible {
  var shift: Int
  var offset: Int
  var description: String { shift >= 24 ? "contiguous" : "pages of \(1 << shift) from \(offset)" }

  static let all = [
    ZstandardPages(shift: 0, offset: 0), ZstandardPages(shift: 4, offset: 5), ZstandardPages(shift: 7, offset: 0),
    ZstandardPages(shift: 9, offset: 511), ZstandardPages(shift: 12, offset: 0),
    ZstandardPages(shift: 12, offset: 1234),
    ZstandardPages(shift: 16, offset: 77), ZstandardPages(shift: 24, offset: 0),
  ]
  static let contiguous = ZstandardPages(shift: 24, offset: 0)

  func pages(_ bytes: [UInt8], seed: UInt64 = 1) -> ScatteredPages {
    let pages = pages(count: bytes.count, seed: seed)
    bytes.withUnsafeBytes { _ = pages.vector.copy(from: PageVector(unsafeContiguous: $0)) }
    return pages
  }

  func pages(count: Int, seed: UInt64 = 1) -> ScatteredPages {
    // One frame is only as large as it must be, so that small tests do not fill megabytes.
    guard shift < 24 else {
      return ScatteredPages(count: count, pageShift: Int.bitWidth - max(count, 1).leadingZeroBitCount, seed: seed)
    }
    // A tiny page takes many times its size in guard bytes, so large vectors get larger ones.
    return ScatteredPages(count: count, pageShift: count > 8000 ? max(shift, 6) : shift, offset: offset, seed: seed)
  }
}

/// Compresses with libzstd as its parameters say.
struct ZstandardEncoder: Sendable, CustomStringConvertible {
  var level: Int32 = 3
  var windowLog: Int32 = 0
  var checksum = false
  var contentSize = true
  /// Bytes between flushes, each of which ends a block; 0 for one call.
  var flushEvery = 0

  var description: String {
    "level \(level), window \(windowLog), checksum \(checksum), size \(contentSize), flush \(flushEvery)"
  }

  func encode(_ bytes: [UInt8]) -> [UInt8] {
    let context = ZSTD_createCCtx()
    defer { ZSTD_freeCCtx(context) }
    func set(_ parameter: ZSTD_cParameter, _ value: Int32) {
      precondition(ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value)) == 0)
    }
    set(ZSTD_c_compressionLevel, level)
    if windowLog > 0 { set(ZSTD_c_windowLog, windowLog) }
    set(ZSTD_c_checksumFlag, checksum ? 1 : 0)
    set(ZSTD_c_contentSizeFlag, contentSize ? 1 : 0)
    if contentSize { precondition(ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(context, UInt64(bytes.count))) == 0) }
    var stored = [UInt8](
      repeating: 0, count: ZSTD_compressBound(bytes.count) + 64 + bytes.count / max(flushEvery, 1) * 16)
    let capacity = stored.count
    var written = 0
    bytes.withUnsafeBytes { source in
      stored.withUnsafeMutableBytes { target in
        var output = ZSTD_outBuffer(dst: target.baseAddress, size: capacity, pos: 0)
        var position = 0
        repeat {
          let step = flushEvery > 0 ? min(flushEvery, bytes.count - position) : bytes.count - position
          let isLast = position + step == bytes.count
          var input = ZSTD_inBuffer(src: source.baseAddress.map { $0 + position }, size: step, pos: 0)
          while true {
            let left = ZSTD_compressStream2(context, &output, &input, isLast ? ZSTD_e_end : ZSTD_e_flush)
            precondition(ZSTD_isError(left) == 0)
            if left == 0 { break }
          }
          position += step
        } while position < bytes.count
        written = output.pos
      }
    }
    return Array(stored[..<written])
  }
}

/// What libzstd makes of a frame; nil where it refuses.
///
/// - Parameter isStreaming: into a window of at most 1 MiB, as Linux does, and in small steps; else all in one.
func libzstdDecode(_ stored: [UInt8], capacity: Int, isStreaming: Bool = false) -> [UInt8]? {
  let context = ZSTD_createDCtx()
  defer { ZSTD_freeDCtx(context) }
  var output = [UInt8](repeating: 0, count: max(capacity, 1))
  // The assembly for Huffman codes does not see whether a stream ends where it should.
  ZSTD_DCtx_setParameter(context, ZSTD_d_experimentalParam5, 1)
  guard isStreaming else {
    let size = ZSTD_decompressDCtx(context, &output, capacity, stored, stored.count)
    return ZSTD_isError(size) == 0 ? Array(output[..<size]) : nil
  }
  ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, 20)
  return stored.withUnsafeBytes { source in
    output.withUnsafeMutableBytes { target in
      var to = ZSTD_outBuffer(dst: target.baseAddress, size: 0, pos: 0)
      var from = ZSTD_inBuffer(src: source.baseAddress, size: stored.count, pos: 0)
      while true {
        let before = (to.pos, from.pos)
        to.size = min(capacity, to.pos + 500)
        let left = ZSTD_decompressStream(context, &to, &from)
        if ZSTD_isError(left) != 0 { return nil }
        if left == 0 { return from.pos == stored.count ? Array(target[..<to.pos]) : nil }
        if before == (to.pos, from.pos), to.size == capacity { return nil }
      }
    }
  }
}

/// Decodes in steps, as one caller may; with every witness of a write outside.
///
/// - Parameters:
///   - ring: size of a ring to decode into, or nil for all of the output.
///   - step: bytes per call.
///   - finishes: whether the stream has to end there.
func zstandardDecode(
  _ stored: [UInt8], length: Int, from: ZstandardPages = .contiguous, into: ZstandardPages = .contiguous,
  ring: Int? = nil,
  step: Int = .max, favoursSpeed: Bool = true, finishes: Bool = true
) throws(WitnessedError) -> [UInt8] {
  let input = from.pages(stored, seed: 7)
  let output = into.pages(count: ring ?? length, seed: 11)
  let memory = GuardedMemory(count: ZstandardDecoder.workingBytes)
  var decoded: [UInt8] = []
  var failure: DecodeError?
  do throws(DecodeError) {
    var decoder = try ZstandardDecoder(
      input: input.vector.readOnly, output: output.vector, length: length, memory: memory.memory,
      favoursSpeed: favoursSpeed)
    while decoder.produced < length {
      let before = decoder.produced
      let end = min(length, before + min(step, ring.map { $0 - 64 } ?? length))
      try decoder.decode(to: end)
      if decoder.produced != end { throw DecodeError(.invalid, at: -1) }
      if let ring {
        let first = output.vector.readOnly.slice(at: before % ring, count: end - before).gathered
        decoded += first
        decoded += output.vector.readOnly.prefix(end - before - first.count).gathered
      }
    }
    if finishes { try decoder.finish() }
  } catch {
    failure = error
  }
  guard input.guardsAreIntact, output.guardsAreIntact, memory.guardsAreIntact else { throw .wroteOutside }
  guard input.bytes == stored else { throw .wroteOutside }
  if let failure { throw .refused(failure) }
  return ring == nil ? output.bytes : decoded
}

enum WitnessedError: Error, Equatable {
  case wroteOutside
  case refused(DecodeError)

  var reason: DecodeError.Reason? { if case .refused(let error) = self { error.reason } else { nil } }
}

/// Bytes to compress.
enum Sample {
  /// Words in an order with some structure, as programs and texts have it.
  static func text(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var generator = SplitMix64(seed: seed)
    let words = (0..<300).map { _ in
      (0..<Int.random(in: 2...12, using: &generator)).map { _ in
        UInt8(ascii: "a")
          + UInt8(Int.random(in: 0..<26, using: &generator) * Int.random(in: 0..<26, using: &generator) / 26)
      }
    }
    var bytes: [UInt8] = []
    while bytes.count < count {
      if bytes.count > 100, Int.random(in: 0..<6, using: &generator) == 0 {
        let from = Int.random(in: 0..<bytes.count - 60, using: &generator)
        bytes += bytes[from..<from + Int.random(in: 3...60, using: &generator)]
      } else {
        bytes += words[Int.random(in: 0..<300, using: &generator) * Int.random(in: 0..<300, using: &generator) / 300]
        bytes.append(UInt8(truncatingIfNeeded: Int.random(in: 0..<9, using: &generator) == 0 ? 10 : 32))
      }
    }
    return Array(bytes[..<count])
  }

  static func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var generator = SplitMix64(seed: seed)
    return (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
  }

  /// Few symbols without matches: all literals, with short codes.
  static func skewed(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var generator = SplitMix64(seed: seed)
    return (0..<count).map { _ in
      UInt8(min(generator.next().leadingZeroBitCount, 40)) &* 5 &+ UInt8(generator.next() & 1)
    }
  }

  /// The same few bytes again and again.
  static func period(_ count: Int, _ period: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: ($0 % period) &* 37) }
  }

  /// Parts of every kind, of very different lengths.
  static func mixed(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var generator = SplitMix64(seed: seed)
    var bytes: [UInt8] = []
    while bytes.count < count {
      let part = 1 << Int.random(in: 0...17, using: &generator)
      switch Int.random(in: 0..<6, using: &generator) {
      case 0: bytes += noise(min(part, 20000), seed: generator.next())
      case 1: bytes += skewed(min(part, 30000), seed: generator.next())
      case 2: bytes += period(part, Int.random(in: 1...20, using: &generator))
      case 3: bytes += [UInt8](repeating: UInt8(truncatingIfNeeded: part), count: part)
      case 4 where bytes.count > 1000:
        let from = Int.random(in: 0..<bytes.count, using: &generator)
        bytes += bytes[from..<min(from + part, bytes.count)]
      default: bytes += text(part, seed: generator.next())
      }
    }
    return Array(bytes[..<count])
  }
}
