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
    let inode = try reader.inode(at: "/etc/hostname".utf8)
    try reader.forEachPiece(of: inode) { offset, piece in
      if case .data(let bytes) = piece { print(offset, bytes.count) }
    }
    // END
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

  func lists(_ path: FilePath, print: (Any...) -> Void) throws {
    // SNIPPET
    let reader = try ImageReader(ImageFile(path))
    let root = try reader.volume.inode(reader.superblock.rootNID)
    reader.forEachNode(from: root, onError: { path, error in print(path.printable, error) }) { node in
      print(node.inode.modeText, node.inode.size, node.path.printable)
    }
    // END
    // SNIPPET
    let directory = try reader.inode(at: "/".utf8)
    for entry in try reader.entries(of: directory) where !entry.isDotOrDotDot { print(entry.nid, entry.name.printable) }
    // END
  }

  func reads(_ reader: ImageReader, _ name: [UInt8]) throws -> (content: [UInt8], part: [UInt8]) {
    // SNIPPET
    let inode = try reader.inode(at: name)
    var content: [UInt8] = []
    try reader.forEachPiece(of: inode) { _, piece in
      switch piece {
      case .data(let bytes): content += bytes
      case .hole(let count): content += repeatElement(0, count: Int(count))
      }
    }
    // END
    // SNIPPET
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = try bytes.withUnsafeMutableBytes { buffer in
      try reader.volume.read(inode, at: 1000, into: MutablePageVector(unsafeContiguous: buffer))
    }
    // END
    return (content, Array(bytes[..<count]))
  }

  func extracts(_ path: FilePath, to directory: FilePath, print: @escaping @Sendable (Any) -> Void) throws {
    // SNIPPET
    let image = try ImageFile(path)
    let reader = try ImageReader(image)
    let extractor = Extractor(image, reader.superblock) { event in print(event) }
    let root = try reader.volume.inode(reader.superblock.rootNID)
    let summary = try extractor.run(root, name: [], into: directory)
    print("\(summary.names) names, \(summary.failures) failures")
    // END
  }

  func checks(_ path: FilePath, print: @escaping @Sendable (Any) -> Void) throws {
    // SNIPPET
    let image = try ImageFile(path)
    let superblock = try Superblock(reading: image)
    let summary = Checker(image, superblock) { problem in print(problem) }.run()
    if summary.problems == 0 { print("\(summary.contentBytes) bytes of content, no errors") }
    // END
  }

  func readsInParallel(_ path: FilePath, _ parts: [[[UInt8]]]) async throws -> UInt64 {
    // SNIPPET
    let image = try ImageFile(path)
    let total = try await withThrowingTaskGroup(of: UInt64.self) { group in
      for part in parts {
        group.addTask {
          let reader = try ImageReader(image)
          var bytes: UInt64 = 0
          for name in part { bytes += try reader.forEachPiece(of: reader.inode(at: name)) { _, _ in } }
          return bytes
        }
      }
      return try await group.reduce(0, +)
    }
    // END
    return total
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
    #expect(snippets.count == 14)
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
    let path = FilePath(ReferenceImages.path(Self.image))
    let (content, part) = try reads(try ReferenceImages.reader(Self.image), Array(Self.file.utf8))
    let row = try #require(ReferenceImages.manifest.first { $0.path == Array(Self.file.utf8) })
    #expect(sha256(content) == row.sha256)
    #expect(part == Array(content[1000..<5096]))
    let printed = SynchronizedArray<String>()
    try lists(path) { items in printed.append(items.map { "\($0)" }.joined(separator: " ")) }
    #expect(printed.all.contains { $0.hasSuffix(" 150000 contents/text-150000") })
    #expect(printed.all.contains { $0.hasSuffix(" contents") && !$0.hasPrefix("d") })
  }

  @Test func extractsAndChecks() throws {
    let path = FilePath(ReferenceImages.path(Self.image))
    let folder = TemporaryFolder()
    let printed = SynchronizedArray<String>()
    try extracts(path, to: FilePath(folder("tree"))) { printed.append("\($0)") }
    #expect(printed.all.last == "\(ReferenceImages.manifest.count - 1) names, 0 failures")
    #expect(try Data(contentsOf: URL(fileURLWithPath: folder("tree") + Self.file)).count == 150_000)
    try checks(path) { printed.append("\($0)") }
    #expect(printed.all.last?.hasSuffix(" bytes of content, no errors") == true)
  }

  @Test func readsInParallel() async throws {
    let name = Array(Self.file.utf8)
    let total = try await readsInParallel(FilePath(ReferenceImages.path(Self.image)), [[name, name], [name], []])
    #expect(total == 450_000)
  }
}
