// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CLZMA

final class MicroLZMAPeer: PeerLibrary {
  static var library: String { "liblzma " + String(cString: lzma_version_string()) }
  static var defaultLevel: Int { 6 }
  private static var dictionary: UInt32 { 1 << 20 }

  private var stream = lzma_stream()

  deinit { lzma_end(&stream) }

  static func encode(
    _ input: UnsafeRawPointer, _ length: Int, _ output: UnsafeMutablePointer<UInt8>, _ capacity: Int, _ level: Int
  ) -> Int {
    var options = lzma_options_lzma()
    guard lzma_lzma_preset(&options, UInt32(level)) == 0 else { return 0 }
    options.dict_size = dictionary
    var stream = lzma_stream()
    guard lzma_microlzma_encoder(&stream, &options) == LZMA_OK else { return 0 }
    defer { lzma_end(&stream) }
    stream.next_in = input.assumingMemoryBound(to: UInt8.self)
    stream.avail_in = length
    stream.next_out = output
    stream.avail_out = capacity
    guard lzma_code(&stream, LZMA_FINISH) == LZMA_STREAM_END, stream.avail_in == 0 else { return 0 }
    return capacity - stream.avail_out
  }

  func decode(_ stored: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Bool {
    guard
      lzma_microlzma_decoder(&stream, UInt64(stored.count), UInt64(output.count), 1, Self.dictionary) == LZMA_OK
    else { return false }
    stream.next_in = stored.baseAddress!.assumingMemoryBound(to: UInt8.self)
    stream.avail_in = stored.count
    stream.next_out = output.baseAddress!.assumingMemoryBound(to: UInt8.self)
    stream.avail_out = output.count
    var result = LZMA_OK
    while result == LZMA_OK { result = lzma_code(&stream, LZMA_FINISH) }
    return result == LZMA_STREAM_END && stream.avail_out == 0
  }
}
