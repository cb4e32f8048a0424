// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

extension HostCodec {
  /// A stored byte is up to nine decisions, each of which may take up a fiftieth of a bit.
  static let microLZMA = HostCodec(
    mkfsNames: ["lzma"], limits: { "dictionary \($0.lzmaDictionaryBytes) bytes" }, largestPclusterBlocks: { _ in nil },
    stepsPerByte: 8, stepsPerStoredByte: 64, linux: (5, 16),
    linuxWay: .stream(
      LinuxStream(
        what: { "stream with its dictionary of \($0.lzmaDictionaryBytes.grouped) bytes" },
        bytes: { LinuxDecoders.lzmaStateBytes + $0.lzmaDictionaryBytes },
        source: "z_erofs_load_lzma_config: xz_dec_microlzma_alloc, preallocated")))
}

extension LinuxDecoders {
  /// The probabilities in struct xz_dec_microlzma, always for lc + lp = 4. What else is in it is a few hundred bytes.
  static let lzmaStateBytes = 2 * (1846 + (768 << 4))
}
