// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTools
import EROFSTree
import Encoders
import Foundation
import SystemPackage
import Testing
import TreeSupport

@testable import EROFSBuilder

/// What Linux does not read though the format permits it, and what comes near it. The kernel itself reads such images in
/// `Tools/run mkfs-matrix`.
@Suite struct LinuxLimitTests {
  let folder = Folder()
  private var image: FilePath { FilePath(folder("image")) }

  private func noise(_ count: Int, _ random: inout Random) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
  }

  @discardableResult
  private func build(
    _ files: [[UInt8]], cluster: Int? = nil, _ change: (inout BuildOptions) throws -> Void = { _ in }
  ) throws -> BuildSummary {
    var tree = Tree()
    for (number, bytes) in files.enumerated() {
      try tree.put(
        Array("f\(number)".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644), content: .bytes(bytes))
    }
    var options = BuildOptions()
    options.encodings = [try Encoding(.lz4, clusterSize: cluster ?? 4096)]
    options.clusterSize = cluster
    try change(&options)
    let summary = try ImageBuilder(options).build(tree, at: image)
    #expect(try problems(of: image.string).isEmpty)
    return summary
  }

  /// Pages of bytes that are not compressed are not read for places at different offsets of a page at once.
  @Test func longPlainExtentsAreSharedAtOneOffsetOfAPage() throws {
    var random = Random(83)
    let part = noise(141_462, &random)
    // A file of which nothing gets smaller would be flat.
    let files = [
      [UInt8](repeating: 5, count: 9000) + part + part + part + noise(17_000, &random), noise(100, &random) + part,
      [UInt8](repeating: 7, count: 5000) + part, noise(8192 + 9000 % 4096, &random) + part,
    ]
    try build(files, cluster: 65_536) {
      $0.dedupes = true
      ($0.wideAddresses, $0.index) = (true, .encoded)
    }
    var offsets: [UInt64: UInt64] = [:]
    var shared = 0
    for (start, stored, isPlain) in try stored(files.count) where isPlain && stored.count > 4096 {
      if let known = offsets.updateValue(start % 4096, forKey: stored.lowerBound) {
        #expect(known == start % 4096)
        shared += 1
      }
    }
    #expect(shared > 0)
  }

  /// Of all extents that are stored in blocks: where they begin in their file, and where they are.
  private func stored(_ files: Int) throws -> [(start: UInt64, stored: Range<UInt64>, isPlain: Bool)] {
    let reader = try ImageReader(ImageFile(image))
    return try (0..<files).flatMap { number in
      try reader.extents(of: reader.inode(at: Array("f\(number)".utf8))).compactMap { extent in
        guard case .device(_, let address) = extent.place else { return nil }
        return (extent.start, address..<address + extent.storedLength, extent.encoding == .plain)
      }
    }
  }

  /// An extent that begins inside a block is in one more than it has bytes for.
  @Test(arguments: [(4096, 2), (65_536, 17), (1 << 20, 256)])
  func theLargestLZ4PclusterIsAnnounced(cluster: Int, blocks: Int) throws {
    var random = Random(89)
    let text = (0..<3_000_000).map { $0 % 500 < 300 ? UInt8(truncatingIfNeeded: random.next()) : 97 }
    try build([[UInt8]("a few".utf8) + Array(text[..<9000]), text], cluster: cluster) {
      ($0.wideAddresses, $0.index) = (true, .encoded)
    }
    let superblock = try ImageReader(ImageFile(image)).superblock
    #expect(superblock.incompatible.contains(.compressionRecords))
    #expect(superblock.compression.lz4MaximumPclusterBlocks == blocks)
    let most = try stored(2).map { ($0.stored.upperBound + 4095) / 4096 - $0.stored.lowerBound / 4096 }.max()
    #expect(try Int(#require(most)) == blocks)
  }

  /// Linux mounts nothing with more than 256, however small the blocks are.
  @Test func noMoreThan256BlocksAreAnnounced() throws {
    try build([Array((0..<90_000).map { "\($0) " }.joined().utf8)], cluster: 131_072) {
      $0.blockSize = 512
      ($0.wideAddresses, $0.index) = (true, .encoded)
    }
    #expect(try ImageReader(ImageFile(image)).superblock.compression.lz4MaximumPclusterBlocks == 256)
  }

  /// The packed inode's pclusters may be larger than all others.
  @Test func largePclustersOfThePackedInodeAreAnnounced() throws {
    try build([Array(repeating: 65, count: 4090), Array(repeating: 66, count: 90_000)]) {
      $0.fragments = .tails
      $0.packedClusterSize = 65_536
    }
    #expect(try ImageReader(ImageFile(image)).superblock.compression.lz4MaximumPclusterBlocks == 16)
  }

  /// A flat file that ends inside a block comes before one that is compressed.
  @Test(arguments: [512, 4096], [true, false])
  func whatFollowsAFlatFileBeginsAtABlock(blockSize: Int, inlines: Bool) throws {
    let text = Array((0..<9000).map { "\($0) " }.joined().utf8)
    for count in [500, 3525, 4090, 5000] {
      try build([Array(text[..<count]), text]) {
        $0.blockSize = blockSize
        $0.encodings = [try Encoding(.lz4, clusterSize: blockSize)]
        $0.inlinesData = inlines
        $0.hints = try CompressHints(Array("0 f0$\n".utf8), name: "hints")
      }
    }
  }
}
