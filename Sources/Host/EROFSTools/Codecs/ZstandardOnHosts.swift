// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

extension HostCodec {
  /// Tables may make sequences out of no bits at all.
  static let zstandard = HostCodec(
    mkfsNames: ["zstd"], limits: { "window \(1 << $0.zstandardWindowLog) bytes" }, largestPclusterBlocks: { _ in nil },
    stepsPerByte: 3, stepsPerStoredByte: 64, linux: (6, 10),
    linuxWay: .stream(
      LinuxStream(
        what: { "stream for a window of \((1 << $0.zstandardWindowLog).grouped) bytes" },
        bytes: { LinuxDecoders.zstandardWorkspaceBytes(window: 1 << $0.zstandardWindowLog) },
        source: "z_erofs_load_zstd_config: zstd_dstream_workspace_bound; as measured on Linux 7.2")))
}

extension LinuxDecoders {
  /// zstd_dstream_workspace_bound: the context, the window, and three times the largest block (128 KiB, or the window
  /// where that is smaller). It comes out at what was measured: 112, 161 and 358 KB, and 1.5 MB, with windows of 4, 16,
  /// 64 and 1024 KiB.
  static func zstandardWorkspaceBytes(window: Int) -> Int { 95_600 + window + 3 * min(window, 128 << 10) }
}
