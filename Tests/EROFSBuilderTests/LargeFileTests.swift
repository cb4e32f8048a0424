// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree
import Encoders
import Foundation
import HostSupport
import SystemPackage
import Testing
import TreeSupport

@testable import EROFSBuilder

/// Files with more holes than there is memory for a list of them.
@Suite struct LargeFileTests {
  private let folder = Folder()

  enum Form: CaseIterable { case flat, chunked, encoded }

  private func options(_ form: Form) throws -> BuildOptions {
    var options = BuildOptions()
    options.wideAddresses = true
    switch form {
    case .flat: break
    case .chunked: options.chunkSize = 1 << 20
    case .encoded: (options.encodings, options.index, options.clusterSize) = ([try Encoding(.lz4)], .encoded, 65_536)
    }
    return options
  }

  /// A tree of one file, with a block of data at each end and in the middle.
  private func tree(_ size: UInt64) throws -> Tree {
    let path = folder("data")
    try Data((0..<3 * 4096).map { UInt8(truncatingIfNeeded: $0 / 5) }).write(to: URL(fileURLWithPath: path))
    let file = OpenFile(owning: try FileDescriptor.open(FilePath(path), .readOnly).rawValue)
    let pieces = [0, size / 2, size - 4096].enumerated().map { index, offset in
      ContentPiece(offset: offset, length: 4096, place: UInt64(index) * 4096)
    }
    var tree = Tree()
    try tree.put(
      Array("f".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644),
      content: .sparse(in: file, size: size, pieces: pieces))
    return tree
  }

  private func context(_ options: BuildOptions, _ tree: Tree) throws -> BuildContext {
    let order = InodeOrder(tree)
    return BuildContext(
      options: options, tree: tree, order: order, storage: StorageOrder(options.order, tree, order),
      output: try OutputFile(FilePath(folder("image"))))
  }

  private func contents(of build: BuildContext, _ sink: inout BlockSink) throws -> ContentPass {
    var progress = ProgressReporter { _ in true }
    var contents = try ContentPass(build)
    try contents.run(&sink, &progress)
    return contents
  }

  /// Sixteen times the holes are no more to keep in memory.
  @Test(arguments: Form.allCases) func holesTakeNoMemory(form: Form) throws {
    var kept: [Int] = []
    for size in [UInt64(8) << 30, 128 << 30] {
      let build = try context(options(form), tree(size))
      var sink = BlockSink(build.output, position: 4096, offset: 0)
      let contents = try contents(of: build, &sink)
      let lists = (contents.extents, contents.chunks, contents.sums)
      let all = lists.0.count + lists.1.count + lists.2.count
      #expect(all >= Int(size >> 24))
      kept.append(lists.0.storedCount + lists.1.storedCount + lists.2.storedCount)
    }
    #expect(kept[0] == kept[1] && kept[0] < 50)
  }

  /// An image of such a file is right, and so is the list of its blocks.
  @Test(arguments: Form.allCases) func areStored(form: Form) throws {
    var options = try options(form)
    options.blockList = .init(FilePath(folder("list")))
    let summary = try ImageBuilder(options).build(tree(1 << 30), at: FilePath(folder("image")))
    #expect(summary.contentBytes == 1 << 30)
    #expect(try problems(of: folder("image")) == [])
    let runs = String(decoding: try bytes(of: folder("list")), as: UTF8.self).split(separator: " ").count - 1
    #expect(runs == 1)
  }

  /// It is found out without reading the file. The bounds are those of the formats: a byte of LZ4 stands for 255 at most.
  @Test func aHoleThatHasNoRoomIsSaid() throws {
    let size = UInt64(1) << 60
    let index = size >> 12 * 2
    for (algorithm, data) in [(Encoding.Algorithm.lz4hc, size / 255), (.deflate, size / 1032), (.zstd, size / 3072)] {
      for (form, dedupes, least) in [
        (BuildOptions.IndexForm.compact, false, index + data), (.full, false, 4 * index + data),
        (.compact, true, index),
      ] {
        var options = BuildOptions()
        (options.encodings, options.index, options.dedupes) = ([try Encoding(algorithm)], form, dedupes)
        var calls = 0
        do {
          try ImageBuilder(options).build(tree(size), at: FilePath(folder("image"))) { _ in
            calls += 1
            return false
          }
          Issue.record("no error")
        } catch {
          #expect("\(error)".hasPrefix("compressed files, of which /f is the largest, take at least \(least) bytes "))
        }
        #expect(calls == 0)
      }
    }
  }

