// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTools
import EROFSTree
import Encoders
import Foundation
import HostSupport
import SystemPackage
import Testing
import TreeSupport

@testable import EROFSBuilder

@Suite struct BuildTests {
  let folder = Folder()

  private var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()) ?? [] }

  private func small() throws -> Tree {
    var tree = Tree()
    let metadata = Metadata(kind: .regular, permissions: 0o644, time: Time(seconds: 1_700_000_000))
    try tree.put(Array("f".utf8), in: Tree.root, metadata, content: .bytes(Array("text\n".utf8)))
    return tree
  }

  // MARK: Failures

  @Test func cancelledBuildLeavesWhatWasThere() throws {
    try folder.write("image", Array("old".utf8))
    var tree = Tree()
    let noise = (0..<30_000_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
    try tree.put(Array("f".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644), content: .bytes(noise))
    var options = BuildOptions()
    options.encodings = [try Encoding(.lzma)]
    var calls = 0
    #expect(throws: BuildError.self) {
      try ImageBuilder(options).build(tree, at: FilePath(folder("image"))) { _ in
        calls += 1
        return false
      }
    }
    #expect(calls == 1)
    #expect(try bytes(of: folder("image")) == Data("old".utf8))
    #expect(names == ["image"])
  }

  @Test(arguments: ["rm src/f", "echo longer than before > src/f", ": > src/f", "rm src/f; mkdir src/f"])
  func changingSourceIsAnError(command: String) throws {
    try run("/bin/sh", "-c", "mkdir src; echo content > src/f", in: folder.path)
    let tree = try DirectoryOrigin(try OpenFile.directory(folder("src"))).read()
    try run("/bin/sh", "-c", "sleep 0.02; \(command)", in: folder.path)
    #expect(throws: EROFSTree.TreeError.self) {
      try ImageBuilder(BuildOptions()).build(tree, at: FilePath(folder("image")))
    }
    #expect(names == ["src"])
  }

  @Test func saysWhatImagesCannotHold() throws {
    var tree = try small()
    var metadata = Metadata(kind: .characterDevice, permissions: 0o600)
    metadata.device = EROFSTree.DeviceNumber(major: 4096, minor: 1)
    try tree.put(Array("device".utf8), in: Tree.root, metadata)
    do {
      try ImageBuilder(BuildOptions()).build(tree, at: FilePath(folder("image")))
      Issue.record("no error")
    } catch { #expect("\(error)" == "/device: device 4096:1: images hold 12 bits and 20 bits") }
    var other = try small()
    let attribute = ExtendedAttribute("odd.name", [1])
    try other.put(
      Array("g".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644), attributes: [attribute])
    do {
      try ImageBuilder(BuildOptions()).build(other, at: FilePath(folder("image")))
      Issue.record("no error")
    } catch {
      #expect("\(error)" == "/g: the extended attribute odd.name has a namespace that images cannot have")
    }
    #expect(names == [])
  }

  /// What was read back has to be what was read from the source, so a block that changes after it was written is found.
  @Test func damageIsFound() throws {
    var tree = Tree()
    let text = Array(repeating: Array("some words that are there often, and ".utf8), count: 4000).flatMap { $0 }
    try tree.put(Array("f".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644), content: .bytes(text))
    tree.sort()
    let places: [UInt64] = [4096 + 40, 4096 + 2000]
    for place in places {
      let output = try OutputFile(FilePath(folder("image")))
      var options = BuildOptions()
      options.encodings = [try Encoding(.lz4)]
      let build = try Build(
        options, tree, output, { _ in true },
        beforeVerifying: {
          try [UInt8(0xA5)].withUnsafeBytes { try output.write($0, at: place) }
        })
      #expect(throws: BuildError.self) { try build.run() }
    }
    #expect(names == [])
  }

  // MARK: Options

  @Test func optionsThatDoNotGoTogether() throws {
    func error(_ change: (inout BuildOptions) throws -> Void) rethrows -> String {
      var options = BuildOptions()
      try change(&options)
      do throws(OptionError) {
        try options.check()
        return ""
      } catch { return "\(error)" }
    }
    #expect(error { $0.blockSize = 3000 } == "block size 3000: it must be a power of two from 512 to 65536")
    #expect(error { $0.packsTails = true } == "tail packing needs compression")
    #expect(error { $0.omitsDots = true } == "directories without an entry `.` needs 48-bit addresses")
    #expect(error { $0.volumeName = Array("seventeen letters".utf8) }.hasPrefix("volume name"))
    #expect(
      try error {
        $0.encodings = [try Encoding(.lz4)]
        $0.chunkSize = 4096
      } == "chunks and compression cannot be used together")
    #expect(
      try error {
        $0.encodings = [try Encoding(.lz4)]
        $0.clusterSize = 6000
      }.hasPrefix("cluster size 6000"))
    let sizes = [
      ("5000", "4096 or 8192"), ("100", "4096"), ("1048575", "1044480 or 1048576"), ("2097152", "1048576"),
      ("3M", "1048576"),
    ]
    for (size, advice) in sizes {
      let reason = try error {
        $0.encodings = [try Encoding(.lz4)]
        $0.hints = try CompressHints(Array("0 no\n4096 ok\n\(size) wrong\n".utf8), name: "hints")
      }
      #expect(reason.hasPrefix("line 3 of the compress hints: cluster size "), "\(reason)")
      #expect(
        reason.hasSuffix("it must be 0, or a multiple of the block size, 4096, and at most 1048576: write \(advice)"))
    }
    #expect(error { $0.attributePrefixes = [Array("nothing".utf8)] }.hasPrefix("attribute prefix nothing"))
    #expect(error { _ in } == "")
  }

  // MARK: What is in the image

  @Test func superblockSaysWhatWasAskedFor() throws {
    var options = BuildOptions()
    options.volumeName = Array("label".utf8)
    options.uuid = .bytes(Array(1...16))
    options.sizeUnit = 16
    let summary = try ImageBuilder(options).build(small(), at: FilePath(folder("image")))
    let image = try ImageFile(FilePath(folder("image")))
    let superblock = try Superblock(reading: image)
    #expect(superblock.uuid.0 == 0x0807_0605_0403_0201)
    #expect(superblock.volumeName.0 == 0x6C_6562_616C)
    #expect(superblock.blockCount == 16)
    #expect(summary.blocks == 16)
    #expect(superblock.epoch == 1_700_000_000 || superblock.epoch == 0)
    #expect(superblock.incompatible.isEmpty)
  }

  /// Equal images have equal UUIDs, and others have others.
  @Test func identityFollowsContents() throws {
    func uuid(_ text: String, _ name: String) throws -> [UInt8] {
      var tree = Tree()
      let metadata = Metadata(kind: .regular, permissions: 0o644)
      try tree.put(Array(name.utf8), in: Tree.root, metadata, content: .bytes(Array(text.utf8)))
      return try ImageBuilder(BuildOptions()).build(tree, at: FilePath(folder("image"))).uuid
    }
    let first = try uuid("a", "n")
    #expect(try uuid("a", "n") == first)
    #expect(try uuid("b", "n") != first)
    #expect(try uuid("a", "m") != first)
    #expect(first[6] >> 4 == 8)
    #expect(first[8] >> 6 == 2)
  }

  /// An inode is compact only if nothing is lost.
  @Test func inodesKeepAllTheyHave() throws {
    var tree = Tree(root: Metadata(kind: .directory, permissions: 0o755, time: Time(seconds: 7)))
    var cases: [(String, Metadata, isExtended: Bool)] = []
    let plain = Metadata(kind: .regular, permissions: 0o644, time: Time(seconds: 7))
    func add(_ isExtended: Bool, _ change: (inout Metadata) -> Void) {
      var metadata = plain
      change(&metadata)
      cases.append(("f\(cases.count)", metadata, isExtended))
    }
    add(false) { _ in }
    add(false) { $0.user = 65_535 }
    add(true) { $0.user = 65_536 }
    add(true) { $0.group = .max }
    add(true) { $0.time.nanoseconds = 1 }
    add(true) { $0.time.seconds = 8 }
    add(true) { $0.time.seconds = -1 }
    for (name, metadata, _) in cases { try tree.put(Array(name.utf8), in: Tree.root, metadata, content: .bytes([1])) }
    try ImageBuilder(BuildOptions()).build(tree, at: FilePath(folder("image")))
    let reader = try ImageReader(ImageFile(FilePath(folder("image"))))
    for (name, metadata, isExtended) in cases {
      let inode = try reader.inode(at: name.utf8)
      #expect(inode.isExtended == isExtended, "\(name)")
      #expect(inode.userID == metadata.user)
      #expect(inode.modificationTime == (metadata.time.seconds, metadata.time.nanoseconds))
    }
  }

  /// Since Linux 6.15, which wide addresses need, compact inodes have times of their own.
  @Test func wideAddressesKeepTimesInCompactInodes() throws {
    var tree = Tree(root: Metadata(kind: .directory, permissions: 0o755, time: Time(seconds: 7)))
    try tree.put(Array("f".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644, time: Time(seconds: 9)))
    try tree.put(Array("g".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644, time: Time(seconds: 7)))
    var options = BuildOptions()
    options.wideAddresses = true
    try ImageBuilder(options).build(tree, at: FilePath(folder("image")))
    let reader = try ImageReader(ImageFile(FilePath(folder("image"))))
    let inode = try reader.inode(at: "f".utf8)
    #expect(!inode.isExtended)
    #expect(inode.modificationTime.seconds == 9)
  }
}
