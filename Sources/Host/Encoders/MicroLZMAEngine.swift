// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CLZMA

/// MicroLZMA: LZMA without a header and end marker, whose encoder fills an output of a given size by itself. The first
/// byte is the complement of the properties, at least 0x1F.
final class MicroLZMAEngine: Engine {
  /// The encoder refuses outputs that cannot hold the five bytes that the range coder ends with.
  private static let smallestOutput = 6

  private var options = lzma_options_lzma()
  private var stream = lzma_stream()

  init(_ encoding: Encoding) throws(EncoderError) {
    let extreme: UInt32 = 1 << 31
    let preset = encoding.level >= 100 ? UInt32(encoding.level - 100) | extreme : UInt32(encoding.level)
    guard lzma_lzma_preset(&options, preset) == 0 else { throw .library(.lzma, "preset \(encoding.level)") }
    options.dict_size = UInt32(encoding.dictionarySize)
    options.lc = UInt32(encoding.context.lc)
    options.lp = UInt32(encoding.context.lp)
    options.pb = UInt32(encoding.context.pb)
  }

  deinit { lzma_end(&stream) }

  func fill(
    _ output: UnsafeMutableRawBufferPointer, from input: UnsafeRawBufferPointer, expecting expected: Int?
  ) throws(EncoderError) -> Encoded {
    guard output.count >= Self.smallestOutput else { return .nothing }
    // Begins anew with the memory of the cluster before.
    try check(lzma_microlzma_encoder(&stream, &options))
    stream.next_in = input.baseAddress!.assumingMemoryBound(to: UInt8.self)
    stream.avail_in = input.count
    stream.next_out = output.baseAddress!.assumingMemoryBound(to: UInt8.self)
    stream.avail_out = output.count
    let result = lzma_code(&stream, LZMA_FINISH)
    if result != LZMA_STREAM_END { try check(result == LZMA_OK ? LZMA_PROG_ERROR : result) }
    guard stream.total_in > 0 else { return .nothing }
    return Encoded(decoded: Int(stream.total_in), stored: Int(stream.total_out))
  }

  func encodeAll(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(EncoderError) -> Int? {
    let encoded = try fill(output, from: input, expecting: nil)
    return encoded.decoded == input.count ? encoded.stored : nil
  }

  private func check(_ result: lzma_ret) throws(EncoderError) {
    if result == LZMA_OK { return }
    throw result == LZMA_MEM_ERROR ? .memory(.lzma) : .library(.lzma, "status \(result.rawValue)")
  }
}
