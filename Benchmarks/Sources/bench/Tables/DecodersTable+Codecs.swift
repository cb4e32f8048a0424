// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// Made by Tools/run codecs from Tools/codecs.txt: change that.

import CodecPeers
import Codecs

extension DecodersTable {
  /// Who decodes what in Swift.
  static var decoders: [(CodecPeer, any SwiftDecoding.Type)] {
    [
      (.lz4, SwiftDecoder<LZ4Decoder>.self),
      (.microLZMA, SwiftDecoder<MicroLZMADecoder>.self),
      (.deflate, SwiftDecoder<DeflateDecoder>.self),
      (.zstandard, SwiftDecoder<ZstandardDecoder>.self),
    ]
  }
}
