// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSBuilder
import EROFSTar
import EROFSTools
import EROFSTree
import Encoders
import Foundation
import SystemPackage
import Testing
import TreeSupport

/// Several images as one tree.
@Suite struct LayerMergeTests {
  private let folder = Folder()

  private func path(_ name: String) -> FilePath { FilePath(folder(name)) }
  private func bytes(of name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder(name))))
  }

  private static func text(_ words: String, _ count: Int) -> [UInt8] {
    Array((0..<count).map { "\(words) \($0)\n" }.joined().utf8)
  }

  /// An image of directories (their names end with a slash), files, links (`->`) and hard links (`=`).
  private func layer(
    _ name: String, _ entries: [(String, String)], _ change: (inout BuildOptions) -> Void = { _ in }
  ) throws {
    var tree = Tree()
    for (path, what) in entries {
      let names = path.utf8.split(separator: 0x2F).map { ArraySlice($0) }
      let parent = try tree.directory(at: names.dropLast())
      var metadata = Metadata(kind: .regular, permissions: 0o640, user: UInt32(name.utf8.count))
      metadata.time = Time(seconds: 1_600_000_000, nanoseconds: UInt32(name.utf8.last!))
      if path.hasSuffix("/") {
        metadata.kind = .directory
        let opaque = ExtendedAttribute("trusted.overlay.opaque", [0x79])
        try tree.put(
          names.last!, in: parent, metadata,
          attributes: (what == "opaque" ? [opaque] : []) + [ExtendedAttribute("user.of", Array(name.utf8))])
      } else if what == "whiteout" {
        metadata.kind = .characterDevice
        try tree.put(names.last!, in: parent, metadata)
      } else if what.hasPrefix("->") {
        metadata.kind = .symbolicLink
        try tree.put(names.last!, in: parent, metadata, target: Array(what.dropFirst(2).utf8))
      } else if what.hasPrefix("=") {
        try tree.link(names.last!, in: parent, to: tree.inode(of: tree.entry(at: String(what.dropFirst()))!))
      } else {
        try tree.put(names.last!, in: parent, metadata, content: .bytes(Self.text(what, what.utf8.count * 300)))
      }
    }
    var options = BuildOptions()
    options.inlinesData = false
    change(&options)
    try ImageBuilder(options).build(tree, at: path(name))
  }

  private static let lower = [
    ("etc/", ""), ("etc/host", "lower host"), ("etc/gone", "gone"), ("etc/kept", "kept"), ("var/", ""), ("var/a", "a"),
    ("var/b", "=var/a"), ("opaque/", ""), ("opaque/old", "old"), ("turns", "file"), ("folder/", ""),
    ("folder/in", "in"),
    ("link", "->etc/host"), ("x1", "one"), ("x2", "=x1"), ("x3", "=x1"),
  ]
  private static let upper = [
    ("etc/", ""), ("etc/host", "upper"), ("etc/gone", "whiteout"), ("opaque/", "opaque"), ("opaque/new", "new new"),
    ("turns/", ""), ("turns/inside", "inside"), ("folder", "a file"), ("x2", "whiteout"), ("up1", "up"),
    ("up2", "=up1"),
    ("nothing", "whiteout"),
  ]

  private func wanted(_ stripped: Bool = true) -> [String: [UInt8]?] {
    var wanted: [String: [UInt8]?] = [:]
    for (path, words) in [
      ("etc/host", "upper"), ("etc/kept", "kept"), ("var/a", "a"), ("var/b", "a"), ("opaque/new", "new new"),
      ("turns/inside", "inside"), ("folder", "a file"), ("x1", "one"), ("x3", "one"), ("up1", "up"), ("up2", "up"),
    ] { wanted[path] = Self.text(words, words.utf8.count * 300) }
    for path in ["", "etc", "var", "opaque", "turns", "link"] { wanted[path] = .some(nil) }
    if !stripped { for path in ["etc/gone", "x2", "nothing"] { wanted[path] = .some(nil) } }
    return wanted
  }

  private func check(_ reader: ImageReader, _ wanted: [String: [UInt8]?]) throws {
    var found: Set<String> = []
    try reader.forEachNode(from: reader.volume.inode(reader.superblock.rootNID), onError: { throw $1 as any Error }) {
      node in
      let name = String(decoding: node.path, as: UTF8.self)
      found.insert(name)
      guard let content = wanted[name] ?? nil else { return }
      var bytes: [UInt8] = []
      try reader.forEachPiece(of: node.inode) { _, piece in
        switch piece {
        case .data(let data): bytes += data
        case .hole(let count): bytes += [UInt8](repeating: 0, count: Int(count))
        }
      }
      #expect(bytes == content, "\(name)")
    }
    #expect(found == Set(wanted.keys))
  }

  private func build(
    _ merge: LayerMerge, strips: Bool = true, _ change: (inout BuildOptions) -> Void = { _ in }
  ) throws -> (tree: Tree, summary: BuildSummary) {
    var tree = try merge.read()
    if strips { tree.stripOverlayMetadata() }
    var options = BuildOptions()
    (options.blockSize, options.devices) = (merge.blockSize, merge.devices)
    options.attributePrefixes = try merge.attributePrefixes()
    change(&options)
    return (tree, try ImageBuilder(options).build(tree, at: path("merged")))
  }

  /// Contents stay in the layers, whose forms differ; the last bytes of files may be beside their inodes.
  @Test(arguments: 0..<6) func layersAreReferredTo(form: Int) throws {
    func change(_ options: inout BuildOptions) {
      options.blockSize = form == 3 ? 512 : 4096
      if form == 1 { options.inlinesData = true }
      if form == 2 { options.chunkSize = 4096 }
      if form == 4 { (options.wideAddresses, options.dataUnit) = (true, 3) }
      if form == 5 { (options.chunkSize, options.blobDevice) = (8192, path("blob")) }
    }
    try layer("lower", Self.lower, change)
    if form == 5 { try folder.write("lower", bytes(of: "lower") + bytes(of: "blob")) }
    try layer("upper", Self.upper) { $0.blockSize = form == 3 ? 512 : 4096 }
    let layers = [path("lower"), path("upper")]
    let merge = try LayerMerge(layers, contents: .referred)
    for strips in [true, false] {
      let (tree, summary) = try build(merge, strips: strips) { $0.wideAddresses = form == 4 }
      #expect(summary.imageBytes <= 24576 && summary.referredBytes > 0)
      func links(_ path: String) -> Int { tree.linkCount(of: tree.inode(of: tree.entry(at: path)!)) }
      #expect(links("x1") == 2 && links("var/a") == 2 && links("up1") == 2)
      #expect(tree[tree.entry(at: "etc")!].user == 5)
      #expect(tree.attribute("user.of", of: tree.inode(of: tree.entry(at: "etc")!)) == Array("upper".utf8))
      for opaque in ["opaque", "turns"] { #expect(tree.isOpaque(tree.entry(at: opaque)!) == !strips) }
      let file = try ImageFile(path("merged"), devices: layers)
      let superblock = try Superblock(reading: file)
      try file.checkDevices(superblock)
      try check(ImageReader(file, superblock), wanted(strips))
      try folder.write("flat", bytes(of: "merged") + bytes(of: "lower") + bytes(of: "upper"))
      try check(ImageReader(ImageFile(path("flat"))), wanted(strips))
    }
    // Devices in the wrong order are recognized by their UUIDs.
    let wrong = try ImageFile(path("merged"), devices: layers.reversed())
    #expect(throws: DeviceError.self) { try wrong.checkDevices(Superblock(reading: wrong)) }
  }

  /// An image of its own, of layers that no image could refer to.
  @Test func layersAreCopied() throws {
    try layer("lower", Self.lower) {
      $0.encodings = [try! Encoding(.lz4hc, clusterSize: 16384)]
      ($0.clusterSize, $0.fragments) = (16384, .tails)
    }
    try layer("upper", Self.upper) { $0.blockSize = 1024 }
    let layers = [path("lower"), path("upper")]
    #expect(throws: LayerError.self) { try LayerMerge(layers, contents: .referred) }
    let merge = try LayerMerge(layers, contents: .copied)
    let (_, summary) = try build(merge) {
      $0.encodings = [try! Encoding(.zstd, clusterSize: 65536)]
      $0.clusterSize = 65536
      $0.dedupes = true
    }
    #expect(summary.referredBytes == 0 && summary.verifiedFiles == 8)
    try check(ImageReader(ImageFile(path("merged"))), wanted())
    // One that is only copied is what it was.
    _ = try build(LayerMerge([path("lower")], contents: .copied))
    let (one, other) = (
      try LayerMerge([path("lower")], contents: .copied), try LayerMerge([path("merged")], contents: .copied)
    )
    #expect(try lines(one.read()) == lines(other.read()))
  }

  /// Layers that refer to tar archives, which follow them in their files or are the devices.
  @Test func archivesAreLayers() throws {
    for (name, script) in [
      ("lower", "mkdir -p d; seq 1 5000 >d/f; ln d/f hard; echo below >below"),
      ("upper", "mkdir -p d; seq 1 3000 >d/g; : >.wh.below; : >d/.wh..wh..opq"),
    ] {
      try run(
        "/bin/bash", "-c", "mkdir \(name).d && cd \(name).d && \(script) && tar -c -f ../\(name).tar .", in: folder.path
      )
      var origin = try TarOrigin(OpenFile.file(folder(name + ".tar")), besideOutputAt: path(name))
      (origin.convertsWhiteouts, origin.contents) = (true, .referred(blockSize: 512))
      let (tree, byteCount) = try origin.readWithSize()
      var options = BuildOptions()
      (options.blockSize, options.devices) = (512, [.init(blocks: byteCount / 512)])
      try ImageBuilder(options).build(tree, at: path(name))
      try folder.write(name + ".whole", bytes(of: name) + bytes(of: name + ".tar"))
    }
    let wanted: [String: [UInt8]?] = [
      "": nil, "d": nil, "d/g": Array((1...3000).map { "\($0)\n" }.joined().utf8),
      "hard": Array((1...5000).map { "\($0)\n" }.joined().utf8),
    ]
    for devices in [["lower.whole", "upper.whole"], ["lower.tar", "upper.tar"]] {
      let layers = devices.map { path($0.hasSuffix("tar") ? String($0.dropLast(4)) : $0) }
      _ = try build(LayerMerge(layers, contents: .referred))
      let file = try ImageFile(path("merged"), devices: devices.map(path))
      try check(ImageReader(file), wanted)
    }
  }

  @Test func whatCannotBeMergedIsRefused() throws {
    func reason(_ names: [String], _ contents: LayerMerge.Contents = .referred) -> String {
      do { _ = try LayerMerge(names.map(path), contents: contents).read() } catch { return "\(error)" }
      return ""
    }
    try layer("lower", Self.lower) { $0.encodings = [try! Encoding(.lz4, clusterSize: 4096)] }
    #expect(reason(["lower"]).contains("is compressed, so that no image can refer to its content"))
    #expect(reason(["lower"], .copied) == "")
    try layer("upper", Self.upper) { $0.blockSize = 512 }
    #expect(reason(["lower", "upper"]).contains("it has blocks of 512 bytes"))
    #expect(reason(["missing"]).contains("No such file"))
    try folder.write("text", Self.text("no image", 500))
    #expect(reason(["text"]).contains("/text: this is not an EROFS image"))
    try folder.write("short", bytes(of: "upper").prefix(2048))
    #expect(reason(["short"]).contains("shorter than the image"))
    var tree = Tree()
    try tree.put(
      Array("moved".utf8), in: Tree.root, Metadata(kind: .directory, permissions: 0o755),
      attributes: [ExtendedAttribute("trusted.overlay.redirect", Array("/old".utf8))])
    try ImageBuilder(BuildOptions()).build(tree, at: path("moved"))
    #expect(reason(["moved"]).contains("moved: it has the attribute trusted.overlay.redirect"))
  }

  @Test(arguments: 0..<3) func prefixesOfAttributesAreKept(form: Int) throws {
    for (name, prefix) in [("lower", "user.long.prefix."), ("upper", "trusted.other.")] {
      var tree = Tree()
      try tree.put(
        Array("f".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644),
        content: .bytes(Self.text("content", 900)), attributes: [ExtendedAttribute(prefix + name, [1, 2, 3])])
      var options = BuildOptions()
      options.attributePrefixes = [Array("security.both".utf8), Array(prefix.utf8)]
      options.digestAttribute = BuildOptions.usualDigestAttribute
      options.hasPlainPrefixes = form == 1
      if form == 2 {
        options.encodings = [try Encoding(.lz4, clusterSize: 4096)]
        options.fragments = .all
      }
      try ImageBuilder(options).build(tree, at: path(name))
    }
    let merge = try LayerMerge([path("lower"), path("upper")], contents: .copied)
    let prefixes = try merge.attributePrefixes().map { String(decoding: $0, as: UTF8.self) }
    #expect(prefixes == ["security.both", "user.long.prefix.", "trusted.other."])
    let (tree, _) = try build(merge)
    #expect(tree.attribute("trusted.other.upper", of: tree.inode(of: tree.entry(at: "f")!)) == [1, 2, 3])
    #expect(try Superblock(reading: ImageFile(path("merged"))).xattrPrefixCount == 3)
  }
}
