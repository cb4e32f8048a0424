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

/// Lists of what is read first.
@Suite struct OrderTests {
  private let folder = Folder()

  /// 40 files of 9 folders, each of two blocks and some bytes that no other has.
  private func tree() throws -> Tree {
    var tree = Tree()
    var random = Random(3)
    let metadata = Metadata(kind: .directory, permissions: 0o755, time: Time(seconds: 1_700_000_000))
    let folders = try (0..<8).map { try tree.put(Array("d\($0)".utf8), in: Tree.root, metadata) }
    let inner = try tree.put(Array("inner".utf8), in: folders[5], metadata)
    for number in 0..<40 {
      var file = metadata
      (file.kind, file.permissions) = (.regular, 0o644)
      // Half of it compresses.
      let bytes = (0..<9000).map { $0 < 4500 ? UInt8(truncatingIfNeeded: random.next()) : UInt8(number) }
      let parent = number == 33 ? inner : folders[number % 8]
      try tree.put(Array("f\(number)".utf8), in: parent, file, content: .bytes(bytes))
    }
    tree.sort()
    return tree
  }

  private static let listed = ["d7/f39", "d0/f16", "d5/inner/f33", "d3/f3", "d7/f7"]

  private func list(_ paths: [String]) throws -> FileOrder {
    try FileOrder(Array(paths.joined(separator: "\n").utf8), name: "list")
  }

  private func build(_ tree: Tree, _ options: BuildOptions, _ name: String = "image") throws -> Data {
    var options = options
    options.uuid = .bytes(Array(repeating: 7, count: 16))
    try ImageBuilder(options).build(tree, at: FilePath(folder(name)))
    #expect(try problems(of: folder(name)).isEmpty)
    return try bytes(of: folder(name))
  }

  /// Paths of regular files, in the order in which `key` ascends.
  private func paths(_ name: String = "image", by key: (ImageReader, EROFS.Inode) throws -> UInt64?) throws -> [String]
  {
    let reader = try ImageReader(ImageFile(FilePath(folder(name))))
    let tree = try tree()
    var found: [(key: UInt64, path: String)] = []
    for (entry, path) in tree.walk() where tree.kind(of: entry) == .regular {
      let inode = try reader.inode(at: path)
      if let key = try key(reader, inode) { found.append((key, path.printable)) }
    }
    return found.sorted { $0.key < $1.key }.map(\.path)
  }

  /// Where a file's first byte is stored: a byte of the image, or of the packed inode.
  private func start(_ reader: ImageReader, _ inode: EROFS.Inode) throws -> UInt64? {
    guard let extent = try reader.extents(of: inode).first else { return nil }
    if case .packed(let offset) = extent.place { return offset }
    return try reader.volume.location(of: extent)?.offset
  }

  static let layouts: [(String, @Sendable (inout BuildOptions) throws -> Void)] = [
    ("flat", { _ in }), ("chunks", { $0.chunkSize = 4096 }), ("lz4", { $0.encodings = [try Encoding(.lz4)] }),
    ("dedupe", { ($0.encodings, $0.dedupes) = ([try Encoding(.lz4)], true) }),
    ("all", { ($0.encodings, $0.fragments) = ([try Encoding(.lz4)], .all) }),
    ("tails", { ($0.encodings, $0.fragments) = ([try Encoding(.lz4)], .tails) }),
  ]

  /// As sources have it: what a folder's files have in common is farther away than LZ4 sees when they are packed by length.
  @Test(arguments: [BuildOptions.Fragments.tails, .all]) func textsOfAFolderArePackedTogether(
    fragments: BuildOptions.Fragments
  ) throws {
    var tree = Tree()
    var random = Random(4)
    let metadata = Metadata(kind: .directory, permissions: 0o755, time: Time(seconds: 1_700_000_000))
    var file = metadata
    (file.kind, file.permissions) = (.regular, 0o644)
    for number in 0..<32 {
      let folder = try tree.put(Array("d\(number)".utf8), in: Tree.root, metadata)
      let common = (0..<8000).map { _ in UInt8(97 + random.below(16)) }
      for part in 0..<4 {
        let bytes = common + [UInt8](repeating: 10, count: part * 100 + number)
        try tree.put(Array("f\(part)".utf8), in: folder, file, content: .bytes(bytes))
      }
    }
    tree.sort()
    var options = BuildOptions()
    (options.encodings, options.clusterSize, options.fragments) = ([try Encoding(.lz4)], 65536, fragments)
    // Stored once, the texts have 256,000 bytes; 1,024,000 else.
    #expect(try build(tree, options).count < 300_000)
  }

