// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CDeflate
import CLZ4
import CLZMA
import CZlib
import CZstd

/// The C library of each codec: what makes streams for benchmarks and fuzzers, and what ours is compared with.
public enum CodecPeer: String, CaseIterable, Sendable {
  case lz4 = "LZ4"
  case microLZMA = "MicroLZMA"
  case deflate = "DEFLATE"
  case zstandard = "Zstandard"

  /// Name and version of the library that this process has loaded.
  public var library: String {
    switch self {
    case .lz4: "liblz4 " + String(cString: LZ4_versionString())
    case .microLZMA: "liblzma " + String(cString: lzma_version_string())
    // Its version is in its header only, which need not be that of what was loaded.
    case .deflate: "libdeflate"
    case .zstandard: "libzstd " + String(cString: ZSTD_versionString())
    }
  }

  /// The level that mkfs.erofs takes where it is not given one (of lz4, that of lz4hc).
  public var defaultLevel: Int {
    switch self {
    case .lz4: 9
    case .microLZMA: 6
    case .deflate: 1
    case .zstandard: 3
    }
  }

  /// Encodes all of `bytes` as one extent of EROFS, which has no headers besides those of a Zstandard frame.
  public func compress(_ bytes: [UInt8], level: Int? = nil) -> [UInt8] {
    let level = level ?? defaultLevel
    let capacity = bytes.count + bytes.count / 8 + 512
    return [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
      bytes.withUnsafeBufferPointer { source in
        let input = UnsafeRawPointer(source.baseAddress ?? UnsafePointer(buffer.baseAddress!))
        count = encode(input, bytes.count, buffer.baseAddress!, capacity, level)
        precondition(count > 0, "\(self) cannot encode")
      }
    }
  }

  private func encode(
    _ input: UnsafeRawPointer, _ length: Int, _ output: UnsafeMutablePointer<UInt8>, _ capacity: Int, _ level: Int
  ) -> Int {
    switch self {
    case .lz4:
      return Int(
        LZ4_compress_HC(
          input.assumingMemoryBound(to: CChar.self),
          UnsafeMutableRawPointer(output).assumingMemoryBound(to: CChar.self), CInt(length), CInt(capacity), CInt(level)
        ))
    case .deflate:
      let compressor = libdeflate_alloc_compressor(CInt(level))
      defer { libdeflate_free_compressor(compressor) }
      return libdeflate_deflate_compress(compressor, input, length, output, capacity)
    case .zstandard:
      let count = ZSTD_compress(output, capacity, input, length, CInt(level))
      return ZSTD_isError(count) == 0 ? count : 0
    case .microLZMA:
      var options = lzma_options_lzma()
      guard lzma_lzma_preset(&options, UInt32(level)) == 0 else { return 0 }
      options.dict_size = Self.dictionary
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
  }

  static var dictionary: UInt32 { 1 << 20 }
}

/// A C decoder with its state, made once and used for many extents.
public final class PeerDecoder {
  public let codec: CodecPeer
  private let deflate: OpaquePointer?
  private let zstandard: OpaquePointer?
  private var lzma = lzma_stream()

  public init(_ codec: CodecPeer) {
    self.codec = codec
    deflate = codec == .deflate ? libdeflate_alloc_decompressor() : nil
    zstandard = codec == .zstandard ? ZSTD_createDCtx() : nil
  }

  deinit {
    if let deflate { libdeflate_free_decompressor(deflate) }
    if let zstandard { ZSTD_freeDCtx(zstandard) }
    lzma_end(&lzma)
  }

  /// Whether `stored` is a stream of exactly `output.count` bytes; they are then in `output`. Neither may be empty.
  public func decode(_ stored: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Bool {
    let input = stored.baseAddress!
    let start = output.baseAddress!
    switch codec {
    case .lz4:
      let count = LZ4_decompress_safe(
        input.assumingMemoryBound(to: CChar.self), start.assumingMemoryBound(to: CChar.self), CInt(stored.count),
        CInt(output.count))
      return count == output.count
    case .deflate:
      var taken = 0
      var given = 0
      let result = libdeflate_deflate_decompress_ex(
        deflate, input, stored.count, start, output.count, &taken, &given)
      return result == LIBDEFLATE_SUCCESS && taken == stored.count && given == output.count
    case .zstandard:
      return ZSTD_decompressDCtx(zstandard, start, output.count, input, stored.count) == output.count
    case .microLZMA:
      guard
        lzma_microlzma_decoder(&lzma, UInt64(stored.count), UInt64(output.count), 1, CodecPeer.dictionary) == LZMA_OK
      else { return false }
      lzma.next_in = input.assumingMemoryBound(to: UInt8.self)
      lzma.avail_in = stored.count
      lzma.next_out = start.assumingMemoryBound(to: UInt8.self)
      lzma.avail_out = output.count
      var result = LZMA_OK
      while result == LZMA_OK { result = lzma_code(&lzma, LZMA_FINISH) }
      return result == LZMA_STREAM_END && lzma.avail_out == 0
    }
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
