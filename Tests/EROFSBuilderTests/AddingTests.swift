// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSBuilder
import EROFSFormatWriting
import EROFSTools
import EROFSTree
import Encoders
import Foundation
import SystemPackage
import Testing
import TreeSupport

/// Builds that add to an image.
@Suite struct AddingTests {
  let folder = Folder()

  private func base(_ tree: Tree, _ options: BuildOptions) throws -> ImageBase {
    _ = try ImageBuilder(options).build(tree, at: FilePath(folder("base")))
    return try ImageBase(FilePath(folder("base")))
  }

  /// What must be the same of two trees; link counts and contents included.
  private func description(_ tree: Tree) throws -> [String] { try lines(tree) }

  private func isRefused(_ error: any Error) -> Bool {
    if case BuildError.rootIsFar = error { return true }
    return error is LayerError
  }

  /// Random trees over random images: the result reads as both together, and keeps all bytes of the first but those of the
  /// superblock's block and of the root's inode.
  @Test(arguments: 0..<40) func randomTreesOverRandomImages(seed: Int) throws {
    var random = Random(7000 + seed)
    var options = try randomOptions(&random)
    (options.metabox, options.offset, options.sharedAttributeThreshold) = (nil, 0, 2)
    let lower = try randomTree(&random, entries: 60, upTo: 60_000)
    let upper = try randomTree(&random, entries: 30, upTo: 60_000)
    let old = try base(lower, options)
    let before = try bytes(of: folder("base"))
    var tree = try old.read()
    try tree.addLayer(upper)
    tree.sort()
    var added = try randomOptions(&random)
    added.offset = 0
    (added.chunkSize, added.hasChunkIndexes, added.clusterSize, added.extentLimit) = (nil, false, nil, nil)
    added.encodings = options.encodings
    if options.encodings.isEmpty { added = BuildOptions() } else { added.clusterSize = options.clusterSize }
    (added.packsTails, added.index, added.secondEncoding) = (false, .full, nil)
    old.adapt(&added)
    do {
      let summary = try ImageBuilder(added).build(tree, at: FilePath(folder("out")))
      #expect(summary.keptBytes + 7 * UInt64(options.blockSize) > UInt64(before.count))
    } catch  where isRefused(error) {
      // Small pclusters of an old image, or a root that is far: both are said.
      return
    }
    #expect(try problems(of: folder("out")) == [])
    #expect(try lines(ImageBase(FilePath(folder("out"))).read()) == lines(tree))
    let after = try bytes(of: folder("out"))
    let head = max(4096, 2 * options.blockSize)
    let different = zip(before, after).enumerated().dropFirst(head).filter { $1.0 != $1.1 }.map { $0.offset }
    #expect((different.last ?? 0) - (different.first ?? 0) < 4096)
  }

