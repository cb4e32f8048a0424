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
  /// Bytes of the private stream that Linux keeps for each processor from the mount on; 0 if it maps.
  public static func streamBytes(_ algorithm: Algorithm, _ limits: CompressionLimits) -> Int {
    if case .stream(let stream) = algorithm.onHosts.linuxWay { stream.bytes(limits) } else { 0 }
  }

  /// Pages of the scratch buffer for stored bytes that Linux maps at mount, for each processor.
  public static func scratchPages(_ superblock: Superblock, pageSize: Int) -> Int {
    let bytes = superblock.compression.lz4MaximumPclusterBlocks << superblock.blockShift
    return (bytes + pageSize - 1) / pageSize
  }
}

/// The longest mappings that reading the extents takes that Linux maps, which are those with LZ4.
public struct LongestMappings: Equatable, Sendable {
  /// Pages of decoded and of stored bytes; 1 where nothing has to be mapped, 0 where there is no such extent.
  public private(set) var outputPages = 0
  public private(set) var inputPages = 0
  public let pageSize: Int

  public init(pageSize: Int) { self.pageSize = pageSize }

  public mutating func add(_ extent: Extent) {
    guard case .compressed(let algorithm) = extent.encoding, algorithm.onHosts.isMapped else { return }
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
      let name = "\(algorithm.name)"
      switch algorithm.onHosts.linuxWay {
      case .mapped:
        // An image announces LZ4 where it announces nothing else, so only extents say that it is used.
        guard longest.outputPages > 0 else { continue }
        needs.append(
          LinuxNeed(
            algorithm: name, what: "scratch buffer for stored bytes",
            bytes: scratchPages(superblock, pageSize: page) * page,
            isContiguous: true, when: "at mount, for each processor",
            source: "z_erofs_gbuf_growsize: vmap of the largest pcluster"))
        needs.append(
          LinuxNeed(
            algorithm: name, what: "mapping of the decoded pages", bytes: longest.outputPages * page,
            isContiguous: true, when: "while reading, for each extent",
            source: "z_erofs_lz4_decompress: vm_map_ram of the output; the longest extent of this image"))
        needs.append(
          LinuxNeed(
            algorithm: name, what: "mapping of the stored pages", bytes: longest.inputPages * page,
            isContiguous: true, when: "while reading, for each extent",
            source: "z_erofs_lz4_handle_overlap: vm_map_ram of the input where it is not decoded in place"))
      case .stream(let stream):
        needs.append(
          LinuxNeed(
            algorithm: name, what: stream.what(limits), bytes: stream.bytes(limits), isContiguous: true,
            when: "at mount, for each processor", source: stream.source))
      }
    }
    return needs
  }
}
