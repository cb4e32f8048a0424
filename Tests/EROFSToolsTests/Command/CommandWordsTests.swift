// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import Foundation
import TestSupport
import Testing

@testable import EROFSTools

/// What the command says when something is not as its user thinks.
@Suite struct CommandWordsTests {
  let folder = TemporaryFolder()
  private static let image = ReferenceImages.path("plain-512")

  private func lines(_ outcome: Outcome) -> [Substring] { outcome.errors.split(separator: "\n") }

  // MARK: Extraction

  /// What exists already is said once, and only what was written is counted.
  @Test func existingFiles() throws {
    let first = try Command.erofs("extract", Self.image, folder("out"))
    #expect(first.status == 0)
    let second = try Command.erofs("extract", Self.image, folder("out"))
    #expect(second.status == 1)
    let said = lines(second).filter { $0.contains("exists already (--overwrite replaces it)") }
    #expect(said.count == 1, "\(second.errors)")
    #expect(second.text.contains("names existed already"))
    #expect(second.text.contains(" 0 bytes"), "\(second.text)")
    #expect(try Command.erofs("extract", "--overwrite", Self.image, folder("out")).status == 0)
    // Nothing temporary is left.
    let left = try FileManager.default.subpathsOfDirectory(atPath: folder("out")).filter { $0.contains(".erofs-") }
    #expect(left.isEmpty)
  }

  @Test func leftOutIsCounted() {
    var summary = ExtractSummary()
    summary.names = 3
    summary.leftOut = [.device: 4, .attributes: 7]
    #expect(summary.text == "3 names, 0 bytes; not set: 7 extended attributes, 4 devices")
  }

  // MARK: Images that are cut off, devices that are missing

  @Test func cutOff() throws {
    let bytes = Array(try ReferenceImages.image("plain-512"))
    let path = try folder.write(bytes.prefix(bytes.count / 8), "cut")
    let words = "the file is cut off: it has \((bytes.count / 8).grouped) of \(bytes.count.grouped) bytes"
    for arguments in [["info", path], ["ls", "-R", path], ["fsck", path]] {
      let outcome = try Command.run(Command.path, arguments)
      #expect(outcome.status == 1)
      #expect(outcome.errors.contains(words), "\(outcome.errors)")
      #expect(!outcome.errors.contains("data outside the image"), "\(outcome.errors)")
    }
    let fsck = try Command.erofs("fsck", path)
    #expect(fsck.text.contains("more of the same cause"))
    let short = try Command.erofs("info", try folder.write(bytes.prefix(1300), "short"))
    #expect(short.errors.hasPrefix("erofs: \(folder("short")): "))
    #expect(try Command.erofs("info", try folder.write([], "empty")).errors.contains("the file is empty"))
  }

  @Test func missingDevice() throws {
    let path = ReferenceImages.path("chunks-64k-device")
    let whole = try Command.erofs("fsck", "--json", path, "--device", ReferenceImages.devices("chunks-64k-device")[0])
    let without = try Command.erofs("fsck", "--json", path)
    let (all, some) = (whole.json?["content_bytes"] as? Int ?? 0, without.json?["content_bytes"] as? Int ?? 0)
    #expect(some < all)
    #expect((without.json?["more_problems_of_the_same_cause"] as? Int ?? 0) > 0)
  }

  // MARK: Symbolic links

  /// An image with /etc/os-release -> ../lib/release, /up -> /etc, and a circle.
  private func linked() throws -> String {
    var image = CraftedImage()
    func file(_ text: String, _ mode: UInt16) -> UInt64 {
      let at = image.add([], alignment: 4096)
      image.add(Array(text.utf8))
      image.add([], alignment: 4096)
      return CraftedImage.nid(
        at: image.addInode(
          CraftedImage.inode(.flatPlain, mode: mode, size: UInt64(text.utf8.count), union: UInt32(at / 4096))))
    }
    func directory(_ names: [CraftedImage.Name]) -> UInt64 {
      let content = CraftedImage.directory(names)
      let at = image.add(content, alignment: 4096)
      image.add([], alignment: 4096)
      return CraftedImage.nid(
        at: image.addInode(
          CraftedImage.inode(
            .flatPlain, mode: 0o40755, size: UInt64(content.count), union: UInt32(at / 4096), links: 2)))
    }
    func name(_ text: String, _ nid: UInt64, _ kind: InodeKind) -> CraftedImage.Name {
      .init(name: Array(text.utf8), nid: nid, kind: kind)
    }
    let release = file("ID=test\n", 0o100644)
    let link = file("../lib/release", 0o120777)
    let up = file("/../etc/.", 0o120777)
    let circle = file("circle", 0o120777)
    let etc = directory([name("os-release", link, .symbolicLink)])
    let lib = directory([name("release", release, .regular)])
    return try folder.write(
      image.complete([
        name("etc", etc, .directory), name("lib", lib, .directory), name("up", up, .symbolicLink),
        name("circle", circle, .symbolicLink),
      ]), "linked")
  }

