// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CodecPeers
import Codecs
import FuzzKit

/// Ours refuses what one of libdeflate and zlib refuses.
func deflateTarget() -> any FuzzTarget {
  DecoderTarget(
    "deflate", .deflate, DeflateDecoder.self,
    mayBeStricter: { !zlibAccepts(Array($0.stream), length: $0.length) }
  ) { _ in DeflateDecoder.workingBytes }
}
