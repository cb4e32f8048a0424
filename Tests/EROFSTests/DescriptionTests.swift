// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import EROFS
import Testing

/// What errors say of themselves in a program that has module EROFS only.
@Suite struct DescriptionTests {
  @Test func errorsSayWhatAndWhere() {
    let said: [(EROFSError, String)] = [
      (
        .corrupt(.outsideDevice, at: .device(0, offset: 5)),
        "data outside the image: it is truncated, or an address is wrong, at byte 5"
      ),
      (
        .corrupt(.mapHeader, at: .metabox(offset: 64)),
        "a compression map header contains invalid values, at byte 64 of the metabox"
      ),
      (.unsupported(.device(2), at: .device(0, offset: 9)), "extra device 2 is missing, at byte 9"),
      (
        .undecodable(DecodeError(.invalid, at: 1), algorithm: .lz4, at: .device(1, offset: 4096)),
        "\(Algorithm.lz4.name) data that starts at byte 4096 of extra device 1 cannot be decoded: it is not valid "
          + "(after 1 stored byte)"
      ),
      (.storage(StorageError(code: 5), at: .device(0, offset: 0)), "reading byte 0 failed: Input/output error"),
      (.memory(.directory, bytes: 4096), "not enough memory for a block of a directory: 4096 bytes needed"),
      (.notFound, "no such file or directory in the image"),
    ]
    for (error, text) in said { #expect("\(error)" == text) }
  }
}