  @Test func linksAreFollowedInside() throws {
    let path = try linked()
    for name in ["/etc/os-release", "/up/os-release", "lib/../up/../etc/os-release", "/../lib/release"] {
      let outcome = try Command.erofs("cat", path, name)
      #expect(outcome.text == "ID=test\n", "\(name): \(outcome.errors)")
    }
    #expect(try Command.erofs("ls", path, "/up").text == "os-release\n")
    #expect(try Command.erofs("ls", "-l", path, "/up").text.contains(" -> /../etc/."))
    for name in ["/circle", "/circle/x", "/lib/release/..", "/lib/release/x", "/none"] {
      #expect(try Command.erofs("cat", path, name).status == 1)
    }
  }

  // MARK: Arguments

  @Test(arguments: [
    (["info", "x", "--offset", "-1"], "--offset must not be negative"),
    (["fsck", "x", "--threads", "-3"], "--threads must not be negative"),
    (["inof"], "did you mean 'info'?"), (["extarct", "x"], "did you mean 'extract'?"),
    (["boot", "--ram", "1"], "--ram must be 2M to 2G"), (["boot", "--ram", "100"], "--ram must be 2M to 2G"),
    (["boot", "--ram", "512K"], "--ram must be 2M to 2G"), (["boot", "--ram", "x"], "'--ram <bytes>'"),
    (["kernel", "instal", "x"], "invalid choice: 'instal'"),
  ])
  func impossibleArguments(arguments: [String], words: String) throws {
    let outcome = try Command.run(Command.path, arguments)
    #expect(outcome.status == 64)
    #expect(outcome.errors.contains(words), "\(outcome.errors)")
  }

  @Test func bootLooksAtTheImage() throws {
    #expect(try Command.erofs("boot", "/nonexistent").status == 1)
    let zip = try Command.erofs("boot", try folder.write([0x1F, 0x8B] + [UInt8](repeating: 0, count: 5000), "f.gz"))
    #expect(zip.status == 1)
    #expect(zip.errors.contains("gzip data"))
    let none = try Command.erofs("boot", Self.image, "--init", "/none -x")
    #expect(none.status == 1)
    #expect(none.errors.contains("/none, the first program: no such file"))
  }

  // MARK: Output

  @Test func errorsAsJSON() throws {
    for arguments in [
      ["info", "--json", "/nonexistent"], ["ls", "/etc/passwd", "--json"], ["fsck", "--json"],
      ["plan", "--json", Self.image, "/none"],
    ] {
      let outcome = try Command.run(Command.path, arguments)
      #expect(outcome.status != 0)
      let text = try #require(outcome.json?["error"] as? String)
      #expect(outcome.errors == "erofs: \(text)\n")
    }
    #expect(try Command.erofs("info", "/nonexistent").output.isEmpty)
  }

  @Test func timesAreLocal() throws {
    func time(_ zone: String) throws -> String {
      try Command.run("/bin/sh", ["-c", "TZ=\(zone) exec \"$0\" ls -l \"$1\"", Command.path, Self.image]).text
    }
    #expect(try time("UTC") != time("XYZ-5"))
  }

  @Test func directoriesAreApart() throws {
    let text = try Command.erofs("ls", Self.image, "/links", "/names").text
    #expect(text.contains("\n\n/names:\n"))
    #expect(try Command.erofs("ls", "-R", Self.image).text.contains("\n\n/"))
  }

  @Test func progressFits() {
    for columns in [0, 1, 20, 40, 60, 80, 200] {
      let line = Progress.line(
        "extracting", share: 0.5, of: 100 << 20, speed: ", 120.5 MiB/s, 12 min 3 s left", columns: columns)
      #expect(line.count < max(1, columns))
    }
    let wide = Progress.line("checking", share: 0.5, of: 10 << 20, speed: ", 5.0 MiB/s", columns: 200)
    #expect(wide.hasSuffix(" 50 % of 10 MiB, 5.0 MiB/s"))
    #expect(wide.filter { $0 == "█" }.count == 20)
    let inodes = Progress.line("metadata", share: 0.25, of: 12_345, .inodes, speed: "", columns: 200)
    #expect(inodes.hasSuffix(" 25 % of 12,345 inodes"))
    #expect(Progress.line("verifying", share: 1, of: 0, speed: "", columns: 200) == "verifying")
  }
}