  /// Parts of a hole that are joined make the same image as zeros that are read.
  @Test(arguments: Form.allCases) func holesAreZeros(form: Form) throws {
    let (path, size) = (folder("whole"), UInt64(200) << 20 + 5000)
    try Data(repeating: 7, count: 4096).write(to: URL(fileURLWithPath: path))
    let file = try FileDescriptor.open(FilePath(path), .readWrite)
    for offset in [size / 2, size - 4096] {
      try file.writeAll(toAbsoluteOffset: Int64(offset), [UInt8](repeating: 9, count: 4096))
    }
    let open = OpenFile(owning: file.rawValue)
    let pieces = [0, size / 2, size - 4096].map { ContentPiece(offset: $0, length: 4096, place: $0) }
    var images: [Data] = []
    for content in [Content.sparse(in: open, size: size, pieces: pieces), .range(of: open, offset: 0, length: size)] {
      var tree = Tree()
      try tree.put(
        Array("f".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644), content: content)
      _ = try ImageBuilder(options(form)).build(tree, at: FilePath(folder("image")))
      images.append(try bytes(of: folder("image")))
    }
    #expect(images[0] == images[1])
  }

  /// Tables are written in pieces, which are as long as what was planned for them.
  @Test(arguments: [Form.chunked, .encoded]) func tablesAreWrittenInPieces(form: Form) throws {
    let build = try context(options(form), tree(128 << 30))
    var sink = BlockSink(build.output, position: 4096, offset: 0)
    let contents = try contents(of: build, &sink)
    var metadata = try MetadataPass(build, FileDigests(), epoch: Time(seconds: 0))
    try metadata.place(after: sink.position, contents, packed: nil, superblockEnd: 1152)
    let body = try metadata.body(of: 1)
    var lengths: [Int] = []
    body.write(metadata.form, number: 2, isCompact: false) { lengths.append($0.count) }
    #expect(lengths.reduce(0, +) == body.byteCount(isCompact: false))
    #expect(lengths.count > 3 && lengths.max()! <= 65_536 + 32)
  }

  /// What is planned for an inode is what is written, whatever its index.
  @Test func inodesAreAsLongAsPlanned() throws {
    var random = Random(77)
    var seen: Set<String> = []
    for _ in 0..<60 {
      var options = try randomOptions(&random)
      options.metabox = nil
      options.digestAttribute = nil
      let build = try context(options, randomTree(&random, entries: 40, upTo: 200_000))
      var sink = BlockSink(build.output, position: 65_536, offset: 0)
      var contents = try contents(of: build, &sink)
      var metadata = try MetadataPass(build, FileDigests(), epoch: Time(seconds: 0))
      try metadata.placeEarly(after: sink.position, &contents)
      try metadata.place(after: sink.position, contents, packed: nil, superblockEnd: 1152)
      for number in 0..<build.order.count {
        let body = try metadata.body(of: number)
        switch body.index {
        case .none: seen.insert("none")
        case .chunks(_, let recordBytes): seen.insert("chunks \(recordBytes)")
        case .file(let index): seen.insert("\(index.form)")
        }
        var written = 0
        body.write(metadata.form, number: 2, isCompact: false) { written += $0.count }
        #expect(written == body.byteCount(isCompact: false))
      }
    }
    #expect(seen.isSuperset(of: ["none", "chunks 4", "chunks 8", "full", "fragment"]), "\(seen.sorted())")
    #expect(seen.contains { $0.hasPrefix("compact") } && seen.contains { $0.hasPrefix("encoded") }, "\(seen.sorted())")
  }
}
