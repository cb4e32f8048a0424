// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTar
import EROFSTree
import Foundation
import SystemPackage
import Testing
import TreeSupport

/// Contents that stay in the archive.
@Suite struct ReferredTests {
  private let folder = Folder()

  private func read(
    _ path: String, _ contents: TarOrigin.Contents, piped: Bool = false
  ) throws -> (tree: Tree, byteCount: UInt64) {
    func read(_ file: OpenFile) throws -> (tree: Tree, byteCount: UInt64) {
      var origin = try TarOrigin(file, besideOutputAt: FilePath(folder("image")))
      origin.contents = contents
      return try origin.readWithSize()
    }
    guard piped else { return try read(try OpenFile.file(path)) }
    let pipe = Pipe()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/cat")
    process.arguments = [path]
    process.standardOutput = pipe
    try process.run()
    defer { process.waitUntilExit() }
    let file = OpenFile(owning: dup(pipe.fileHandleForReading.fileDescriptor))
    try? pipe.fileHandleForReading.close()
    return try read(file)
  }

  /// What a file consists of, taken from the archive.
  private func bytes(_ content: ReferredContent, in archive: [UInt8]) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Int(content.size))
    for piece in content.pieces {
      let stored = archive[Int(piece.place)..<Int(piece.place + piece.length)]
      bytes.replaceSubrange(Int(piece.offset)..<Int(piece.offset + piece.length), with: stored)
    }
    return bytes
  }

  private static let forms: [(String, [String])] = [
    ("gnu", []), ("pax", ["--sparse-version=0.0"]), ("pax", ["--sparse-version=0.1"]),
    ("pax", ["--sparse-version=1.0"]),
  ]

  /// Sparse or not, a file is where the archive has it, whether that is a file, a pipe, or compressed.
  @Test(arguments: 0..<4) func piecesAreInTheArchive(form: Int) throws {
    let script = """
      set -e; mkdir tree; cd tree; seq 1 9000 >text; : >empty; printf x >one; head -c 512 text >block; ln text hard
      truncate -s 900000 sparse; seq 1 5000 | dd of=sparse bs=4096 seek=50 conv=notrunc 2>/dev/null; echo end >>sparse
      mkdir d; cp text d
      """
    try run("/bin/bash", "-c", script, in: folder.path)
    let (format, options) = Self.forms[form]
    let tar = "tar -S -c -f a.tar -H \(format) \(options.joined(separator: " ")) -C tree ."
    try run("/bin/bash", "-c", "\(tar) && gzip -k a.tar", in: folder.path)
    let archive = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder("a.tar"))))
    let stored = try read(folder("a.tar"), .stored).tree
    for (path, piped) in [("a.tar", false), ("a.tar", true), ("a.tar.gz", false), ("a.tar.gz", true)] {
      let (tree, byteCount) = try read(folder(path), .referred(blockSize: 512), piped: piped)
      #expect(byteCount % 512 == 0 && archive[Int(byteCount)...].allSatisfy { $0 == 0 })
      #expect(tree.hasReferredContents && !stored.hasReferredContents)
      var (count, sparse) = (0, 0)
      for (entry, path) in tree.walk() where tree.kind(of: entry) == .regular {
        let content = try #require(tree.referred(of: tree.inode(of: entry)))
        #expect(try bytes(content, in: archive) == contents(path.text, in: stored), "\(path.text)")
        #expect(content.pieces.allSatisfy { $0.place % 512 == 0 && $0.offset % 512 == 0 && $0.device == 1 })
        count += 1
        if content.pieces.reduce(0, { $0 + $1.length }) < content.size { sparse += 1 }
      }
      #expect(count == 7 && sparse == 1)
      var opener = ContentOpener(tree)
      #expect(throws: TreeError.onlyReferred(path: Array("text".utf8))) {
        _ = try opener.open(tree.entry(at: "text")!)
      }
    }
  }

  /// A piece that begins or ends inside a block cannot stay there, and then the whole file is stored.
  @Test func whatDoesNotFitBlocksIsStored() throws {
    var archive = TarWriter()
    let text = Array(repeating: Array("0123456789abcdef".utf8), count: 40).flatMap { $0 }
    archive.addExtended([("GNU.sparse.size", "2000"), ("GNU.sparse.map", "100,640")])
    archive.add("inside", text)
    archive.addExtended([("GNU.sparse.size", "2000"), ("GNU.sparse.map", "512,512,1536,128")])
    archive.add("short", text)
    archive.addExtended([("GNU.sparse.size", "1664"), ("GNU.sparse.map", "512,512,1536,128")])
    archive.add("fits", text)
    archive.end()
    try folder.write("a.tar", archive.bytes)
    for piped in [false, true] {
      let tree = try read(folder("a.tar"), .referred(blockSize: 512), piped: piped).tree
      for name in ["inside", "short"] {
        let inode = tree.inode(of: try #require(tree.entry(at: name)))
        #expect(tree.referred(of: inode) == nil && tree.size(of: inode) == 2000)
      }
      let content = try #require(tree.referred(of: tree.inode(of: tree.entry(at: "fits")!)))
      #expect(content.size == 1664 && content.pieces.map(\.length) == [512, 128])
      #expect(try contents("inside", in: tree)[100..<740].elementsEqual(text))
    }
    // For an image of larger blocks which gets contents later.
    let mapped = try read(folder("a.tar"), .mapped(blockSize: 1024)).tree
    #expect(mapped.referred(of: mapped.inode(of: mapped.entry(at: "fits")!)) == nil)
    let small = try read(folder("a.tar"), .mapped(blockSize: 512)).tree
    #expect(small.referred(of: small.inode(of: small.entry(at: "fits")!)) != nil)
  }

  @Test func headersAloneAreAnArchive() throws {
    var archive = TarWriter()
    archive.add("d/", type: "5")
    archive.add("d/file", size: 100_000)
    archive.addExtended([("size", "\(1 << 40)")])
    archive.add("large", size: 0)
    archive.add("hard", type: "1", link: "d/file", size: 100_000)
    archive.addExtended([("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "5000000")])
    archive.add("sparse", size: 1024)
    archive.end()
    try folder.write("a.tar", archive.bytes)
    #expect(throws: TreeError.self) { try read(folder("a.tar"), .stored) }
    let tree = try read(folder("a.tar"), .absent).tree
    for (path, size) in [("d/file", 100_000), ("hard", 100_000), ("large", 1 << 40), ("sparse", 5_000_000)] {
      let entry = try #require(tree.entry(at: path))
      let content = try #require(tree.referred(of: tree.inode(of: entry)))
      #expect(content == ReferredContent(size: UInt64(size), pieces: []), "\(path)")
    }
    #expect(tree.linkCount(of: tree.inode(of: tree.entry(at: "hard")!)) == 2)
  }

  /// A device has whole blocks, and so the archive must.
  @Test func archivesThatEndInsideABlockAreNoDevices() throws {
    var archive = TarWriter()
    archive.add("f", Array("text".utf8))
    archive.bytes.removeLast(508)
    try folder.write("a.tar", archive.bytes)
    for piped in [false, true] {
      #expect(try read(folder("a.tar"), .stored, piped: piped).byteCount == 516)
      do {
        _ = try read(folder("a.tar"), .referred(blockSize: 512), piped: piped)
        Issue.record("no error")
      } catch TreeError.archive(let fault, _, _) { #expect(fault == .shortBlock) }
      #expect(try read(folder("a.tar"), .mapped(blockSize: 512), piped: piped).tree.hasReferredContents)
    }
  }
}

extension [UInt8] {
  fileprivate var text: String { String(decoding: self, as: UTF8.self) }
}
