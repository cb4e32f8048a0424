// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// Made by Tools/run codecs from Tools/codecs.txt: change that.

/// The codecs that there is a C library of.
public enum CodecPeer: String, CaseIterable, Sendable {
  case lz4 = "LZ4"
  case microLZMA = "MicroLZMA"
  case deflate = "Deflate"
  case zstandard = "Zstandard"

  var type: any PeerLibrary.Type {
    switch self {
    case .lz4: LZ4Peer.self
    case .microLZMA: MicroLZMAPeer.self
    case .deflate: DeflatePeer.self
    case .zstandard: ZstandardPeer.self
    }
  }
}
