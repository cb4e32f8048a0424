// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSBuilder
import EROFSTools
import EROFSTree
import Encoders
import Foundation
import SystemPackage
import Testing
import TreeSupport

/// Images of random trees with random options. Each build verifies its image by itself; what is tested here is that others
/// agree: `erofs fsck`, the running kernel, and a second build with another number of threads.
@Suite struct RoundTripTests {
  let folder = Folder()

  @Test(arguments: 0..<60 * rounds) func isSoundAndReproducible(seed: Int) throws {
    var random = Random(seed)
    let tree = try randomTree(&random, entries: 40 + random.below(80), upTo: 100_000)
    var options = try randomOptions(&random)
    let summary = try ImageBuilder(options).build(tree, at: FilePath(folder("a")))
    #expect(try problems(of: folder("a"), offset: options.offset) == [])
    options.threads = options.threads == 1 ? 3 : 1
    options.verifies = false
    try ImageBuilder(options).build(tree, at: FilePath(folder("b")))
    #expect(try bytes(of: folder("a")) == bytes(of: folder("b")), "\(options)")
    #expect(UInt64(try bytes(of: folder("a")).count) == summary.imageBytes + options.offset)
  }

  /// A file of several segments, for which threads share the work.
  @Test(arguments: [BuildOptions.Fragments.none, .tails, .all]) func largeFile(fragments: BuildOptions.Fragments) throws
  {
    var random = Random(9)
    var bytes: [UInt8] = []
    while bytes.count < 11_000_000 { bytes += content(&random, upTo: 400_000) }
    var tree = Tree()
    let metadata = Metadata(kind: .regular, permissions: 0o644)
    try tree.put(Array("large".utf8), in: Tree.root, metadata, content: .bytes(bytes))
    try tree.put(Array("same".utf8), in: Tree.root, metadata, content: .bytes(bytes))
    var options = BuildOptions()
    options.encodings = [try Encoding(.lz4, clusterSize: 16_384)]
    options.clusterSize = 16_384
    options.fragments = fragments
    options.dedupes = true
    let summary = try ImageBuilder(options).build(tree, at: FilePath(folder("image")))
    #expect(summary.sharedBytes == UInt64(bytes.count))
    #expect(summary.imageBytes < UInt64(bytes.count))
    let reader = try ImageReader(ImageFile(FilePath(folder("image"))))
    for name in ["large", "same"] {
      var read: [UInt8] = []
      try reader.forEachPiece(of: reader.inode(at: name.utf8)) { _, piece in
        switch piece {
        case .data(let part): read += part
        case .hole(let count): read += [UInt8](repeating: 0, count: Int(count))
        }
      }
      #expect(read == bytes)
    }
  }

