// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CLZ4

/// LZ4, whose compressors fill an output of a given size by themselves: the fast one, or the thorough ones.
final class LZ4Engine: Engine {
  /// Of the thorough compressors; nil for the fast one.
  private let level: CInt?
  private let state: UnsafeMutableRawPointer
  /// The same, ready for use; nil for the fast compressor.
  private let stream: UnsafeMutablePointer<LZ4_streamHC_t>?
  private let scratch = Scratch()

  /// - Parameter level: nil for the fast compressor.
  init(level: Int? = nil) throws(EncoderError) {
    self.level = level.map { CInt($0) }
    let size = Int(level == nil ? LZ4_sizeofState() : LZ4_sizeofStateHC())
    state = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
    stream = level == nil ? nil : LZ4_initStreamHC(state, size)
  }

  deinit { state.deallocate() }

  func fill(
    _ output: UnsafeMutableRawBufferPointer, from input: UnsafeRawBufferPointer, expecting expected: Int?
  ) throws(EncoderError) -> Encoded {
    var taken = CInt(input.count)
    let source = input.baseAddress!.assumingMemoryBound(to: CChar.self)
    let to = output.baseAddress!.assumingMemoryBound(to: CChar.self)
    let stored: CInt
    if let level, let stream {
      // As LZ4_compress_HC_destSize, which clears 256 KiB first, whatever the size of the output. This only puts what the
      // state knows of earlier inputs out of reach.
      LZ4_resetStreamHC_fast(stream, level)
      stored = LZ4_compress_HC_continue_destSize(stream, source, to, &taken, CInt(output.count))
    } else {
      // Clears its state, which it has on the stack.
      stored = LZ4_compress_destSize(source, to, &taken, CInt(output.count))
    }
    guard stored > 0, taken > 0 else { return .nothing }
    return Encoded(decoded: Int(taken), stored: Int(stored))
  }

  func encodeAll(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(EncoderError) -> Int? {
    // With an output that is just large enough the library stops early, so it gets one that certainly is.
    let capacity = LZ4_compressBound(CInt(input.count))
    let room = scratch.reserve(Int(capacity))
    let source = input.baseAddress!.assumingMemoryBound(to: CChar.self)
    let to = room.baseAddress!.assumingMemoryBound(to: CChar.self)
    let stored =
      if let level {
        LZ4_compress_HC_extStateHC(state, source, to, CInt(input.count), capacity, level)
      } else {
        LZ4_compress_fast_extState(state, source, to, CInt(input.count), capacity, 1)
      }
    guard stored > 0 else { return nil }
    guard stored <= output.count else {
      // Filling ends with literals where that fits, and may so be shorter by a byte or two.
      let filled = try fill(output, from: input, expecting: nil)
      return filled.decoded == input.count ? filled.stored : nil
    }
    output.copyMemory(from: UnsafeRawBufferPointer(rebasing: room[..<Int(stored)]))
    return Int(stored)
  }
}