  /// The kernel, after three rounds of additions, in place.
  @Test(
    .enabled(if: RoundTripTests.canMount, "needs root and a kernel with EROFS"),
    arguments: [nil, Encoding.Algorithm.lz4hc, .zstd])
  func theKernelReadsIt(algorithm: Encoding.Algorithm?) throws {
    var random = Random(77)
    var options = BuildOptions()
    options.clusterSize = algorithm == nil ? nil : 16_384
    options.encodings = try algorithm.map { [try Encoding($0, clusterSize: 16_384)] } ?? []
    options.fragments = algorithm == nil ? .none : .tails
    options.sharedAttributeThreshold = 1
    var wanted = try randomTree(&random, entries: 80, upTo: 300_000)
    _ = try ImageBuilder(options).build(wanted, at: FilePath(folder("image")))
    for _ in 0..<3 {
      let upper = try randomTree(&random, entries: 40, upTo: 300_000)
      let old = try ImageBase(FilePath(folder("image")))
      var tree = try old.read()
      try tree.addLayer(upper)
      try wanted.addLayer(upper)
      var added = options
      old.adapt(&added)
      try ImageBuilder(added).build(tree, at: FilePath(folder("image")))
    }
    wanted.sort()
    let mount = folder("mount")
    try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: true)
    try run("/bin/mount", "-t", "erofs", "-o", "loop,ro", folder("image"), mount)
    defer { _ = try? run("/bin/umount", mount) }
    #expect(try lines(mounted(mount)) == lines(wanted))
  }

  /// Files that are not touched are not read: a change of one name takes a few blocks.
  @Test func unchangedFilesStay() throws {
    var random = Random(5)
    var tree = Tree()
    for number in 0..<50 {
      let noise = (0..<100_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      try tree.put(
        Array("f\(number)".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644), content: .bytes(noise))
    }
    let old = try base(tree, BuildOptions())
    var changed = try old.read()
    try changed.put(
      Array("new".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o600), content: .bytes([1, 2, 3]))
    var options = BuildOptions()
    old.adapt(&options)
    let summary = try ImageBuilder(options).build(changed, at: FilePath(folder("base")))
    #expect(summary.keptBytes > 5_000_000)
    #expect(summary.imageBytes - summary.keptBytes <= 5 * 4096)
    #expect(summary.verifiedFiles == 1)
    #expect(try problems(of: folder("base")) == [])
  }

  /// Owners of files that are changed cost their content again, as their inodes do not stay.
  @Test func changedMetadataIsWritten() throws {
    var tree = Tree()
    let text = [UInt8](repeating: 65, count: 10_000)
    let file = try tree.put(
      Array("f".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644), content: .bytes(text))
    _ = file
    let old = try base(tree, BuildOptions())
    var changed = try old.read()
    let entry = try #require(changed.child(Array("f".utf8)[...], of: Tree.root))
    try changed.link(Array("g".utf8)[...], in: Tree.root, to: changed.inode(of: entry))
    changed.sort()
    var options = BuildOptions()
    old.adapt(&options)
    try ImageBuilder(options).build(changed, at: FilePath(folder("out")))
    #expect(try problems(of: folder("out")) == [])
    let reader = try ImageReader(ImageFile(FilePath(folder("out"))))
    #expect(try reader.inode(at: "f".utf8).linkCount == 2)
    #expect(try reader.contents(of: "/g") == text)
  }

  /// What a superblock says of places and times is not believed: such an image is refused, or added to, and nothing else.
  @Test func hostileBases() throws {
    var random = Random(13)
    let tree = try randomTree(&random, entries: 20, upTo: 9000)
    var options = BuildOptions()
    (options.hasChecksum, options.blockSize) = (false, 512)
    _ = try base(tree, options)
    let sound = [UInt8](try bytes(of: folder("base")))
    func patched<Value: FixedWidthInteger>(_ field: Field<SuperblockRecord, Value>, _ value: Value) -> [UInt8] {
      var image = sound
      image[field, of: SuperblockRecord.self, at: SuperblockRecord.start] = value
      return image + [UInt8](repeating: 0, count: 100_000)
    }
    let images =
      [0, 1, 2, 3, 7, 1000, .max].map { (value: UInt32) in patched(.blockCount, value) }
      + [1, 100, 1 << 20, .max].map { (value: UInt32) in patched(.metadataBlock, value) }
      + [Int64.min, .max, -1].map { patched(.epoch, $0) }
      + [1, 0x1234, .max].map { (value: UInt16) in patched(.rootOrBlocks, value) }
    for (number, image) in images.enumerated() {
      try Data(image).write(to: URL(fileURLWithPath: folder("hostile")))
      do {
        let old = try ImageBase(FilePath(folder("hostile")))
        var all = try old.read()
        try all.addLayer(tree)
        var added = BuildOptions()
        old.adapt(&added)
        try ImageBuilder(added).build(all, at: FilePath(folder("out")))
        #expect(try problems(of: folder("out")) == [], "\(number)")
      } catch is LayerError {
      } catch is BuildError {
      }
    }
  }

  /// A source that states nothing of a directory, as an archive with files only, changes nothing of it.
  @Test func whatIsNotStatedStays() throws {
    var lower = Tree(root: Metadata(kind: .directory, permissions: 0o700, user: 7, time: Time(seconds: 9)))
    try lower.put(Array("etc".utf8), in: Tree.root, Metadata(kind: .directory, permissions: 0o711, user: 8))
    var upper = Tree()
    let directory = try upper.directory(at: [Array("etc".utf8)[...]])
    try upper.put(
      Array("new".utf8), in: directory, Metadata(kind: .regular, permissions: 0o600), content: .bytes([1]))
    let old = try base(lower, BuildOptions())
    var all = try old.read()
    try all.addLayer(upper)
    var options = BuildOptions()
    old.adapt(&options)
    try ImageBuilder(options).build(all, at: FilePath(folder("out")))
    let reader = try ImageReader(ImageFile(FilePath(folder("out"))))
    #expect(try reader.root.inode.permissions == 0o700 && reader.root.inode.userID == 7)
    #expect(try reader.inode(at: "etc".utf8).permissions == 0o711 && reader.inode(at: "etc/new".utf8).size == 1)
  }

  /// What cannot be added to says so, and stays what it was.
  @Test func refusals() throws {
    var random = Random(3)
    let tree = try randomTree(&random, entries: 20, upTo: 9000)
    var boxed = BuildOptions()
    (boxed.encodings, boxed.wideAddresses) = ([try Encoding(.zstd)], true)
    boxed.metabox = BuildOptions.Metabox(clusterSize: 4096)
    let error = #expect(throws: LayerError.self) { try base(tree, boxed) }
    #expect("\(try #require(error))".contains("its inodes are compressed"))
    let old = try base(tree, BuildOptions())
    var options = BuildOptions()
    options.blockSize = 512
    options.base = old
    #expect(throws: OptionError.conflict(.base, .otherBlocks)) { try options.check() }
    var prefixed = BuildOptions()
    old.adapt(&prefixed)
    prefixed.attributePrefixes = [Array("user.long".utf8)]
    #expect(throws: OptionError.conflict(.base, .prefixes)) { try prefixed.check() }
    // Nobody else may have replaced it.
    var all = try old.read()
    try all.put(Array("new".utf8), in: Tree.root, Metadata(kind: .directory, permissions: 0o755))
    prefixed.attributePrefixes = []
    try FileManager.default.removeItem(atPath: folder("base"))
    try Data([1]).write(to: URL(fileURLWithPath: folder("base")))
    let replaced = #expect(throws: BuildError.self) {
      try ImageBuilder(prefixed).build(all, at: FilePath(folder("base")))
    }
    #expect("\(try #require(replaced))".contains("was replaced"))
    #expect(try bytes(of: folder("base")) == Data([1]))
  }
}