  /// What several files have in common is stored once, compressed or not, wherever it is in them.
  @Test(arguments: [Encoding.Algorithm.lz4, .zstd]) func commonParts(algorithm: Encoding.Algorithm) throws {
    var random = Random(17)
    let text = (0..<400_000).map { _ in UInt8(97 + random.below(4)) }
    let noise = (0..<400_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    let common = text + noise
    var tree = Tree()
    for number in 0..<4 {
      let before = (0..<10_000 + 777 * number).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      let after = (0..<5000).map { _ in UInt8(97 + random.below(20)) }
      try tree.put(
        Array("f\(number)".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644),
        content: .bytes(before + common + after))
    }
    var options = BuildOptions()
    options.clusterSize = 16_384
    options.encodings = [try Encoding(algorithm, clusterSize: 16_384)]
    let whole = try ImageBuilder(options).build(tree, at: FilePath(folder("whole")))
    options.dedupes = true
    let shared = try ImageBuilder(options).build(tree, at: FilePath(folder("shared")))
    #expect(try problems(of: folder("shared")) == [])
    #expect(shared.sharedBytes > 3 * 700_000)
    #expect(shared.imageBytes * 3 < whole.imageBytes)
  }

  /// Equal data in files that hints give different algorithms is not shared, because a file's index names its own.
  @Test func hintsAndDedupe() throws {
    var random = Random(31)
    let text = (0..<200_000).map { _ in UInt8(97 + random.below(4)) }
    var tree = Tree()
    for (name, start) in [("a.lz4", "1"), ("b.zstd", "2"), ("c.lz4", "3")] {
      try tree.put(
        Array(name.utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644),
        content: .bytes([UInt8](repeating: start.utf8.first!, count: 8192) + text))
    }
    var options = BuildOptions()
    options.clusterSize = 16_384
    options.encodings = [try Encoding(.lz4, clusterSize: 16_384), try Encoding(.zstd, clusterSize: 16_384)]
    options.dedupes = true
    options.hints = try CompressHints(Array("16384 1 \\.zstd$\n".utf8), name: "hints")
    let summary = try ImageBuilder(options).build(tree, at: FilePath(folder("image")))
    #expect(try problems(of: folder("image")) == [])
    #expect(summary.sharedBytes > 150_000 && summary.sharedBytes < 300_000)
  }

  /// A file in which one part is as small by a fast algorithm as by a slow one, and another is not.
  @Test(arguments: [BuildOptions.IndexForm.compact, .full, .encoded]) func twoAlgorithmsInAFile(
    index: BuildOptions.IndexForm
  ) throws {
    var random = Random(37)
    let even = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 / 4096) }
    let words = (0..<5000).map { _ in (0..<4 + random.below(5)).map { _ in UInt8(97 + random.below(26)) } + [32] }
    let text = (0..<60_000).flatMap { _ in words[min(random.below(5000), random.below(5000))] }
    var tree = Tree()
    try tree.put(
      Array("f".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644), content: .bytes(even + text))
    var options = BuildOptions()
    options.clusterSize = 16_384
    options.index = index
    options.wideAddresses = index == .encoded
    options.encodings = [try Encoding(.lzma, clusterSize: 16_384), try Encoding(.lz4, clusterSize: 16_384)]
    options.secondEncoding = .init(within: 10)
    _ = try ImageBuilder(options).build(tree, at: FilePath(folder("image")))
    let reader = try ImageReader(ImageFile(FilePath(folder("image"))))
    var bytes: [Algorithm: UInt64] = [:]
    for extent in try reader.extents(of: reader.inode(at: "f".utf8)) {
      if case .compressed(let algorithm) = extent.encoding { bytes[algorithm, default: 0] += extent.length }
    }
    #expect(bytes[.lz4, default: 0] > 200_000 && bytes[.microLZMA, default: 0] > 300_000, "\(bytes)")
  }

  /// Zeros in a compressed file are holes, where the index can say so. The kernel reads the same.
  @Test(arguments: [BuildOptions.IndexForm.full, .encoded]) func holesInCompressedFiles(
    index: BuildOptions.IndexForm
  ) throws {
    var random = Random(41)
    func text(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(97 + random.below(9)) } }
    let zeros = [UInt8](repeating: 0, count: 3 << 20)
    let contents = [
      "between": text(100_001) + zeros + text(50_000), "first": zeros + text(10), "last": text(70_000) + zeros,
      "only": zeros, "short": text(5000) + [UInt8](repeating: 0, count: 20_000) + text(5000),
    ]
    var tree = Tree()
    for (name, bytes) in contents {
      try tree.put(
        Array(name.utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644), content: .bytes(bytes))
    }
    var options = BuildOptions()
    options.clusterSize = 16_384
    options.index = index
    options.wideAddresses = index == .encoded
    options.encodings = [try Encoding(.zstd, clusterSize: 16_384)]
    let summary = try ImageBuilder(options).build(tree, at: FilePath(folder("image")))
    #expect(try problems(of: folder("image")) == [])
    #expect(summary.imageBytes < 250_000)
    let reader = try ImageReader(ImageFile(FilePath(folder("image"))))
    for name in ["between", "first", "last", "only"] {
      let holes = try reader.extents(of: reader.inode(at: name.utf8)).filter { $0.place == .hole }
      let bytes = holes.reduce(0) { $0 + $1.length }
      // Of an index of lclusters whole extents.
      #expect(bytes >= (index == .full ? 2 << 20 : 3 << 20), "\(name)")
    }
    guard Self.canMount else { return }
    let mount = folder("mount")
    try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: true)
    try run("/bin/mount", "-t", "erofs", "-o", "loop,ro", folder("image"), mount)
    defer { _ = try? run("/bin/umount", mount) }
    for (name, wanted) in contents { #expect(try bytes(of: "\(mount)/\(name)") == Data(wanted), "\(name)") }
  }

  /// What a file repeats of itself is stored once too, with clusters of one block and of several.
  @Test(arguments: [4096, 16_384]) func repeatedParts(clusterSize: Int) throws {
    var random = Random(23)
    let text = (0..<300_000).map { _ in UInt8(97 + random.below(4)) }
    let noise = (0..<100_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    var bytes: [UInt8] = []
    for number in 0..<4 { bytes += content(&random, upTo: 9000) + text + [UInt8](repeating: 7, count: number) + noise }
    var tree = Tree()
    try tree.put(Array("f".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644), content: .bytes(bytes))
    var options = BuildOptions()
    options.clusterSize = clusterSize
    options.encodings = [try Encoding(.lz4, clusterSize: clusterSize)]
    let whole = try ImageBuilder(options).build(tree, at: FilePath(folder("whole")))
    options.dedupes = true
    let shared = try ImageBuilder(options).build(tree, at: FilePath(folder("shared")))
    #expect(try problems(of: folder("shared")) == [])
    // Of 1,200,000 repeated bytes.
    #expect(shared.sharedBytes > 800_000)
    #expect(shared.imageBytes * 3 < whole.imageBytes * 2)
  }

  /// Files that compress by less than blocks can show take no more room than uncompressed ones.
  @Test func littleIsNotMoreThanNothing() throws {
    var random = Random(5)
    var tree = Tree()
    for number in 0..<200 {
      let noise = (0..<4097 + random.below(4000)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      let bytes = Array(noise.dropLast(300)) + [UInt8](repeating: 1, count: 300)
      try tree.put(
        Array("f\(number)".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644), content: .bytes(bytes))
    }
    var options = BuildOptions()
    let plain = try ImageBuilder(options).build(tree, at: FilePath(folder("plain")))
    options.encodings = [try Encoding(.lz4)]
    let compressed = try ImageBuilder(options).build(tree, at: FilePath(folder("compressed")))
    #expect(compressed.imageBytes <= plain.imageBytes)
  }

  /// Holes are neither read nor encoded again and again.
  @Test func sparseFile() throws {
    let source = folder("source")
    try FileManager.default.createDirectory(atPath: source, withIntermediateDirectories: true)
    let file = try FileDescriptor.open(
      FilePath(source + "/f"), .writeOnly, options: [.create], permissions: FilePermissions(rawValue: 0o644))
    try file.writeAll(toAbsoluteOffset: 3_000_000_001, "data".utf8)
    try file.close()
    let tree = try DirectoryOrigin(try OpenFile.directory(source)).read()
    var options = BuildOptions()
    options.chunkSize = 1 << 20
    let flat = try ImageBuilder(BuildOptions()).build(tree, at: FilePath(folder("flat")))
    #expect(flat.verifiedBytes == 3_000_000_005)
    var status = stat()
    #expect(stat(folder("flat"), &status) == 0 && status.st_size > 3_000_000_000 && status.st_blocks < 1024)
    let chunked = try ImageBuilder(options).build(tree, at: FilePath(folder("chunked")))
    #expect(chunked.verifiedBytes == 3_000_000_005 && chunked.imageBytes < 2 << 20)
    options.chunkSize = nil
    options.encodings = [try Encoding(.zstd, clusterSize: 65_536)]
    options.clusterSize = 65_536
    let compressed = try ImageBuilder(options).build(tree, at: FilePath(folder("compressed")))
    #expect(compressed.verifiedBytes == 3_000_000_005 && compressed.imageBytes < 8 << 20)
  }

  /// A file of more than 64 MiB is not packed whole, which takes long where it is read.
  @Test func largeFileOfPacked() throws {
    var tree = Tree()
    for (name, count) in [("large", 65 << 20 | 5), ("small", 100_000)] {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 >> 12) }
      try tree.put(
        Array(name.utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644), content: .bytes(bytes))
    }
    var options = BuildOptions()
    options.encodings = [try Encoding(.lz4)]
    options.fragments = .all
    let path = folder("image")
    let summary = try ImageBuilder(options).build(tree, at: FilePath(path))
    #expect(summary.verifiedBytes == 65 << 20 + 100_005)
    let reader = try ImageReader(try ImageFile(path))
    func first(_ name: String) throws -> Extent? { try reader.extents(of: reader.inode(at: name.utf8)).first }
    func isPacked(_ extent: Extent?) -> Bool { if case .packed? = extent?.place { true } else { false } }
    #expect(isPacked(try first("/small")))
    #expect(!isPacked(try first("/large")))
    #expect(isPacked(try reader.extents(of: reader.inode(at: "/large".utf8)).last))
  }

  /// Uncompressed large file: one extent that spans segments.
  @Test func largePlainFile() throws {
    var tree = Tree()
    let bytes = (0..<9_000_001).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
    try tree.put(Array("f".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644), content: .bytes(bytes))
    let summary = try ImageBuilder(BuildOptions()).build(tree, at: FilePath(folder("image")))
    #expect(summary.verifiedBytes == UInt64(bytes.count))
  }

  /// Linux decodes no compressed tail that starts with the second block of a page.
  @Test(arguments: [1024, 2048, 4096]) func noCompressedTailStartsWithABlock(blockSize: Int) throws {
    var random = Random(4)
    var tree = Tree()
    for number in 0..<400 {
      let metadata = Metadata(kind: .regular, permissions: 0o644)
      let text = (0..<blockSize + random.below(3 * blockSize)).map { _ in UInt8(97 + random.below(3)) }
      try tree.put(Array("f\(number)".utf8), in: Tree.root, metadata, content: .bytes(text))
    }
    var options = BuildOptions()
    options.blockSize = blockSize
    options.encodings = [try Encoding(.zstd, clusterSize: blockSize)]
    options.packsTails = true
    try ImageBuilder(options).build(tree, at: FilePath(folder("image")))
    let reader = try ImageReader(ImageFile(FilePath(folder("image"))))
    var tails = 0
    for number in 0..<400 {
      for extent in try reader.extents(of: reader.inode(at: "f\(number)".utf8)) {
        guard case .metadata(_, let offset) = extent.place else { continue }
        tails += 1
        #expect(offset % UInt64(blockSize) != 0)
      }
    }
    #expect(tails > 100)
  }

  // MARK: The kernel

  static let canMount: Bool = {
    guard isSuperuser, let modules = try? String(contentsOfFile: "/proc/filesystems", encoding: .utf8) else {
      return false
    }
    return modules.contains("erofs") || (try? run("/sbin/modprobe", "erofs")) != nil
  }()

  /// The kernel's tree must be the source's, metadata, attributes and contents.
  @Test(.enabled(if: canMount, "needs root and a kernel with EROFS"), arguments: 100..<100 + 25 * rounds)
  func kernelReadsTheSame(seed: Int) throws {
    var random = Random(seed)
    let tree = try randomTree(&random, entries: 60, upTo: 60_000)
    var options = try randomOptions(&random)
    options.blockSize = min(options.blockSize, 4096)
    options.clusterSize = !options.encodings.isEmpty ? max(options.clusterSize ?? 0, options.blockSize) : nil
    if let chunk = options.chunkSize { options.chunkSize = max(chunk, options.blockSize) }
    options.offset = 0
    options.sharedAttributeThreshold = 1
    try ImageBuilder(options).build(tree, at: FilePath(folder("image")))
    let mount = folder("mount")
    try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: true)
    try run("/bin/mount", "-t", "erofs", "-o", "loop,ro", folder("image"), mount)
    defer { _ = try? run("/bin/umount", mount) }
    #expect(try lines(mounted(mount)) == lines(tree), "\(options)")
  }

  /// fsck.erofs 1.9 must extract what the source has. It reads tails in a metabox wrong, cuts files
  /// with chunk indexes where a hole at their end starts, ends a file's attributes at the first empty one, and knows no
  /// blocks above 4 KiB.
  @Test(
    .enabled(if: peer != nil && geteuid() == 0, "needs root and fsck.erofs 1.9"), arguments: 500..<500 + 25 * rounds)
  func peerReadsTheSame(seed: Int) throws {
    var random = Random(seed)
    let tree = try randomTree(&random, entries: 60, upTo: 60_000, hasEmptyAttributes: false)
    var options = try randomOptions(&random)
    options.blockSize = min(options.blockSize, 4096)
    options.clusterSize = !options.encodings.isEmpty ? max(options.clusterSize ?? 0, options.blockSize) : nil
    if let chunk = options.chunkSize { options.chunkSize = max(chunk, options.blockSize) }
    (options.metabox, options.hasChunkIndexes) = (nil, false)
    options.sharedAttributeThreshold = 1
    try ImageBuilder(options).build(tree, at: FilePath(folder("image")))
    let target = folder("tree")
    try run(
      Self.peer!, "-d1", "--extract=\(target)", "--preserve", "--xattrs", "--offset=\(options.offset)", folder("image"))
    // No system sets permissions of symbolic links, and not all of them nanoseconds.
    func comparable(_ tree: Tree) throws -> [[Substring]] {
      try lines(tree, nanoseconds: false).map { line in
        var words = line.split(separator: " ")
        if words.contains("->") { words.remove(at: 1) }
        return words
      }
    }
    let (read, wanted) = (try comparable(mounted(target)), try comparable(tree))
    let different = zip(read, wanted).first { $0 != $1 }.map { "\($0)\n\($1)" }
    #expect(read.count == wanted.count && different == nil, "\(different ?? "")\n\(options)")
  }

  /// fsck.erofs of erofs-utils 1.9, nil if it is not installed.
  private static let peer: String? = {
    let environment = ProcessInfo.processInfo.environment
    let cache = environment["XDG_CACHE_HOME"] ?? FileManager.default.homeDirectoryForCurrentUser.path + "/.cache"
    let path = (environment["EROFS_PEERS"] ?? cache + "/swift-erofs/peers") + "/bin/fsck.erofs"
    return FileManager.default.isExecutableFile(atPath: path) ? path : nil
  }()
}

/// How many times more random images than usual are made: EROFS_ROUNDS.
private let rounds = ProcessInfo.processInfo.environment["EROFS_ROUNDS"].flatMap(Int.init) ?? 1

func mounted(_ folder: String) throws -> Tree {
  try DirectoryOrigin(try OpenFile.directory(folder)).read()
}
