// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import Foundation
import TestSupport
import Testing

@testable import EROFSTools

/// The built command, as a shell calls it.
@Suite struct DumpCommandTests {
  private static let image = ReferenceImages.path(ReferenceImages.among("lz4hc-64k", "lz4hc-16k-full-index")[0])

  @Test func dumpAsJSON() throws {
    let answer = try Command.erofs(
      "dump", "--superblock", "--statistics", "--extents", "/contents/text-150000", "--json", Self.image)
    #expect(answer.status == 0 && answer.errors.isEmpty)
    let json = try #require(answer.json)
    #expect((json["superblock"] as? [String: Any])?["block_size"] as? Int == 4096)
    #expect((json["statistics"] as? [String: Any])?["names"] as? Int == ReferenceImages.manifest.count)
    let extents = try #require(json["extents"] as? [String: Any])
    #expect(extents["size"] as? Int == 150_000)
    let rows = try #require(extents["extents"] as? [[String: Any]])
    #expect(rows.reduce(0) { $0 + ($1["length"] as? Int ?? 0) } == 150_000)
    #expect(rows.allSatisfy { $0["encoding"] as? String == "lz4" && $0["offset"] is Int })

    let nid = try #require(extents["nid"] as? Int)
    let byNumber = try #require(try Command.erofs("dump", "--nid", "\(nid)", "--json", Self.image).json)
    let list = try #require(byNumber["inode_extents"] as? [String: Any])
    #expect((list["extents"] as? [[String: Any]])?.count == rows.count)
    #expect(try Command.erofs("dump", Self.image).text.contains("block_size"))
  }

  @Test func planAsTextJSONAndPicture() throws {
    let picture = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).svg")
    defer { try? FileManager.default.removeItem(at: picture) }
    let text = try Command.erofs("plan", Self.image, "--svg", picture.path)
    #expect(text.status == 0)
    #expect(text.text.contains("largest: /contents/"))
    #expect(text.text.contains("z_erofs_lz4_decompress"))
    let parser = try Command.run(
      "/usr/bin/env", ["python3", "-c", "import sys, xml.dom.minidom as m; m.parse(sys.argv[1])", picture.path])
    #expect(parser.status == 0, "\(parser.errors)")
    let json = try #require(try Command.erofs("plan", "--json", "--mapped", "--whole", Self.image).json)
    #expect(json["storage"] as? String == "mapped" && json["depth"] as? String == "whole")
    let plan = try #require(json["plan"] as? [String: Int])
    let parts = PlanPart.allCases.reduce(0) { $0 + (plan[$1.key] ?? -1) }
    #expect(plan["total"] == parts)
    #expect(plan["file_stored"] == 0)
    #expect((json["linux"] as? [[String: Any]])?.count == 3)
  }

  @Test func simulateAsTextAndJSON() throws {
    let text = try Command.erofs("simulate", "--ram", "256K", "--way", "page-vectors", Self.image)
    #expect(text.status == 0)
    #expect(text.text.contains("=> page vectors  256K, worst:  every byte of every file is right"))
    let json = try #require(
      try Command.erofs("simulate", "--json", "--workers", "1", "--fragmentation", "none", "--ram", "8M", Self.image)
        .json)
    let run = try #require((json["runs"] as? [[String: Any]])?.first)
    #expect(run["ram"] as? Int == 8 << 20)
    let ways = try #require(run["ways"] as? [[String: Any]])
    #expect(ways.map { $0["way"] as? String } == ReadingWay.allCases.map(\.rawValue))
    #expect(ways.allSatisfy { $0["right"] as? Int == $0["files"] as? Int })
  }

  @Test(arguments: [
    (["simulate", image, "--ram", "1K"], 64), (["simulate", image, "--page", "5000"], 64),
    (["simulate", image, "--workers", "65"], 64), (["simulate", image, "--fragmentation", "some"], 64),
    (["plan", image, "--page", "1"], 64), (["plan", image, "/nonexistent"], 1), (["plan", "/dev/null"], 1),
    (["plan", image, "--svg", "/nonexistent/x.svg"], 1), (["dump", image, "--extents", "/nonexistent"], 1),
    (["dump", image, "--nid", "99999999"], 1), (["simulate", "/etc/passwd"], 1),
  ])
  func refusals(arguments: [String], status: Int) throws {
    let answer = try Command.run(arguments, calledAs: "erofs")
    #expect(answer.status == Int32(status))
    #expect(answer.errors.hasPrefix("erofs: ") && answer.text.isEmpty, "\(answer.errors)")
  }

  // MARK: What is generated

  @Test func manualPagesAreCurrent() throws {
    let project = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
      .deletingLastPathComponent()
    let answer = try Command.run(
      "/usr/bin/env", [project.appendingPathComponent("Tools/run").path, "manual", "--check", Command.path])
    #expect(answer.status == 0, "\(answer.text)")
  }

  /// The tool that boots images is found, and refuses this program.
  @Test func bootFindsItsTool() throws {
    let answer = try Command.run(Command.path, ["boot", "--init", "'"])
    #expect(answer.status == 64)
    #expect(answer.errors == "erofs: --init: No closing quotation\n")
  }

  /// The same for what changes a kernel's source; its words and options are handed on as they are.
  @Test func kernelFindsItsProgram() throws {
    for words in [["uninstall", "--check"], ["install", "--c", "/", "--check"]] {
      let answer = try Command.run(Command.path, ["kernel"] + words + ["/nonexistent"])
      #expect(answer.status == 1)
      #expect(answer.errors.hasPrefix("erofs-kernel: /nonexistent is not a kernel's source"), "\(answer.errors)")
    }
  }

  @Test(arguments: ["bash", "zsh", "fish"])
  func completions(shell: String) throws {
    let script = try Command.erofs("--generate-completion-script", shell)
    #expect(script.status == 0)
    for name in ["simulate", "fragmentation", "extract"] { #expect(script.text.contains(name)) }
    guard shell == "bash" else { return }
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).bash")
    try Data(script.text.utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    #expect(try Command.run("/usr/bin/env", ["bash", "-n", file.path]).status == 0)
  }
}
