// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

extension HostCodec {
  static let lz4 = HostCodec(
    mkfsNames: ["lz4", "lz4hc"],
    limits: {
      "distance up to \($0.lz4MaximumDistance) bytes, pclusters up to \($0.lz4MaximumPclusterBlocks) blocks"
    },
    largestPclusterBlocks: { $0.lz4MaximumPclusterBlocks }, stepsPerByte: 1, stepsPerStoredByte: 2, linux: (0, 0),
    linuxWay: .mapped)
}
