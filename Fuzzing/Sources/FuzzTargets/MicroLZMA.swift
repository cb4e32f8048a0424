// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import FuzzKit

/// The working memory is exactly what the stream's first byte asks for.
func microLZMATarget() -> any FuzzTarget {
  DecoderTarget("microlzma", .microLZMA, MicroLZMADecoder.self) { stream in
    stream.first.flatMap { MicroLZMADecoder.workingBytes(firstByte: $0) } ?? 0
  }
}