  @Test(arguments: layouts.map(\.0)) func dataIsInTheOrderOfTheList(layout: String) throws {
    var options = BuildOptions()
    try Self.layouts.first { $0.0 == layout }!.1(&options)
    _ = try build(tree(), options)
    #expect(try Array(paths(by: start).prefix(5)) != Self.listed)
    options.order = try list(["nothing/of/it"] + Self.listed + ["d7/f39", "d1"])
    _ = try build(tree(), options)
    let found = try paths(by: start)
    #expect(found.count == 40 && Array(found.prefix(5)) == Self.listed, "\(found)")
    // The others have the order that they have without a list.
    let before = try tree().walk().map { $0.path.printable }.filter { found.contains($0) && !Self.listed.contains($0) }
    let ordered = Array(found.dropFirst(5))
    options.order = nil
    _ = try build(tree(), options)
    #expect(try paths(by: start).filter { before.contains($0) } == ordered)
  }

  @Test func inodesOfListedFilesAreTogether() throws {
    /// Blocks that have any of their inodes, or of those of the directories that lead to them.
    func blocks() throws -> Int {
      let reader = try ImageReader(ImageFile(FilePath(folder("image"))))
      let paths = Self.listed + ["", "d7", "d0", "d5", "d5/inner", "d3"]
      return Set(try paths.map { try reader.inode(at: $0.utf8).nid / 128 }).count
    }
    var options = BuildOptions()
    _ = try build(tree(), options)
    let scattered = try blocks()
    options.order = try list(Self.listed)
    _ = try build(tree(), options)
    let together = try blocks()
    #expect(together <= 3 && together < scattered, "\(together) instead of \(scattered)")
  }

  /// With a file that is stored as part of others, and with an equal one that comes earlier in the tree.
  @Test(arguments: [false, true]) func whatIsSharedIsStoredWithTheListedFile(isCompressed: Bool) throws {
    var tree = try tree()
    func content(_ path: String) throws -> [UInt8] { try contents(path, in: tree) }
    let file = Metadata(kind: .regular, permissions: 0o644)
    let noise = try (1..<8).flatMap { ["d\($0)/f\($0)", "d\($0)/f\($0 + 8)"] }.map {
      Array(try content($0).prefix(4096))
    }
    let long = Array(noise.joined())
    try tree.put(Array("a-first".utf8), in: Tree.root, file, content: .bytes(long + noise[2]))
    try tree.put(Array("same".utf8), in: Tree.root, file, content: .bytes(content("d7/f39")))
    try tree.put(Array("z-part".utf8), in: Tree.root, file, content: .bytes(noise[1] + long))
    tree.sort()
    var options = BuildOptions()
    options.dedupes = true
    if isCompressed { options.encodings = [try Encoding(.lz4)] } else { options.chunkSize = 4096 }
    options.order = try list(["z-part", "same", "a-first", "d0/f0"])
    _ = try build(tree, options)
    let reader = try ImageReader(ImageFile(FilePath(folder("image"))))
    let starts = try ["z-part", "same", "a-first", "d0/f0", "d0/f8"].map {
      try #require(try start(reader, reader.inode(at: $0.utf8)))
    }
    let own = [starts[0], starts[1], starts[3], starts[4]]
    #expect(own[0] == 4096 && own == own.sorted() && Set(own).count == 4, "\(starts)")
    #expect(try start(reader, reader.inode(at: "d7/f39".utf8)) == starts[1])
    let parts = try reader.extents(of: reader.inode(at: "a-first".utf8)).compactMap {
      try reader.volume.location(of: $0)?.offset
    }
    #expect(parts.contains { $0 < starts[1] }, "\(parts)")
  }

  @Test func listsThatNameNothingChangeNothing() throws {
    var random = Random(9)
    let tree = try randomTree(&random, entries: 150, upTo: 20_000)
    for (_, change) in Self.layouts {
      var options = BuildOptions()
      try change(&options)
      let plain = try build(tree, options)
      options.order = try list(["no/such/file", "# a comment", ""])
      #expect(try build(tree, options) == plain)
    }
  }

  @Test func imagesDoNotDependOnThreads() throws {
    for seed in 0..<6 {
      var random = Random(seed + 400)
      let tree = try randomTree(&random, entries: 120, upTo: 60_000)
      var options = try randomOptions(&random)
      options.offset = 0
      var paths = tree.walk().map(\.path).filter { !$0.isEmpty }
      paths.shuffle(using: &random)
      // As `erofs mount --trace` writes them.
      let lines = paths.prefix(40).map { path in
        path.flatMap { byte -> [UInt8] in
          guard byte <= 0x20 || [0x22, 0x23, 0x5C, 0x7F].contains(byte) else { return [byte] }
          return [0x5C, 0x30 + (byte >> 6), 0x30 + (byte >> 3 & 7), 0x30 + (byte & 7)]
        }
      }
      let order = try FileOrder(Array(lines.joined(separator: [0x0A])), name: "trace")
      #expect(order.entries(in: tree).missing.isEmpty)
      options.order = order
      options.threads = 1
      let one = try build(tree, options)
      options.threads = 4
      #expect(try build(tree, options) == one)
    }
  }
}
