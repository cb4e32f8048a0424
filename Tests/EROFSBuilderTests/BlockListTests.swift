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

/// Texts that say in which blocks files are stored.
@Suite struct BlockListTests {
  private let folder = Folder()

  private func list(_ tree: Tree, _ options: BuildOptions, root: String = "") throws -> [String] {
    var options = options
    options.blockList = BuildOptions.BlockList(FilePath(folder("list")), root: Array(root.utf8))
    try ImageBuilder(options).build(tree, at: FilePath(folder("image")))
    return String(decoding: try bytes(of: folder("list")), as: UTF8.self).split(separator: "\n").map(String.init)
  }

  private func tree(_ contents: [(String, [UInt8])]) throws -> Tree {
    var tree = Tree()
    for (path, bytes) in contents {
      try tree.put(
        Array(path.utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644), content: .bytes(bytes))
    }
    return tree
  }

  @Test func linesHaveRunsOfBlocks() throws {
    var random = Random(5)
    let noise = (0..<40_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    let zeros = [UInt8](repeating: 0, count: 8192)
    var tree = try tree([
      ("a", Array(noise[..<12_288])), ("b", Array(noise[20_000..<20_010])), ("c d", Array(noise[20_000..<25_000])),
      ("e", []), ("f", Array(noise[..<4096] + zeros + noise[30_000..<35_000])),
    ])
    let entry = try #require(tree.entry(at: "a"))
    try tree.link(Array("z".utf8), in: Tree.root, to: tree.inode(of: entry))
    var options = BuildOptions()
    let flat = ["/system/a 1-3", "/system/c d 4", "/system/f 5-8"]
    #expect(try list(tree, options, root: "/system") == flat)
    #expect(try list(tree, options, root: "/system//") == flat)
    #expect(try list(tree, options) == flat.map { String($0.dropFirst(7)) })
    options.inlinesData = false
    #expect(try list(tree, options) == ["/a 1-3", "/b 4", "/c d 5-6", "/f 7-11"])
    options.chunkSize = 4096
    #expect(try list(tree, options) == ["/a 1-3", "/b 4", "/c d 5-6", "/f 1 7-8"])
  }

  /// Every block that a file is read from is in the list, and no other; except for blocks that decode to zeros, which only
  /// readers decode that do not know the index's mark for them.
  @Test func listsAreWhatTheReaderFinds() throws {
    for seed in 0..<12 {
      var random = Random(seed + 700)
      let tree = try randomTree(&random, entries: 100, upTo: 60_000)
      var options = try randomOptions(&random)
      options.offset = 0
      let lines = try list(tree, options, root: "mnt")
      let reader = try ImageReader(ImageFile(FilePath(folder("image"))))
      let block = UInt64(options.blockSize)
      // By NID, because files with several names are listed by one.
      var wanted: [UInt64: Set<UInt64>] = [:]
      var withHoles: Set<UInt64> = []
      for (entry, path) in tree.walk() where tree.kind(of: entry) == .regular {
        let inode = try reader.inode(at: path)
        for extent in try reader.extents(of: inode) {
          if extent.place == .hole { withHoles.insert(inode.nid) }
          guard case .device = extent.place, let place = try reader.volume.location(of: extent) else { continue }
          let end = place.offset + extent.storedLength
          wanted[inode.nid, default: []].formUnion(place.offset / block..<(end + block - 1) / block)
        }
      }
      var found: [UInt64: Set<UInt64>] = [:]
      for line in lines {
        let words = line.split(separator: " ").map(String.init)
        #expect(words[0].hasPrefix("/mnt/"))
        let nid = try reader.inode(at: words[0].dropFirst(4).utf8).nid
        for word in words.dropFirst() {
          let ends = word.split(separator: "-").compactMap { UInt64($0) }
          found[nid, default: []].formUnion(ends[0]...ends[ends.count - 1])
        }
      }
      #expect(found.count == lines.count, "seed \(seed)")
      for nid in Set(found.keys).union(wanted.keys) {
        let (listed, read) = (found[nid] ?? [], wanted[nid] ?? [])
        #expect(withHoles.contains(nid) ? listed.isSuperset(of: read) : listed == read, "seed \(seed), nid \(nid)")
      }
    }
  }

  @Test func whatCannotBeListedIsAnError() throws {
    let tree = try tree([("two\nlines", Array("text".utf8))])
    var options = BuildOptions()
    options.inlinesData = false
    func error(_ path: String) -> String {
      do {
        options.blockList = BuildOptions.BlockList(FilePath(path))
        try ImageBuilder(options).build(tree, at: FilePath(folder("image")))
        return ""
      } catch { return "\(error)" }
    }
    #expect(error(folder("list")).contains("its path has a line break"))
    #expect(error(folder("image")).contains("the list of blocks and the image cannot be the same file"))
    #expect(error(folder("no/list")).contains("opening failed"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
  }
}
