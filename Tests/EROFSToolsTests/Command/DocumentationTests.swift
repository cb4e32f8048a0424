// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSBuilder
import EROFSTools
import EROFSTree
import Encoders
import Foundation
import PageVectors
import SystemPackage
import TestSupport
import Testing

/// The Swift code in the documentation compiles, and works. Each part between SNIPPET and END is shown somewhere; each
/// Swift block in a document is one of these parts.
@Suite struct DocumentationTests {
  func readsARoot() throws {
    // SNIPPET
    let reader = try ImageReader(ImageFile("root.erofs"))
    let hostname = String(decoding: try reader.contents(of: "/etc/hostname"), as: UTF8.self)
    let start = try reader.read(reader.file(at: "/bin/sh"), at: 0, count: 512)
    for file in try reader.files(matching: "/usr/lib/**/*.so*") where file.kind == .regular {
      print(file, file.size, file.permissions, file.modified)
    }
    try Extractor(reader.image).extract("/etc", into: "out")
    // END
    print(hostname, start)
  }

  func readsBytes(_ bytes: some Collection<UInt8>) throws -> [String] {
    // SNIPPET
    let reader = try ImageReader(ImageFile(bytes: bytes))
    let names = try reader.entries(of: "/contents").map(\.text)
    // END
    return names
  }

  func readsStorage(_ storage: some Storage, _ name: String) throws -> [UInt8] {
    // SNIPPET
    let reader = try StorageReader(storage)
    let content = try reader.contents(of: name)
    // END
    return content
  }

  func readsWithPlannedMemory(
    _ storage: some Storage, blocks: ReaderMemory, path: PageVector, frames: MutablePageVector,
    tables: UnsafeMutableRawBufferPointer, pages: MutablePageVector
  ) throws -> Int? {
    // SNIPPET
    let superblock = try Superblock(reading: storage)
    var volume = Volume(storage, superblock: superblock, memory: blocks)
    let inode = try volume.inode(at: path)
    let plan = try volume.plan(for: inode)
    if let memory = ReaderMemory(for: plan, frames: frames, state: tables) {
      volume.supply(memory)
      let count = try volume.read(inode, at: 0, into: pages)
      // END
      return count
    }
    return nil
  }

  func readsInMemory(
    _ image: UnsafeRawBufferPointer, memory: ReaderMemory, path: PageVector, pages: MutablePageVector
  ) throws -> Int {
    // SNIPPET
    let storage = MemoryStorage(PageVector(unsafeContiguous: image))
    let superblock = try Superblock(reading: storage)
    var volume = Volume(storage, superblock: superblock, memory: memory)
    let inode = try volume.inode(at: path)
    let count = try volume.read(inode, at: 0, into: pages)
    // END
    return count
  }

  func lists(_ path: String, print: (Any...) -> Void) throws {
    // SNIPPET
    let reader = try ImageReader(ImageFile(path))
    for file in try reader.files(matching: "/contents/text-*") { print(file.size, file.modified, file.name) }
    // END
    // SNIPPET
    reader.forEachFile(matching: "**", onError: { error in print(error) }) { file in print(file.kind, file) }
    // END
    // SNIPPET
    for entry in try reader.entries(of: "/") { print(entry.nid, entry.text) }
    // END
  }

  func reads(_ reader: ImageReader, _ name: String) throws -> (content: [UInt8], parts: [[UInt8]], bytes: UInt64) {
    // SNIPPET
    let file = try reader.file(at: name)
    let content = try reader.contents(of: file)
    let part = try reader.read(file, at: 1000, count: 4096)
    // END
    var read: [UInt8] = []
    // SNIPPET
    var cursor = reader.open(file)
    cursor.position = 1000
    while !cursor.isAtEnd { read += try cursor.read(count: 65536) }
    // END
    // SNIPPET
    var buffer = [UInt8](repeating: 0, count: 4096)
    var span = buffer.mutableSpan
    var bytes = span.mutableBytes
    let count = try reader.read(file, at: 1000, into: &bytes)
    // END
    // SNIPPET
    var dataBytes: UInt64 = 0
    try reader.forEachPiece(of: file.inode) { _, piece in
      switch piece {
      case .data(let bytes): dataBytes += UInt64(bytes.count)
      case .hole(let count): print("a hole of \(count) bytes")
      }
    }
    // END
    return (content, [part, read, Array(buffer[..<count])], dataBytes)
  }

