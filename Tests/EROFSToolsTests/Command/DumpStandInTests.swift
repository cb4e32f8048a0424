// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import Foundation
import TestSupport
import Testing

@testable import EROFSTools

/// `dump.erofs`, against the program of that name where erofs-utils 1.9 is installed.
@Suite struct DumpStandInTests {
  private func ours(_ arguments: [String]) throws -> Outcome {
    try Command.run(arguments, calledAs: "dump.erofs")
  }

  private func devices(_ name: String) -> [String] { ReferenceImages.devices(name).map { "--device=" + $0 } }

  /// Both outputs, line by line.
  private func compare(_ arguments: [String], _ tame: (String) -> String? = { $0 }) throws {
    let peer = try Command.run(try #require(Command.dumpErofs), arguments)
    let own = try ours(arguments)
    #expect(peer.status == 0 && own.status == 0, "\(own.errors)")
    let lines = [own, peer].map { $0.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) }
    #expect(lines[0].compactMap(tame) == lines[1].compactMap(tame), "\(arguments)")
  }

  @Test(.enabled(if: Command.dumpErofs != nil), arguments: ReferenceImages.names)
  func superblockAndStatistics(name: String) throws {
    try compare(devices(name) + ["-s", "-S", ReferenceImages.path(name)])
    try compare(devices(name) + ["--blkid-udev", ReferenceImages.path(name)])
  }

  @Test(.enabled(if: Command.dumpErofs != nil), arguments: ReferenceImages.oneOfEachKind)
  func inodesAndExtents(name: String) throws {
    let reader = try ReferenceImages.reader(name)
    let wanted = [
      "/", "/contents", "/contents/alternating", "/contents/sparse", "/contents/text-150000", "/contents/zeros-300000",
      "/special/null", "/links", "/names",
    ]
    for path in wanted {
      let inode = try reader.inode(at: Array(path.utf8))
      let holes = try reader.extents(of: inode).contains { $0.place == .hole }
      let listing = inode.kind == .directory ? ["--ls"] : []
      try compare(devices(name) + ["-e", "--path=" + path, ReferenceImages.path(name)] + listing) { line in
        // dump.erofs divides by a size of zero, and repeats an old place where a chunk is a hole.
        if inode.size == 0, line.contains("Compression ratio") { return nil }
        return holes && line.contains(" | ") ? nil : line
      }
    }
  }

  @Test func contentAndNumbers() throws {
    let name = ReferenceImages.names.first { $0.hasPrefix("lz4") } ?? ReferenceImages.names[0]
    let image = ReferenceImages.path(name)
    let text = try ours(["--cat", "--path=/contents/text-150000", image])
    #expect(text.status == 0)
    let want = ReferenceImages.manifest.first { $0.path == Array("/contents/text-150000".utf8) }
    #expect(sha256(Data(text.text.utf8)) == want?.sha256)
    let inode = try ReferenceImages.reader(name).inode(at: Array("/contents".utf8))
    let byNumber = try ours(["--nid=\(inode.nid)", image])
    #expect(byNumber.text.hasPrefix("Path : /contents\n"))
    #expect(byNumber.text == (try ours(["--path", "/contents", image]).text))
    #expect(try ours([image]).text == (try ours(["-s", image]).text))
  }

  @Test(arguments: [
    ([], 1), (["-e", "x"], 1), (["--cat", "x"], 1), (["--nonsense", "x"], 1), (["a", "b"], 1), (["/nonexistent"], 1),
    (["--offset=x", "y"], 1), (["-V"], 0), (["--help"], 0),
  ])
  func status(arguments: [String], status: Int) throws {
    let answer = try ours(arguments)
    #expect(answer.status == Int32(status))
    #expect(answer.errors.isEmpty == (status == 0))
  }

  @Test(arguments: [
    ("--path=/no/such", "/no/such: no such file"), ("--nid=4611686018427387904", "nid 4611686018427387904: "),
  ])
  func whatIsMissingIsNamed(option: String, words: String) throws {
    #expect(try ours([option, ReferenceImages.path(ReferenceImages.names[0])]).errors.contains(words))
  }

  @Test func offsetIsSkipped() throws {
    let name = ReferenceImages.names[0]
    let folder = FileManager.default.temporaryDirectory
    let moved = folder.appendingPathComponent("\(UUID().uuidString).erofs")
    defer { try? FileManager.default.removeItem(at: moved) }
    try (Data(count: 5000) + ReferenceImages.image(name)).write(to: moved)
    #expect(try ours(["--offset=5000", moved.path]).text == (try ours([ReferenceImages.path(name)]).text))
    #expect(try ours([moved.path]).status == 1)
  }
}
