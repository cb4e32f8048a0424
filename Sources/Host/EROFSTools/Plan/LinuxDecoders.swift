// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

/// What Linux's own decoders take in memory for the same image, to hold the plan against.
///
/// The figures are those of Linux 7.2 (fs/erofs, lib/lz4, lib/xz, lib/zlib_inflate, lib/zstd) on a 64-bit machine;
/// ``source`` of each says which rule or measurement it comes from.
public struct LinuxNeed: Equatable, Sendable {
  /// The algorithm as mkfs.erofs calls it.
  public let algorithm: String
  public let what: String
  public let bytes: Int
  /// Whether the bytes have to follow each other in memory where there is no MMU.
  public let isContiguous: Bool
  /// "at mount, for each processor" or "while reading".
  public let when: String
  public let source: String
}

public enum LinuxDecoders {
  /// Bytes of the private stream that Linux keeps for each processor from the mount on; 0 for LZ4, which has none.
  public static func streamBytes(_ algorithm: Algorithm, _ limits: CompressionLimits) -> Int {
    switch algorithm {
    case .lz4: 0
    case .microLZMA: lzmaStateBytes + limits.lzmaDictionaryBytes
    case .deflate: inflateWorkspaceBytes
    case .zstandard: zstandardWorkspaceBytes(window: 1 << limits.zstandardWindowLog)
    }
  }

  /// The probabilities in struct xz_dec_microlzma, always for lc + lp = 4. What else is in it is a few hundred bytes.
  static let lzmaStateBytes = 2 * (1846 + (768 << 4))

  /// struct inflate_workspace: 9,544 bytes of state (2,048 codes of 4 bytes, 608 lengths of 2, 136 bytes) and the
  /// window, which is always 32 KiB.
  static let inflateWorkspaceBytes = 9_544 + 32_768

  /// zstd_dstream_workspace_bound: the context, the window, and three times the largest block (128 KiB, or the window
  /// where that is smaller). It comes out at what was measured: 112, 161 and 358 KB, and 1.5 MB, with windows of 4, 16,
  /// 64 and 1024 KiB.
  static func zstandardWorkspaceBytes(window: Int) -> Int { 95_600 + window + 3 * min(window, 128 << 10) }

  /// Pages of the scratch buffer for stored bytes that Linux maps at mount, for each processor.
  public static func scratchPages(_ superblock: Superblock, pageSize: Int) -> Int {
    let bytes = superblock.compression.lz4MaximumPclusterBlocks << superblock.blockShift
    return (bytes + pageSize - 1) / pageSize
  }
}

/// The longest mappings that reading an image's LZ4 extents asks for.
public struct LongestMappings: Equatable, Sendable {
  /// Pages of decoded and of stored bytes; 1 where nothing has to be mapped, 0 where there is no LZ4 extent.
  public private(set) var outputPages = 0
  public private(set) var inputPages = 0
  public let pageSize: Int

  public init(pageSize: Int) { self.pageSize = pageSize }

  public mutating func add(_ extent: Extent) {
    guard extent.encoding == .compressed(.lz4) else { return }
    let page = UInt64(pageSize)
    outputPages = max(outputPages, Int((extent.end + page - 1) / page - extent.start / page))
    inputPages = max(inputPages, Int((extent.storedLength + page - 1) / page))
  }
}

extension LinuxDecoders {
  /// What Linux needs for an image, one entry for each thing that it allocates by itself.
  public static func needs(_ superblock: Superblock, longest: LongestMappings) -> [LinuxNeed] {
    let limits = superblock.compression
    let page = longest.pageSize
    var needs: [LinuxNeed] = []
    for algorithm in Algorithm.allCases where limits.announces(algorithm) {
      let streams = streamBytes(algorithm, limits)
      switch algorithm {
      case .lz4:
        // An image announces LZ4 where it announces nothing else, so only extents say that it is used.
        guard longest.outputPages > 0 else { continue }
        needs.append(
          LinuxNeed(
            algorithm: "lz4", what: "scratch buffer for stored bytes",
            bytes: scratchPages(superblock, pageSize: page) * page,
            isContiguous: true, when: "at mount, for each processor",
            source: "z_erofs_gbuf_growsize: vmap of the largest pcluster"))
        needs.append(
          LinuxNeed(
            algorithm: "lz4", what: "mapping of the decoded pages", bytes: longest.outputPages * page,
            isContiguous: true, when: "while reading, for each extent",
            source: "z_erofs_lz4_decompress: vm_map_ram of the output; the longest extent of this image"))
        needs.append(
          LinuxNeed(
            algorithm: "lz4", what: "mapping of the stored pages", bytes: longest.inputPages * page,
            isContiguous: true, when: "while reading, for each extent",
            source: "z_erofs_lz4_handle_overlap: vm_map_ram of the input where it is not decoded in place"))
      case .microLZMA:
        needs.append(
          LinuxNeed(
            algorithm: "lzma", what: "stream with its dictionary of \(limits.lzmaDictionaryBytes.grouped) bytes",
            bytes: streams, isContiguous: true, when: "at mount, for each processor",
            source: "z_erofs_load_lzma_config: xz_dec_microlzma_alloc, preallocated"))
      case .deflate:
        needs.append(
          LinuxNeed(
            algorithm: "deflate", what: "stream with its window of 32 KiB", bytes: streams, isContiguous: true,
            when: "at mount, for each processor",
            source: "z_erofs_load_deflate_config: zlib_inflate_workspacesize"))
      case .zstandard:
        needs.append(
          LinuxNeed(
            algorithm: "zstd",
            what: "stream for a window of \((1 << limits.zstandardWindowLog).grouped) bytes", bytes: streams,
            isContiguous: true, when: "at mount, for each processor",
            source: "z_erofs_load_zstd_config: zstd_dstream_workspace_bound; as measured on Linux 7.2"))
      }
    }
    return needs
  }
}