  func extracts(_ path: String, to directory: String, print: @escaping @Sendable (Any) -> Void) throws {
    // SNIPPET
    let extractor = try Extractor(ImageFile(path)) { event in print(event) }
    let summary = try extractor.extract("/", into: directory)
    print("\(summary.names) names, \(summary.failures) failures")
    // END
  }

  func extractsInATask(_ path: String, to directory: String) async throws -> ExtractSummary {
    // SNIPPET
    let extractor = try Extractor(ImageFile(path))
    let summary = try await extractor.extract("/contents", into: directory)
    // END
    return summary
  }

  func checks(_ path: FilePath, print: @escaping @Sendable (Any) -> Void) throws {
    // SNIPPET
    let image = try ImageFile(path)
    let superblock = try Superblock(reading: image)
    let summary = Checker(image, superblock) { problem in print(problem) }.run()
    if summary.problems == 0 { print("\(summary.contentBytes) bytes of content, no errors") }
    // END
  }

  func readsInParallel(_ path: String, _ names: [String]) async throws -> (total: Int, streamed: Int) {
    // SNIPPET
    let pool = try ReaderPool(ImageFile(path))
    let total = try await withThrowingTaskGroup(of: Int.self) { group in
      for name in names {
        group.addTask { try pool.withReader { reader in try reader.contents(of: name).count } }
      }
      return try await group.reduce(0, +)
    }
    // END
    var bytes = 0
    for name in names {
      // SNIPPET
      for try await chunk in try pool.chunks(of: name, count: 1 << 16) { bytes += chunk.count }
      // END
    }
    return (total, bytes)
  }

  func makes(_ folder: String, _ image: FilePath) throws -> BuildSummary {
    // SNIPPET
    var options = BuildOptions()
    options.clusterSize = 65536
    options.encodings = [try Encoding(.zstd, level: 19, clusterSize: 65536)]
    let tree = try DirectoryOrigin(.directory(folder)).read()
    let summary = try ImageBuilder(options).build(tree, at: image)
    print("\(summary.inodes) inodes, \(summary.imageBytes) bytes")
    // END
    return summary
  }

  // MARK: They are what the documents show

