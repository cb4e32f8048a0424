// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// Made by Tools/run codecs from Tools/codecs.txt: change that.

import EROFS

extension Algorithm {
  /// What hosts know of it besides.
  package var onHosts: HostCodec {
    switch self {
    case .lz4: .lz4
    case .microLZMA: .microLZMA
    case .deflate: .deflate
    case .zstandard: .zstandard
    }
  }
}
