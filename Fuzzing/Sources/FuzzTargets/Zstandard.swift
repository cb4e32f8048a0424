// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import FuzzKit

/// Ours holds to RFC 8878 where libzstd is lenient, so it may refuse more.
func zstandardTarget() -> any FuzzTarget {
  DecoderTarget("zstandard", .zstandard, ZstandardDecoder.self, mayBeStricter: { _ in true }) { _ in
    ZstandardDecoder.workingBytes
  }
}
