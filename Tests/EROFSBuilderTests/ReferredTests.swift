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

/// Contents that stay on extra devices, or that something else puts into the image.
@Suite struct ReferredTests {
  private let folder = Folder()
  private var image: FilePath { FilePath(folder("image")) }

  private func content(_ path: String, _ reader: ImageReader) throws -> [UInt8] {
    var bytes: [UInt8] = []
    try reader.forEachPiece(of: reader.inode(at: Array(path.utf8))) { _, piece in
      switch piece {
      case .data(let data): bytes += data
      case .hole(let count): bytes += [UInt8](repeating: 0, count: Int(count))
      }
    }
    return bytes
  }

  private struct Sample {
    var tree = Tree()
    var devices: [[UInt8]] = []
    var wanted: [String: [UInt8]] = [:]

    /// Files of pieces in any order on several devices, with holes between, and some with a tail of their own.
    init(_ random: inout Random, block: Int) throws {
      let count = 1 + random.below(4)
      devices = (0..<count).map { _ in (0..<block * (8 + random.below(40))).map { _ in UInt8(random.below(256)) } }
      for number in 0..<30 {
        var (bytes, pieces): ([UInt8], [ReferredContent.Piece]) = ([], [])
        // Of some files, large chunks are possible.
        let unit = block << random.below(3)
        for _ in 0..<random.below(6) {
          if random.isTrue(oneIn: 3) { bytes += [UInt8](repeating: 0, count: unit * (1 + random.below(3))) }
          let device = random.below(count)
          let blocks = devices[device].count / block
          let length = min(unit * (1 + random.below(2)), blocks * block)
          let place = random.below((devices[device].count - length) / block + 1) * block
          pieces.append(
            .init(offset: UInt64(bytes.count), length: UInt64(length), device: device + 1, place: UInt64(place)))
          bytes += devices[device][place..<place + length]
        }
        var tail: [UInt8] = []
        if random.isTrue(oneIn: 3) {
          tail = (0..<1 + random.below(block)).map { UInt8($0 & 0xFF) | 1 }
        } else if let last = pieces.last, UInt64(bytes.count) == last.offset + last.length {
          // It may end inside a block.
          let cut = random.below(block)
          pieces[pieces.count - 1].length -= UInt64(cut)
          bytes.removeLast(cut)
        }
        bytes += tail
        let content = ReferredContent(size: UInt64(bytes.count), pieces: pieces, tail: tail)
        try tree.put(
          Array("f\(number)".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644),
          content: random.isTrue(oneIn: 6) ? .bytes(bytes) : .referred(content))
        wanted["f\(number)"] = bytes
      }
      try tree.link(Array("hard".utf8), in: Tree.root, to: tree.inode(of: tree.entry(at: "f0")!))
      tree.sort()
    }
  }

  @Test(arguments: 0..<8) func contentsAreOnTheDevices(seed: Int) throws {
    var random = Random(seed + 500)
    let block = [512, 4096, 1024, 16384][seed % 4]
    let sample = try Sample(&random, block: block)
    var options = BuildOptions()
    options.blockSize = block
    (options.wideAddresses, options.inlinesData) = (seed > 3, random.isTrue(oneIn: 2))
    var paths: [FilePath] = []
    for (number, device) in sample.devices.enumerated() {
      try folder.write("device\(number)", device)
      paths.append(FilePath(folder("device\(number)")))
      options.devices.append(
        .init(tag: Array("layer \(number)".utf8), blocks: UInt64(device.count / block), path: paths[number]))
    }
    options.diskDescriptor = FilePath(folder("disk.vmdk"))
    let summary = try ImageBuilder(options).build(sample.tree, at: image)
    #expect(summary.referredBytes > 0)
    let file = try ImageFile(image, devices: paths)
    let superblock = try Superblock(reading: file)
    try file.checkDevices(superblock)
    #expect(try file.deviceTable(superblock).map(\.tag) == options.devices.map(\.tag))
    // The devices follow the image in one file, or are files of their own.
    try folder.write("flat", try bytes(of: folder("image")) + sample.devices.joined())
    for reader in [ImageReader(file, superblock), try ImageReader(ImageFile(FilePath(folder("flat"))))] {
      for (path, wanted) in sample.wanted { #expect(try content(path, reader) == wanted, "\(path)") }
    }
    let found = SynchronizedArray<String>()
    _ = Checker(file, superblock) { found.append("\($0)") }.run()
    #expect(found.all.isEmpty)
    let disk = String(decoding: try bytes(of: folder("disk.vmdk")), as: UTF8.self)
    #expect(
      disk.contains("FLAT \"image\" 0") && disk.contains("RW \(sample.devices[0].count / 512) FLAT \"device0\" 0"))
  }

