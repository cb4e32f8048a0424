// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Foundation
import Testing

/// `./install`, with the command that was built with these tests.
@Suite struct InstallTests {
  let folder = TemporaryFolder()

  private func install(_ arguments: String...) throws -> Outcome {
    let project = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    return try Command.run(
      project.appendingPathComponent("install").path, ["--command", Command.path] + arguments)
  }

  @Test func installs() throws {
    let prefix = folder("usr")
    // Again over itself too.
    for _ in 0..<2 { #expect(try install(prefix).status == 0) }
    for name in ["bin/fsck.erofs", "bin/dump.erofs", "bin/mkfs.erofs"] {
      #expect(try Command.run(prefix + "/" + name, ["-V"]).text.hasPrefix(name.dropFirst(4)))
    }
    for name in [
      "sbin/mount.erofs", "bin/erofsfuse", "share/man/man1/erofs-fsck.1", "share/man/man1/fsck.erofs.1",
      "share/bash-completion/completions/erofs", "share/zsh/site-functions/_erofs",
      "share/fish/vendor_completions.d/erofs.fish",
    ] {
      #expect(FileManager.default.fileExists(atPath: prefix + "/" + name), "\(name)")
    }
  }

  /// Another program of the name of a link stays as it is, and nothing is installed beside it.
  @Test func keepsOtherPrograms() throws {
    let prefix = folder("usr")
    try FileManager.default.createDirectory(atPath: prefix + "/bin", withIntermediateDirectories: true)
    _ = try folder.write(Array("other".utf8), "usr/bin/mkfs.erofs")
    let refused = try install(prefix)
    #expect(refused.status == 1)
    #expect(refused.errors.contains("mkfs.erofs is another program"))
    #expect(!FileManager.default.fileExists(atPath: prefix + "/bin/erofs"))
    #expect(try install("--no-links", prefix).status == 0)
    #expect(try String(contentsOfFile: prefix + "/bin/mkfs.erofs", encoding: .utf8) == "other")
    #expect(try install().status == 64)
  }

  @Test(.enabled(if: Command.find("dpkg-deb") != nil, "no dpkg-deb"))
  func package() throws {
    #expect(try install("--deb", folder("erofs.deb")).status == 0)
    let list = try Command.run(Command.find("dpkg-deb")!, ["-c", folder("erofs.deb")]).text
    #expect(list.contains("./usr/bin/erofs\n") && list.contains("./usr/bin/fsck.erofs -> erofs\n"))
    #expect(list.contains(" root/root ") && !list.contains(" 0/1000 "))
    let version = try Command.run(Command.find("dpkg-deb")!, ["-f", folder("erofs.deb"), "Version"])
    #expect(version.text == (try Command.erofs("--version").text))
  }
}