  /// The lines of each part between two markers, without the indentation that they share.
  private static func parts(of text: String, from begin: (Substring) -> Bool, to end: String) -> [String] {
    var found: [String] = []
    var lines: [Substring]?
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      let trimmed = line.trimmingPrefix(while: \.isWhitespace)
      if begin(trimmed) {
        lines = []
      } else if trimmed == end, let part = lines {
        let indentation = part.filter { !$0.isEmpty }.map { $0.prefix { $0 == " " }.count }.min() ?? 0
        found.append(part.map { String($0.dropFirst(indentation)) }.joined(separator: "\n"))
        lines = nil
      } else {
        lines?.append(line)
      }
    }
    return found
  }

  @Test func documentsShowCodeThatIsCompiled() throws {
    let project = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
      .deletingLastPathComponent()
    func text(_ path: String) throws -> String {
      try String(contentsOf: project.appendingPathComponent(path), encoding: .utf8)
    }
    var snippets: Set<String> = []
    // The second is built and booted by the firmware's tests.
    for source in [
      "Tests/EROFSToolsTests/Command/DocumentationTests.swift", "Platforms/BareMetal/Examples/Swift/Example.swift",
    ] {
      snippets.formUnion(Self.parts(of: try text(source), from: { $0 == "// SNIPPET" }, to: "// END"))
    }
    #expect(snippets.count == 21)
    var documents = ["README.md"]
    for folder in [
      "Sources/Core/EROFS/EROFS.docc", "Sources/Core/Codecs/Codecs.docc", "Sources/Core/PageVectors/PageVectors.docc",
      "Sources/Host/EROFSTools/EROFSTools.docc", "Platforms/BareMetal/Library/EROFSFirmware.docc",
    ] {
      let names = try FileManager.default.contentsOfDirectory(atPath: project.appendingPathComponent(folder).path)
      documents += names.filter { $0.hasSuffix(".md") }.map { folder + "/" + $0 }
    }
    var shown: Set<String> = []
    for document in documents {
      for block in Self.parts(of: try text(document), from: { $0 == "```swift" }, to: "```") {
        // A snippet may end within a block of code that the document closes.
        let code = snippets.first { $0 == block || $0 + "\n}" == block }
        #expect(code != nil, "\(document): not compiled by any test: \(block.prefix(80))")
        if let code { shown.insert(code) }
      }
    }
    #expect(shown == snippets)
  }

  // MARK: They work

  @Test func makesAnImage() throws {
    let folder = TemporaryFolder()
    let source = folder("source")
    try FileManager.default.createDirectory(atPath: source, withIntermediateDirectories: true)
    try Data("text\n".utf8).write(to: URL(fileURLWithPath: source + "/file"))
    let summary = try makes(source, FilePath(folder("image")))
    #expect(summary.inodes == 2)
    #expect(try problems(of: folder("image")).isEmpty)
  }

  private static let image = "lz4hc-64k-tail"
  private static let file = "/contents/text-150000"

  @Test func readsAFileWithPlannedMemory() throws {
    let image = try ReferenceImages.image(Self.image)
    let storage = TestStorage([image], isMapped: false)
    let superblock = try Superblock(reading: storage)
    let memory = PlannedMemory(.maximum(for: superblock), pageShift: 12)
    let frames = ScatteredPages(count: 1 << 20)
    let pages = ScatteredPages(count: 150_000)
    let tables = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    defer { tables.deallocate() }
    let path = ScatteredPages(Array(Self.file.utf8))
    let row = try #require(ReferenceImages.manifest.first { $0.path == Array(Self.file.utf8) })
    let count = try readsWithPlannedMemory(
      storage, blocks: memory.memory, path: path.vector.readOnly, frames: frames.vector, tables: tables,
      pages: pages.vector)
    #expect(count == 150_000)
    #expect(sha256(pages.bytes) == row.sha256)
    let others = ScatteredPages(count: 150_000)
    let again = try Array(image).withUnsafeBytes {
      try readsInMemory($0, memory: memory.memory, path: path.vector.readOnly, pages: others.vector)
    }
    #expect(again == 150_000)
    #expect(sha256(others.bytes) == row.sha256)
  }

  @Test func readsAndLists() throws {
    let path = ReferenceImages.path(Self.image)
    let (content, parts, bytes) = try reads(try ReferenceImages.reader(Self.image), Self.file)
    let row = try #require(ReferenceImages.manifest.first { $0.path == Array(Self.file.utf8) })
    #expect(sha256(content) == row.sha256)
    #expect(parts == [Array(content[1000..<5096]), Array(content[1000...]), Array(content[1000..<5096])])
    #expect(bytes == 150_000)
    let printed = SynchronizedArray<String>()
    try lists(path) { items in printed.append(items.map { "\($0)" }.joined(separator: " ")) }
    #expect(printed.all.contains { $0.hasPrefix("150000 ") && $0.hasSuffix("Z text-150000") })
    #expect(printed.all.contains { $0 == "regular /contents/text-150000" })
    #expect(printed.all.contains { $0.hasSuffix(" contents") })
    let image = try ReferenceImages.image(Self.image)
    let names = try readsBytes(image)
    #expect(names.contains("text-150000") && !names.contains("."))
    #expect(try readsBytes([UInt8](image)) == names)
    #expect(try readsStorage(TestStorage([image], isMapped: false), Self.file) == content)
  }

  @Test func extractsAndChecks() async throws {
    let path = ReferenceImages.path(Self.image)
    let folder = TemporaryFolder()
    let printed = SynchronizedArray<String>()
    try extracts(path, to: folder("tree")) { printed.append("\($0)") }
    #expect(printed.all.last == "\(ReferenceImages.manifest.count - 1) names, 0 failures")
    #expect(try Data(contentsOf: URL(fileURLWithPath: folder("tree") + Self.file)).count == 150_000)
    #expect(try await extractsInATask(path, to: folder("part")).failures == 0)
    #expect(try Data(contentsOf: URL(fileURLWithPath: folder("part") + "/text-150000")).count == 150_000)
    try checks(FilePath(path)) { printed.append("\($0)") }
    #expect(printed.all.last?.hasSuffix(" bytes of content, no errors") == true)
  }

  @Test func readsInParallel() async throws {
    let read = try await readsInParallel(ReferenceImages.path(Self.image), [Self.file, Self.file, Self.file])
    #expect(read.total == 450_000)
    #expect(read.streamed == 450_000)
  }
}
