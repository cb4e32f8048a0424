// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSBuilder
import EROFSTools
import EROFSTree
import Encoders
import Foundation
import SystemPackage
import TestSupport
import Testing
import TreeSupport

/// Several builds at the same time in one process, as a server has them.
@Suite struct SeveralBuildsTests {
  let folder = Folder()

  private static func tree(_ seed: Int) throws -> Tree {
    var random = Random(seed)
    return try randomTree(&random, entries: 150, upTo: 120_000)
  }

  /// What takes long enough to be cancelled in the middle: a build tells how far it is ten times a second.
  private static func slowTree() throws -> Tree {
    var tree = Tree()
    var random = Random(11)
    for number in 0..<24 {
      let words = (0..<500).map { _ in (0..<1 + random.below(8)).map { _ in UInt8(97 + random.below(26)) } + [32] }
      let text = (0..<60_000).flatMap { _ in words[min(random.below(500), random.below(500))] }
      try tree.put(
        Array("f\(number)".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644), content: .bytes(text))
    }
    tree.sort()
    return tree
  }

  /// Options that share encoders, threads and temporary files with each other as much as builds can.
  private static func options() throws -> [BuildOptions] {
    func compressed(
      _ algorithm: Encoding.Algorithm, _ size: Int, _ change: (inout BuildOptions) throws -> Void = { _ in }
    ) throws -> BuildOptions {
      var options = BuildOptions()
      options.encodings = [try Encoding(algorithm, clusterSize: size)]
      options.clusterSize = size
      try change(&options)
      return options
    }
    var chunked = BuildOptions()
    chunked.chunkSize = 4096
    chunked.dedupes = true
    return [
      try compressed(.lz4hc, 16_384) { $0.fragments = .tails },
      try compressed(.zstd, 65_536) {
        $0.fragments = .all
        $0.dedupes = true
        $0.compressesDirectories = true
      },
      try compressed(.lzma, 65_536) { $0.packsTails = true },
      try compressed(.libdeflate, 4096) {
        $0.wideAddresses = true
        $0.metabox = BuildOptions.Metabox(clusterSize: 4096, encoding: try Encoding(.zstd))
      },
      chunked, try compressed(.zstd, 65_536) { $0.dedupes = true },
    ]
  }

  /// Each image has the bytes that it has when it is built alone, and a build that is cancelled leaves what was there.
  @Test func imagesAreThoseOfBuildsAlone() throws {
    let all = try Self.options()
    let trees = try all.indices.map { try Self.tree(4000 + $0 / 2) }
    var wanted: [Data] = []
    for (options, tree) in zip(all, trees) {
      try ImageBuilder(options).build(tree, at: FilePath(folder("alone")))
      wanted.append(try bytes(of: folder("alone")))
    }
    try FileManager.default.removeItem(atPath: folder("alone"))
    try folder.write("cancelled", Array("old".utf8))
    let (slow, slowOptions) = (try Self.slowTree(), all[2])
    let failures = SynchronizedArray<String>()
    let calls = SynchronizedArray<UInt64>()
    let path = folder.path
    runThreads(all.count + 1) { number in
      do {
        if number < all.count {
          _ = try ImageBuilder(all[number]).build(trees[number], at: FilePath("\(path)/image-\(number)"))
          return
        }
        _ = try ImageBuilder(slowOptions).build(slow, at: FilePath("\(path)/cancelled")) { progress in
          calls.append(progress.done)
          return calls.all.count < 2
        }
        failures.append("the build was not cancelled")
      } catch BuildError.cancelled where number == all.count {} catch { failures.append("\(number): \(error)") }
    }
    #expect(failures.all == [])
    #expect(calls.all.count == 2 && calls.all.last! > 0)
    for (number, image) in wanted.enumerated() {
      #expect(try bytes(of: folder("image-\(number)")) == image, "build \(number)")
    }
    #expect(try bytes(of: folder("cancelled")) == Data("old".utf8))
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: path).sorted()
        == ["cancelled"] + all.indices.map { "image-\($0)" })
  }
}
