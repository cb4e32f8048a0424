// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CDeflate

/// DEFLATE with libdeflate, which compresses a whole input or nothing: a little more than will fit is compressed, and the
/// stream is cut where the cluster ends.
final class DeflateEngine: Engine {
  /// From this level on compression takes so long that finding out beforehand how much will fit is nothing beside it.
  private static let firstSlowLevel = 5
  /// From this level on, libdeflate chooses the codes for all of what it is given. In clusters up to this size it shows if
  /// that was a twentieth too much.
  private static let firstThoroughLevel = 10
  private static let smallCluster = 8192

  private let algorithm: Encoding.Algorithm
  private let level: Int
  private let compressor: OpaquePointer
  /// A fast one, to find out how much will fit.
  private let probe: OpaquePointer?
  private var cutter = DeflateCutter()
  private let scratch = Scratch()

  init(_ encoding: Encoding) throws(EncoderError) {
    algorithm = encoding.algorithm
    level = encoding.level
    guard let compressor = libdeflate_alloc_compressor(CInt(level)) else { throw .memory(encoding.algorithm) }
    self.compressor = compressor
    probe = level >= Self.firstSlowLevel ? libdeflate_alloc_compressor(1) : nil
  }

  deinit {
    libdeflate_free_compressor(compressor)
    if let probe { libdeflate_free_compressor(probe) }
    cutter.deallocate()
  }

  func encodeAll(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(EncoderError) -> Int? {
    let room = scratch.reserve(libdeflate_deflate_compress_bound(compressor, input.count))
    let count = compress(compressor, input[...], room, room.count)
    guard count <= output.count else { return nil }
    output.copyMemory(from: UnsafeRawBufferPointer(rebasing: room[..<count]))
    DeflateCutter.markFirstByte(output)
    return count
  }

  func fill(
    _ output: UnsafeMutableRawBufferPointer, from input: UnsafeRawBufferPointer, expecting expected: Int?
  ) throws(EncoderError) -> Encoded {
    // What is more than this has been given far too much; the longest tokens of the last block are in it.
    let capacity = 2 * output.count + 512
    let room = scratch.reserve(4 * output.count + 1024 + DeflateCutter.padding)
    var best = Encoded.nothing
    // What fits, and what was too much for the capacity.
    var fits = 0
    var isTooMuch = input.count + 1
    var guess = guessedLength(input, room, output.count, expected)
    // It ends long before; the bound is for data that no guess is right for.
    for _ in 0..<24 {
      let count = min(max(guess, fits + 1), isTooMuch - 1)
      if count <= fits { break }
      let size = compress(compressor, input[..<count], room, capacity)
      if size == 0 {
        isTooMuch = count
        guess = max(count / 2, (fits + count) / 2)
      } else if size > output.count {
        best = cut(room, size, input, output, ifOver: best.decoded) ?? best
        guard level >= Self.firstThoroughLevel, output.count <= Self.smallCluster else { return best }
        return refined(best, input, room, capacity, output)
      } else {
        best = take(room, size, count, output)
        fits = count
        if count == input.count || size + 2 > output.count { break }
        guess = Self.scaled(count, output.count, size) + 16
      }
    }
    return best
  }

  /// What fits if the codes are those for hardly more than what fitted so far; `best` if that is no more.
  private func refined(
    _ best: Encoded, _ input: UnsafeRawBufferPointer, _ room: UnsafeMutableRawBufferPointer, _ capacity: Int,
    _ output: UnsafeMutableRawBufferPointer
  ) -> Encoded {
    // Measured: between 1/300 and 1/400 is best.
    let count = min(best.decoded + best.decoded / 350 + 1, input.count)
    let size = count > best.decoded ? compress(compressor, input[..<count], room, capacity) : 0
    guard size > 0 else { return best }
    guard size <= output.count else { return cut(room, size, input, output, ifOver: best.decoded) ?? best }
    return take(room, size, count, output)
  }

  private func take(
    _ room: UnsafeMutableRawBufferPointer, _ size: Int, _ count: Int, _ output: UnsafeMutableRawBufferPointer
  ) -> Encoded {
    output.copyMemory(from: UnsafeRawBufferPointer(rebasing: room[..<size]))
    DeflateCutter.markFirstByte(output)
    return Encoded(decoded: count, stored: size)
  }

  /// Cuts the stream of `size` bytes in `room`; nil if no more than `least` bytes of the input fit.
  private func cut(
    _ room: UnsafeMutableRawBufferPointer, _ size: Int, _ input: UnsafeRawBufferPointer,
    _ output: UnsafeMutableRawBufferPointer, ifOver least: Int
  ) -> Encoded? {
    room.baseAddress!.advanced(by: size).initializeMemory(as: UInt8.self, repeating: 0, count: DeflateCutter.padding)
    return cutter.cut(UnsafeRawBufferPointer(rebasing: room[..<size]), of: input, into: output, ifOver: least)
  }

  /// A little more than what will probably fit.
  private func guessedLength(
    _ input: UnsafeRawBufferPointer, _ room: UnsafeMutableRawBufferPointer, _ limit: Int, _ expected: Int?
  ) -> Int {
    var guess = min(expected ?? 3 * limit, 1032 * limit)
    guard let probe else { return guess + guess / 20 }
    for _ in 0..<4 {
      let count = min(guess, input.count)
      let size = compress(probe, input[..<count], room, room.count - DeflateCutter.padding)
      if size == 0 {
        guess = count / 2
        continue
      }
      // Slow levels make it smaller than the fast one.
      guess = Self.scaled(count, limit, size * (level >= 10 ? 90 : 94) / 100)
      // Near enough to what was measured to hold for what follows.
      if count == input.count || guess < 2 * count { break }
    }
    return guess
  }

  /// `count` by the ratio of two sizes, and a little more: of 1 to 5 percent, so much made the smallest images in the least
  /// time, at levels at which a second attempt costs most.
  private static func scaled(_ count: Int, _ limit: Int, _ size: Int) -> Int {
    let share = Double(limit) / Double(max(size, 1))
    return Int(min(Double(count) * share * 1.035, Double(Encoder.longestExtent)))
  }

  private func compress(
    _ compressor: OpaquePointer, _ input: Slice<UnsafeRawBufferPointer>, _ room: UnsafeMutableRawBufferPointer,
    _ capacity: Int
  ) -> Int {
    let input = UnsafeRawBufferPointer(rebasing: input)
    return libdeflate_deflate_compress(compressor, input.baseAddress!, input.count, room.baseAddress!, capacity)
  }
}
