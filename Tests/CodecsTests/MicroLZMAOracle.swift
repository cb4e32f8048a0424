// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CLZMA
import PageVectors
import TestSupport

@testable import Codecs

/// liblzma's MicroLZMA encoder and decoder.
enum MicroLZMAOracle {
  struct Options: Sendable, CustomStringConvertible {
    var preset: UInt32 = 6
    var isExtreme = false
    var dictionary: UInt32 = 1 << 16
    var lc: UInt32 = 3
    var lp: UInt32 = 0
    var pb: UInt32 = 2
    /// What the encoder may refer to although no decoder has it.
    var foreignHistory: [UInt8] = []
    var description: String {
      "preset \(preset)\(isExtreme ? "e" : ""), dictionary \(dictionary), lc \(lc) lp \(lp) pb \(pb)"
    }
  }

  /// Encodes as much of `data` as `limit` bytes hold; gives the stream and the number of bytes that are in it.
  static func encode(_ data: [UInt8], _ options: Options = Options(), limit: Int? = nil) -> (
    stored: [UInt8], length: Int
  ) {
    var lzma = lzma_options_lzma()
    precondition(lzma_lzma_preset(&lzma, options.preset | (options.isExtreme ? 1 << 31 : 0)) == 0)
    lzma.dict_size = options.dictionary
    lzma.lc = options.lc
    lzma.lp = options.lp
    lzma.pb = options.pb
    var length = 0
    let capacity = limit ?? data.count + data.count / 8 + 256
    let stored = options.foreignHistory.withUnsafeBufferPointer { history in
      if !history.isEmpty {
        lzma.preset_dict = history.baseAddress
        lzma.preset_dict_size = UInt32(history.count)
      }
      return [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
        data.withUnsafeBufferPointer { input in
          var stream = lzma_stream()
          precondition(lzma_microlzma_encoder(&stream, &lzma) == LZMA_OK)
          stream.next_in = input.baseAddress
          stream.avail_in = input.count
          stream.next_out = buffer.baseAddress
          stream.avail_out = buffer.count
          precondition(lzma_code(&stream, LZMA_FINISH) == LZMA_STREAM_END)
          length = Int(stream.total_in)
          count = Int(stream.total_out)
          lzma_end(&stream)
        }
      }
    }
    return (stored, length)
  }

  /// The decoded bytes, nil where liblzma refuses the stream.
  ///
  /// - Parameter isExact: whether the stream must end with these `length` bytes, or may go on.
  static func decode(_ stored: [UInt8], length: Int, isExact: Bool = true, dictionary: UInt32 = 1 << 20) -> [UInt8]? {
    var isAccepted = false
    let bytes = [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
      // liblzma looks at the pointers of empty buffers too.
      var nothing: (UInt8, UInt8) = (0, 0)
      withUnsafeMutableBytes(of: &nothing) { nothing in
        let nothing = nothing.baseAddress!.assumingMemoryBound(to: UInt8.self)
        stored.withUnsafeBufferPointer { input in
          var stream = lzma_stream()
          let sizes = (UInt64(stored.count), UInt64(length))
          precondition(lzma_microlzma_decoder(&stream, sizes.0, sizes.1, isExact ? 1 : 0, dictionary) == LZMA_OK)
          stream.next_in = input.isEmpty ? UnsafePointer(nothing) : input.baseAddress
          stream.avail_in = input.count
          stream.next_out = length == 0 ? nothing : buffer.baseAddress
          stream.avail_out = length
          var result = LZMA_OK
          while result == LZMA_OK { result = lzma_code(&stream, LZMA_FINISH) }
          isAccepted = result == LZMA_STREAM_END && stream.avail_out == 0
          count = length - stream.avail_out
          lzma_end(&stream)
        }
      }
    }
    return isAccepted ? bytes : nil
  }
}

