// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTools
import Foundation
import PageVectors
import TestSupport
import Testing

/// What the README shows compiles, and does what it says.
@Suite struct ReadmeTests {
  func printsLengths() throws {
    // README
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
    // README
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

  @Test func examplesAreInTheReadme() throws {
    let source = try String(contentsOfFile: #filePath, encoding: .utf8).split(
      separator: "\n", omittingEmptySubsequences: false)
    let project = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let readme = try String(contentsOf: project.appendingPathComponent("README.md"), encoding: .utf8)
    var examples: [[Substring]] = []
    var isInside = false
    for line in source {
      switch line.trimmingCharacters(in: .whitespaces) {
      case "// README":
        isInside = true
        examples.append([])
      case "// END": isInside = false
      default: if isInside { examples[examples.count - 1].append(line.dropFirst(4)) }
      }
    }
    #expect(examples.count == 2)
    for example in examples { #expect(readme.contains(example.joined(separator: "\n")), "\(example.first ?? "")") }
  }

  @Test func readsAFile() throws {
    let storage = TestStorage([try ReferenceImages.image("lz4hc-64k-tail")], isMapped: false)
    let superblock = try Superblock(reading: storage)
    let memory = PlannedMemory(.maximum(for: superblock), pageShift: 12)
    let frames = ScatteredPages(count: 1 << 20)
    let pages = ScatteredPages(count: 150_000)
    let tables = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    defer { tables.deallocate() }
    let path = ScatteredPages(Array("/contents/text-150000".utf8))
    let count = try readsWithPlannedMemory(
      storage, blocks: memory.memory, path: path.vector.readOnly, frames: frames.vector, tables: tables,
      pages: pages.vector)
    #expect(count == 150_000)
    let row = try #require(ReferenceImages.manifest.first { $0.path == Array("/contents/text-150000".utf8) })
    #expect(sha256(pages.bytes) == row.sha256)
  }
}
