// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// Made by Tools/run codecs from Tools/codecs.txt: change that.

import FuzzKit

/// The targets of the decoders, by their names.
var decoderTargets: [(name: String, make: () -> any FuzzTarget)] {
  [
    ("lz4", lz4Target),
    ("microlzma", microLZMATarget),
    ("deflate", deflateTarget),
    ("zstandard", zstandardTarget),
  ]
}
