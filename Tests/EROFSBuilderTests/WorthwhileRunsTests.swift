// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSBuilder
import EROFSTree
import Encoders
import SystemPackage
import Testing
import TreeSupport

/// What dedupe would lose by is not shared.
@Suite struct WorthwhileRunsTests {
  let folder = Folder()

  /// What is repeated is stored again where storing it once would cost more: extents have to begin where it begins, and an
  /// index that refers to other files' extents is larger.
  @Test(arguments: [
    (files: 8, filler: 200_000, common: 32_768, isNoise: false),
    (files: 2, filler: 20 << 20, common: 30_000, isNoise: true),
  ]) func runsThatDoNotPay(files: Int, filler: Int, common: Int, isNoise: Bool) throws {
    var random = Random(43)
    /// Nothing in it is repeated, and LZ4 makes a sixteenth of it.
    func records(_ count: Int) -> [UInt8] {
      var bytes = [UInt8](repeating: 46, count: count)
      for start in stride(from: 0, to: count - 4, by: 128) {
        for at in start..<start + 4 { bytes[at] = UInt8(truncatingIfNeeded: random.next()) }
      }
      return bytes
    }
    var tree = Tree()
    for pair in 0..<files / 2 {
      let part = isNoise ? (0..<common).map { _ in UInt8(truncatingIfNeeded: random.next()) } : records(common)
      for side in 0..<2 {
        let bytes = records(filler / 2 + 777 * side) + part + records(filler / 2)
        try tree.put(
          Array("f\(pair)\(side)".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644),
          content: .bytes(bytes))
      }
    }
    var options = BuildOptions()
    options.encodings = [try Encoding(.lz4)]
    let whole = try ImageBuilder(options).build(tree, at: FilePath(folder("whole")))
    options.dedupes = true
    let shared = try ImageBuilder(options).build(tree, at: FilePath(folder("shared")))
    #expect(shared.imageBytes <= whole.imageBytes)
    #expect(shared.sharedBytes == 0)
    // Without the larger index the noise is worth it.
    if isNoise {
      options.index = .full
      let full = try ImageBuilder(options).build(tree, at: FilePath(folder("full")))
      #expect(full.sharedBytes > 16_384)
    }
  }

  /// The end of a file goes to the packed inode, where nothing can refer to it. So nothing is cut for what is repeated of
  /// it.
  @Test func endsThatArePackedAreNotCut() throws {
    var random = Random(47)
    func text(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(97 + random.below(4)) } }
    var tree = Tree()
    for pair in 0..<8 {
      let part = text(90_000)
      for side in 0..<2 {
        try tree.put(
          Array("f\(pair)\(side)".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644),
          content: .bytes(text(9000) + part))
      }
    }
    var options = BuildOptions()
    options.clusterSize = 65_536
    options.encodings = [try Encoding(.lz4, clusterSize: 65_536)]
    options.fragments = .tails
    let whole = try ImageBuilder(options).build(tree, at: FilePath(folder("whole")))
    options.dedupes = true
    let shared = try ImageBuilder(options).build(tree, at: FilePath(folder("shared")))
    #expect(shared.imageBytes <= whole.imageBytes)
  }
}
