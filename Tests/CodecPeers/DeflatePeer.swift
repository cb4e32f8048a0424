// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CDeflate
import CZlib

final class DeflatePeer: PeerLibrary {
  // Its version is in its header only, which need not be that of what was loaded.
  static var library: String { "libdeflate" }
  static var defaultLevel: Int { 1 }

  private let decompressor = libdeflate_alloc_decompressor()

  deinit { libdeflate_free_decompressor(decompressor) }

  static func encode(
    _ input: UnsafeRawPointer, _ length: Int, _ output: UnsafeMutablePointer<UInt8>, _ capacity: Int, _ level: Int
  ) -> Int {
    let compressor = libdeflate_alloc_compressor(CInt(level))
    defer { libdeflate_free_compressor(compressor) }
    return libdeflate_deflate_compress(compressor, input, length, output, capacity)
  }

  func decode(_ stored: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Bool {
    var taken = 0
    var given = 0
    let result = libdeflate_deflate_decompress_ex(
      decompressor, stored.baseAddress!, stored.count, output.baseAddress!, output.count, &taken, &given)
    return result == LIBDEFLATE_SUCCESS && taken == stored.count && given == output.count
  }
}

/// Whether zlib takes `stored` as a raw DEFLATE stream of exactly `length` bytes, without anything behind it.
public func zlibAccepts(_ stored: [UInt8], length: Int) -> Bool {
  var stored = stored
  var stream = z_stream()
  guard inflateInit2_(&stream, -15, zlibVersion(), CInt(MemoryLayout<z_stream>.size)) == Z_OK else { return false }
  defer { inflateEnd(&stream) }
  // Room for one byte too many, so that a longer stream shows.
  var output = [UInt8](repeating: 0, count: length + 1)
  return stored.withUnsafeMutableBufferPointer { input in
    output.withUnsafeMutableBufferPointer { output in
      stream.next_in = input.baseAddress
      stream.avail_in = UInt32(input.count)
      stream.next_out = output.baseAddress
      stream.avail_out = UInt32(output.count)
      return inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_in == 0 && stream.avail_out == 1
    }
  }
}
