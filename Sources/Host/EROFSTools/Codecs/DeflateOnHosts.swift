// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

extension HostCodec {
  /// A block may be all tables and no data.
  static let deflate = HostCodec(
    mkfsNames: ["deflate", "libdeflate"], limits: { "window \(1 << $0.deflateWindowBits) bytes" },
    largestPclusterBlocks: { _ in nil }, stepsPerByte: 1, stepsPerStoredByte: 64, linux: (6, 6),
    linuxWay: .stream(
      LinuxStream(
        what: { _ in "stream with its window of 32 KiB" }, bytes: { _ in LinuxDecoders.inflateWorkspaceBytes },
        source: "z_erofs_load_deflate_config: zlib_inflate_workspacesize")))
}

extension LinuxDecoders {
  /// struct inflate_workspace: 9,544 bytes of state (2,048 codes of 4 bytes, 608 lengths of 2, 136 bytes) and the
  /// window, which is always 32 KiB.
  static let inflateWorkspaceBytes = 9_544 + 32_768
}