  /// A hole of a terabyte takes a few large chunks.
  @Test func chunksAreAsLargeAsPossible() throws {
    var tree = Tree()
    let size: UInt64 = 1 << 40
    func put(_ name: String, _ pieces: [ReferredContent.Piece], size: UInt64) throws {
      try tree.put(
        Array(name.utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644),
        content: .referred(ReferredContent(size: size, pieces: pieces)))
    }
    try put("hole", [], size: size)
    try put("end", [.init(offset: size - (1 << 24), length: 1 << 24, device: 1, place: 8192)], size: size)
    try put("whole", [.init(offset: 0, length: 5_000_001, device: 1, place: 4096)], size: 5_000_001)
    var options = BuildOptions()
    options.devices = [.init(blocks: 5000)]
    let summary = try ImageBuilder(options).build(tree, at: image)
    // 2^16 chunks of 16 MiB for "end".
    #expect((8 << 16..<9 << 16).contains(summary.imageBytes))
    let reader = try ImageReader(ImageFile(image))
    #expect(try reader.extents(of: reader.inode(at: Array("whole".utf8))).count == 1)
    #expect(try reader.extents(of: reader.inode(at: Array("hole".utf8))).count == 1)
    try put("fine", [.init(offset: 4096, length: 4096, device: 1, place: 0)], size: size)
    #expect(throws: BuildError.self) { try ImageBuilder(options).build(tree, at: image) }
  }

  /// Each file is possible; their sizes together are more than 64 bits can say.
  @Test(arguments: [false, true]) func hugeSizesAreRefused(dedupes: Bool) throws {
    var tree = Tree()
    for name in ["a", "b", "c"] {
      let content = ReferredContent(size: UInt64(Int64.max), pieces: [])
      try tree.put(
        Array(name.utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644),
        content: dedupes
          ? .sparse(in: try OpenFile.directory(folder.path), size: content.size, pieces: []) : .referred(content))
    }
    var options = BuildOptions()
    options.dedupes = dedupes
    if dedupes { options.chunkSize = 4096 }
    #expect { try ImageBuilder(options).build(tree, at: image) } throws: { "\($0)".contains("addresses reach") }
  }

  private func reason(_ content: ReferredContent, _ change: (inout BuildOptions) -> Void = { _ in }) -> String {
    do {
      var tree = Tree()
      try tree.put(
        Array("f".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644), content: .referred(content))
      var options = BuildOptions()
      options.devices = [.init(blocks: 100)]
      change(&options)
      try ImageBuilder(options).build(tree, at: image)
    } catch { return "\(error)" }
    return ""
  }