/// A run of the decoder under test, with everything around it watched.
struct MicroLZMARun {
  /// log2 of the page size; where that is more than all bytes need, they are contiguous.
  var inputShift = 20
  var inputOffset = 0
  var outputShift = 20
  var outputOffset = 0
  /// Bytes of output pages; nil for the whole extent.
  var ring: Int?
  /// Bytes of each call; nil for one call.
  var step: Int?
  var isExact = true

  /// The decoded bytes; throws what the decoder throws.
  func decode(_ stored: [UInt8], length: Int) throws -> [UInt8] {
    func fitting(_ shift: Int, _ count: Int) -> Int { min(shift, Int.bitWidth - count.leadingZeroBitCount) }
    let input = ScatteredPages(
      stored, pageShift: fitting(inputShift, inputOffset + stored.count), offset: inputOffset, seed: 11)
    let frames = min(ring ?? length, length)
    let output = ScatteredPages(
      count: frames, pageShift: fitting(outputShift, outputOffset + frames), offset: outputOffset, seed: 12)
    let memory = GuardedMemory(count: stored.first.flatMap { MicroLZMADecoder.workingBytes(firstByte: $0) } ?? 0)
    defer {
      precondition(output.guardsAreIntact, "written outside the output")
      precondition(memory.guardsAreIntact, "written outside the working memory")
    }
    var bytes: [UInt8] = []
    var decoder = try MicroLZMADecoder(
      input: input.vector.readOnly, output: output.vector, length: length, memory: memory.memory)
    let step = self.step ?? length
    while decoder.produced < length {
      let from = decoder.produced
      let to = min(length, from + step)
      try decoder.decode(to: to)
      precondition(decoder.produced == to)
      if let ring, ring < length {
        for position in from..<to { bytes.append(output.vector.readOnly.byte(at: position % ring)!) }
      }
    }
    if isExact {
      try decoder.finish()
      // Asking again changes nothing.
      try decoder.finish()
    }
    return ring.map { $0 < length } ?? false ? bytes : output.bytes
  }

  /// The same, nil where the decoder refuses; `reasons` counts why.
  func decode(_ stored: [UInt8], length: Int, reasons: inout [DecodeError.Reason: Int]) -> [UInt8]? {
    do {
      return try decode(stored, length: length)
    } catch let error as DecodeError {
      precondition(error.inputOffset >= 0 && error.inputOffset <= stored.count)
      reasons[error.reason, default: 0] += 1
      return nil
    } catch {
      preconditionFailure("an error of another type: \(error)")
    }
  }
}

/// Bytes in which every kind of LZMA symbol comes up.
enum MicroLZMASamples {
  static func mixed(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var generator = SplitMix64(seed: seed)
    let words = (0..<300).map { _ in
      (0..<Int.random(in: 2...9, using: &generator)).map { _ in UInt8.random(in: 97...122, using: &generator) }
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 1000)
    while bytes.count < count {
      switch Int.random(in: 0..<8, using: &generator) {
      case 0:  // noise: literals
        for _ in 0..<Int.random(in: 1...60, using: &generator) { bytes.append(.random(in: 0...255, using: &generator)) }
      case 1:  // a run
        bytes += [UInt8](
          repeating: .random(in: 0...3, using: &generator), count: .random(in: 1...400, using: &generator))
      case 2:  // records that differ in a byte or two: repeated distances, literals behind matches
        let record = (0..<Int.random(in: 4...24, using: &generator)).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        for i in 0..<Int.random(in: 2...20, using: &generator) {
          var record = record
          record[Int.random(in: 0..<record.count, using: &generator)] = UInt8(truncatingIfNeeded: i)
          bytes += record
        }
      case 3 where bytes.count > 10:  // something from long ago
        let from = Int.random(in: 0..<bytes.count, using: &generator)
        bytes += bytes[from..<min(bytes.count, from + .random(in: 1...300, using: &generator))]
      default:
        for _ in 0..<Int.random(in: 1...40, using: &generator) {
          bytes += words[Int.random(in: 0..<words.count, using: &generator)]
          bytes.append(32)
        }
      }
    }
    return Array(bytes[0..<count])
  }
}
