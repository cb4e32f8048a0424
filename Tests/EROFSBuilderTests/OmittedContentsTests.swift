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

/// Images without the contents of their files.
@Suite struct OmittedContentsTests {
  private let folder = Folder()
  private var image: FilePath { FilePath(folder("image")) }

  /// Where the image has room for each file: its path, and the blocks.
  private func places() throws -> [(path: String, first: Int, last: Int)] {
    try String(decoding: bytes(of: folder("list")), as: UTF8.self).split(separator: "\n").map { line in
      // What is contiguous is one run, and such a file is.
      let start = try #require(line.lastIndex(of: " "))
      let blocks = line[start...].dropFirst().split(separator: "-").compactMap { Int($0) }
      return (String(line[..<start]), try #require(blocks.first), try #require(blocks.last))
    }
  }

  /// What is written where the list says is what the files contain.
  private func fill(_ contents: [String: [UInt8]], blockSize: Int) throws {
    let file = try FileDescriptor.open(image, .writeOnly)
    defer { try? file.close() }
    var used: Set<Int> = []
    for (path, first, last) in try places() {
      let content = try #require(contents[path])
      #expect((content.count + blockSize - 1) / blockSize == last - first + 1)
      for block in first...last { #expect(used.insert(block).inserted) }
      try file.writeAll(toAbsoluteOffset: Int64(first * blockSize), content)
    }
  }

  private func contents(of tree: Tree) throws -> [String: [UInt8]] {
    var found: [String: [UInt8]] = [:]
    for (entry, path) in tree.walk() where tree.kind(of: entry) == .regular {
      let path = String(decoding: path, as: UTF8.self)
      found["/" + path] = try TreeSupport.contents(path, in: tree)
    }
    return found
  }

  @Test(arguments: 0..<12) func roomIsFilledLater(seed: Int) throws {
    var random = Random(seed + 900)
    let tree = try randomTree(&random, entries: 80, upTo: 60_000)
    var options = BuildOptions()
    options.blockSize = [512, 4096, 16384, 1024][seed % 4]
    options.reserved = BuildOptions.ReservedContents()
    options.blockList = BuildOptions.BlockList(FilePath(folder("list")), root: [])
    var empty = tree
    empty.omitContents(leaving: .room)
    try ImageBuilder(options).build(empty, at: image)
    #expect(try problems(of: folder("image")) == [])
    try fill(contents(of: tree), blockSize: options.blockSize)
    #expect(try lines(ImageBase(image).read()) == lines(tree))
  }

  /// Sizes, metadata and names are all that is left, and the image has no byte of a content.
  @Test(arguments: 0..<6) func zerosTakeNoSpace(seed: Int) throws {
    var random = Random(seed + 950)
    var tree = try randomTree(&random, entries: 80, upTo: 60_000)
    let metadata = try lines(tree, contents: false)
    tree.omitContents(leaving: .zeros)
    let summary = try ImageBuilder(BuildOptions()).build(tree, at: image)
    #expect(try problems(of: folder("image")) == [])
    let read = try ImageBase(image).read()
    #expect(try lines(read, contents: false) == metadata)
    for (entry, path) in read.walk() where read.kind(of: entry) == .regular {
      let content = try TreeSupport.contents(String(decoding: path, as: UTF8.self), in: read)
      #expect(content.allSatisfy { $0 == 0 })
    }
    #expect(summary.imageBytes < 64 << 10)
  }

  /// What an image has stays, compressed as it is; what is added to it gets room.
  @Test(arguments: [OmittedContents.room, .zeros]) func additionsToAnImage(rest: OmittedContents) throws {
    var random = Random(77)
    let lower = try randomTree(&random, entries: 60, upTo: 60_000)
    var upper = Tree()
    let noise = (0..<50_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    for (name, size) in [("added", 50_000), ("small", 3), ("empty", 0)] {
      try upper.put(
        Array(name.utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644),
        content: .bytes(Array(noise[..<size])))
    }
    var both = lower
    try both.addLayer(upper)
    both.sort()
    var options = BuildOptions()
    options.encodings = [try Encoding(.lz4)]
    try ImageBuilder(options).build(lower, at: FilePath(folder("base")))
    let base = try ImageBase(FilePath(folder("base")))
    var added = BuildOptions()
    base.adapt(&added)
    if rest == .room { added.reserved = BuildOptions.ReservedContents() }
    added.blockList = BuildOptions.BlockList(FilePath(folder("list")), root: [])
    upper.omitContents(leaving: rest)
    var tree = try base.read()
    try tree.addLayer(upper)
    tree.sort()
    try ImageBuilder(added).build(tree, at: image)
    #expect(try problems(of: folder("image")) == [])
    let read = try ImageBase(image).read()
    if rest == .room {
      let all = try contents(of: both)
      let file = try FileDescriptor.open(image, .writeOnly)
      for (path, first, _) in try places() where ["/added", "/small"].contains(path) {
        try file.writeAll(toAbsoluteOffset: Int64(first * added.blockSize), #require(all[path]))
      }
      try file.close()
      #expect(try lines(ImageBase(image).read()) == lines(both))
    } else {
      #expect(try TreeSupport.contents("added", in: read) == [UInt8](repeating: 0, count: 50_000))
      #expect(try lines(read, contents: false) == lines(both, contents: false))
    }
  }
}
