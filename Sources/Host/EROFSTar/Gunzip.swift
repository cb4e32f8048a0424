// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CZlib
import EROFSTree

/// Decompresses gzip by zlib, because libarchive's filter does not check the sums. One gzip file may follow another.
final class Gunzip: Decompressing {
  private let input: CompressedInput
  private let stream: UnsafeMutablePointer<z_stream>
  private var hasEnded = false
  /// What is told where blocks begin, and how far it is.
  private let index: GzipIndex?
  private var (consumed, produced): (UInt64, UInt64) = (0, 0)

  static func isGzip(_ bytes: some Collection<UInt8>) -> Bool { bytes.starts(with: [0x1F, 0x8B]) }

  init(_ input: CompressedInput, index: GzipIndex? = nil) throws(TreeError) {
    (self.input, self.index) = (input, index)
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    // The format of gzip only, with its largest window.
    guard inflateInit2_(stream, 16 + 15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw .decompression(reason: "no memory")
    }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(TreeError) -> Int {
    let size = min(buffer.count, 1 << 30)
    while !hasEnded {
      stream.pointee.next_out = buffer.baseAddress!.assumingMemoryBound(to: UInt8.self)
      stream.pointee.avail_out = UInt32(size)
      let before = stream.pointee.avail_in
      let result = inflate(stream, index == nil ? Z_NO_FLUSH : Z_BLOCK)
      let count = size - Int(stream.pointee.avail_out)
      (consumed, produced) = (consumed + UInt64(before - stream.pointee.avail_in), produced + UInt64(count))
      switch result {
      case Z_OK, Z_BUF_ERROR: try index?.note(stream, input: consumed, output: produced)
      case Z_STREAM_END: try startNext()
      default:
        let reason = stream.pointee.msg.map { String(cString: $0) }
        throw .decompression(reason: "gzip: \(reason ?? "error \(result)")")
      }
      if count > 0 { return count }
      if !hasEnded, stream.pointee.avail_in == 0, try !refill() {
        throw .decompression(reason: "the gzip stream is cut short")
      }
    }
    return 0
  }

  /// After the end of a stream: what follows is another, or does not count.
  private func startNext() throws(TreeError) {
    if stream.pointee.avail_in == 0 { _ = try refill() }
    guard stream.pointee.avail_in > 0, stream.pointee.next_in.pointee == 0x1F else {
      hasEnded = true
      return
    }
    inflateReset(stream)
    index?.isInitial = true
  }

  /// Whether there is more.
  private func refill() throws(TreeError) -> Bool {
    let count = input.next()
    if count < 0 { throw .system(.read, path: [], errno: input.fault) }
    stream.pointee.next_in = input.buffer.baseAddress!.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_in = UInt32(count)
    return count > 0
  }
}
