// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CArchive
import EROFSTree

/// Decompresses bzip2, xz, lzma, lzip and Zstandard by libarchive's filters. Its readers of archives are not used.
final class Decompressor: Decompressing {
  private let archive: OpaquePointer
  private let input: CompressedInput

  init(_ input: CompressedInput) throws(TreeError) {
    guard let archive = archive_read_new() else { throw .decompression(reason: "no memory") }
    self.archive = archive
    self.input = input
    for support in [
      archive_read_support_filter_bzip2, archive_read_support_filter_xz, archive_read_support_filter_lzma,
      archive_read_support_filter_lzip, archive_read_support_filter_zstd, archive_read_support_format_raw,
      archive_read_support_format_empty,
    ] { _ = support(archive) }
    let opened = archive_read_open(
      archive, Unmanaged.passUnretained(input).toOpaque(), nil,
      { _, client, place in
        let input = Unmanaged<CompressedInput>.fromOpaque(client!).takeUnretainedValue()
        place?.pointee = UnsafeRawPointer(input.buffer.baseAddress)
        let count = input.next()
        return count < 0 ? Int(ARCHIVE_FATAL) : count
      }, nil)
    var entry: OpaquePointer?
    guard opened == ARCHIVE_OK, archive_read_next_header(archive, &entry) == ARCHIVE_OK else { throw failure() }
  }

  deinit { archive_read_free(archive) }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(TreeError) -> Int {
    while true {
      let count = archive_read_data(archive, buffer.baseAddress, buffer.count)
      if count >= 0 { return count }
      if count != Int(ARCHIVE_RETRY) { throw failure() }
    }
  }

  private func failure() -> TreeError {
    if input.fault != 0 { return .system(.read, path: [], errno: input.fault) }
    let reason = archive_error_string(archive).map { String(cString: $0) }
    return .decompression(reason: reason ?? "it is none of gzip, bzip2, xz, lzma, lzip and zstd")
  }
}