  @Test func whatCannotBeReferredToIsRefused() throws {
    func piece(_ offset: UInt64, _ length: UInt64, _ place: UInt64, _ device: Int = 1) -> ReferredContent.Piece {
      .init(offset: offset, length: length, device: device, place: place)
    }
    #expect(reason(.init(size: 8192, pieces: [piece(0, 8192, 4096)])) == "")
    for (content, words) in [
      (ReferredContent(size: 8192, pieces: [piece(0, 8192, 512)]), "blocks of 4096 bytes"),
      (ReferredContent(size: 8192, pieces: [piece(512, 4096, 0)]), "blocks of 4096 bytes"),
      (ReferredContent(size: 8192, pieces: [piece(0, 100, 0)]), "blocks of 4096 bytes"),
      (ReferredContent(size: 8192, pieces: [piece(0, 4096, 0, 2)]), "extra device 2, which is not given"),
      (ReferredContent(size: 8192, pieces: [piece(0, 4096, 0, 0)]), "extra device 0, which is not given"),
      (ReferredContent(size: 8192, pieces: [piece(4096, 4096, 0), piece(0, 4096, 4096)]), "not in order"),
      (ReferredContent(size: 8192, pieces: [piece(4096, 8192, 0)]), "longer than it is"),
      (ReferredContent(size: .max, pieces: [piece(.max - 4095, 4096, 0)]), "not in order"),
      (ReferredContent(size: 4096, pieces: [piece(0, 4096, 1 << 45)]), "use 48-bit addresses"),
    ] { #expect(reason(content).contains(words), "\(reason(content))") }
    let good = ReferredContent(size: 4096, pieces: [piece(0, 4096, 0)])
    #expect(reason(good) { $0.devices = [] }.contains("extra device 1, which is not given"))
    #expect(reason(good) { $0.dedupes = true }.hasSuffix("only referred to and dedupe cannot be used together"))
    #expect(reason(good) { $0.digestAttribute = BuildOptions.usualDigestAttribute }.contains("and digests"))
    #expect(
      reason(good) { ($0.chunkSize, $0.blobDevice) = (4096, FilePath(folder("blob"))) }
        == "extra devices and a blob device cannot be used together")
    #expect(reason(good) { $0.devices[0].tag = [UInt8](repeating: 65, count: 65) }.hasPrefix("tag AAAA"))
    #expect(
      reason(good) { $0.diskDescriptor = FilePath(folder("disk")) }.hasPrefix("extra device 1 has no path"))
  }

  /// A table of chunks that names another block is found when the image is read back.
  @Test func damageIsFound() throws {
    var tree = Tree()
    try tree.put(
      Array("f".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644),
      content: .referred(.init(size: 4096, pieces: [.init(offset: 0, length: 4096, device: 1, place: 0x5A5A000)])))
    tree.sort()
    var options = BuildOptions()
    options.devices = [.init(blocks: 0x6000)]
    let output = try OutputFile(image)
    let build = try Build(
      options, tree, output, { _ in true },
      beforeVerifying: {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = try bytes.withUnsafeMutableBytes { try output.descriptor.read(fromAbsoluteOffset: 0, into: $0) }
        let place = try #require((0..<count - 4).first { bytes[$0..<$0 + 4].elementsEqual([0x5A, 0x5A, 0, 0]) })
        try [UInt8(0x5B)].withUnsafeBytes { try output.write($0, at: UInt64(place)) }
      })
    #expect(throws: BuildError.self) { try build.run() }
  }

  /// Room for the contents, and a map of what belongs there.
  @Test func contentsMayComeLater() throws {
    var random = Random(77)
    let sample = try Sample(&random, block: 4096)
    var options = BuildOptions()
    options.reserved = .init(map: FilePath(folder("map")))
    try ImageBuilder(options).build(sample.tree, at: image)
    var whole = [UInt8](try bytes(of: folder("image")))
    // What comes later is on one device here.
    let lines = String(decoding: try bytes(of: folder("map")), as: UTF8.self).split(separator: "\n")
    let places = sample.tree.walk().filter { sample.tree.kind(of: $0.entry) == .regular }
    var seen: Set<Tree.InodeID> = []
    var pieces: [ReferredContent.Piece] = []
    for (entry, _) in places where seen.insert(sample.tree.inode(of: entry)).inserted {
      pieces += sample.tree.referred(of: sample.tree.inode(of: entry))?.pieces ?? []
    }
    #expect(lines.count == pieces.count && lines.count > 20)
    for (line, piece) in zip(lines, pieces) {
      let words = line.split(separator: " ")
      let (block, count) = (Int(words[0], radix: 16)!, Int(words[1], radix: 16)!)
      let zeros = words.count > 3 ? Int(words[3])! : 0
      #expect(words[0].count == 8 && line.dropFirst(9).prefix(8).count == 8)
      #expect(Int(words[2], radix: 16)! == Int(piece.place) && count * 4096 - zeros == Int(piece.length))
      let bytes = sample.devices[piece.device - 1][Int(piece.place)...].prefix(Int(piece.length))
      whole.replaceSubrange(block * 4096..<block * 4096 + bytes.count, with: bytes)
    }
    try folder.write("whole", whole)
    let reader = try ImageReader(ImageFile(FilePath(folder("whole"))))
    #expect(reader.superblock.extraDevices == 0)
    for (path, wanted) in sample.wanted { #expect(try content(path, reader) == wanted, "\(path)") }
  }

  /// An archive of a few bytes can have a sparse file of any size. Flat, it is holes in the image, and a bound applies.
  @Test func holesOfFlatFilesAreNotWritten() throws {
    func build(_ size: UInt64) throws -> BuildSummary {
      var tree = Tree()
      let file = try OpenFile.file("/dev/null")
      try tree.put(
        Array("f".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644),
        content: .sparse(in: file, size: size, pieces: []))
      return try ImageBuilder(BuildOptions()).build(tree, at: image)
    }
    #expect(try build(40 << 20).imageBytes > 40 << 20)
    var status = stat()
    #expect(stat(folder("image"), &status) == 0 && status.st_blocks * 512 < 9 << 20)
    let reader = try ImageReader(ImageFile(image))
    #expect(try content("f", reader) == [UInt8](repeating: 0, count: 40 << 20))
    // Reading it back takes no longer: holes are not read.
    let start = ContinuousClock.now
    #expect(try build(1 << 40 | 5000).verifiedBytes == 1 << 40 | 5000)
    #expect(ContinuousClock.now - start < .seconds(60))
    for size: UInt64 in [1 << 45, 1 << 62, UInt64(Int64.max)] {
      #expect(throws: BuildError.self) { try build(size) }
    }
  }

  /// What is read by Linux from the wrong device: it takes a tail to follow what precedes it if its address does.
  @Test func tailsDoNotSeemToFollowAnotherDevice() throws {
    var tree = Tree()
    for number in 0..<3 {
      let piece = ReferredContent.Piece(offset: 0, length: 4096, device: 1, place: UInt64(number) * 4096)
      let content = ReferredContent(size: 4099, pieces: [piece], tail: [1, 2, 3])
      try tree.put(
        [UInt8(97 + number)], in: Tree.root, Metadata(kind: .regular, permissions: 0o644), content: .referred(content))
    }
    var options = BuildOptions()
    options.devices = [.init(blocks: 3)]
    try ImageBuilder(options).build(tree, at: image)
    let reader = try ImageReader(ImageFile(image))
    for name in ["a", "b", "c"] {
      let extents = try reader.extents(of: reader.inode(at: Array(name.utf8)))
      #expect(extents.count == 2)
      guard case .device(1, let first) = extents[0].place, case .device(0, let second) = extents[1].place else {
        throw Failed(text: "\(extents)")
      }
      #expect(first + 4096 != second)
    }
  }
}
