// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTools
import Foundation
import TestSupport
import Testing

/// Extraction by somebody whom permissions bind.
@Suite struct OtherUserTests {
  private static let user = 65534
  private static let mkfs = Command.find("mkfs.erofs", amongPeers: true)
  private static let setpriv = Command.find("setpriv")
  private static let problem: String? =
    isSuperuser ? mkfs == nil ? "no mkfs.erofs" : setpriv == nil ? "no setpriv" : nil : "not the superuser"

  /// Directories that their owner may not enter, list or write to: each has to be filled, and to be moved, before it gets
  /// its permissions.
  @Test(.enabled(if: problem == nil, "\(problem ?? "")"))
  func closedDirectories() throws {
    let folder = TemporaryFolder()
    for mode in [0o000, 0o100, 0o300, 0o500, 0o555, 0o755] {
      for above in ["", "open/"] {
        let path = folder("source/\(above)\(String(mode, radix: 8))")
        try FileManager.default.createDirectory(atPath: path + "/below", withIntermediateDirectories: true)
        for file in ["/file", "/below/file"] { try Data("content".utf8).write(to: URL(fileURLWithPath: path + file)) }
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
      }
    }
    try FileManager.default.createDirectory(atPath: folder("target"), withIntermediateDirectories: true)
    for name in ["source", "target"] {
      #expect(try Command.run("/bin/chown", ["-R", "\(Self.user)", folder(name)]).status == 0)
    }
    // Compact inodes have no times of their own.
    let made = try Command.run(Self.mkfs!, ["-Eforce-inode-extended", folder("image"), folder("source")])
    try #require(made.status == 0, "\(made.errors)")
    // Where the tests are built, others may have no business.
    try FileManager.default.copyItem(atPath: Command.path, toPath: folder("erofs"))
    let outcome = try Command.run(
      Self.setpriv!,
      [
        "--reuid=\(Self.user)", "--clear-groups", folder("erofs"), "extract", "--preserve-perms", folder("image"),
        folder("target/tree"),
      ])
    #expect(outcome.status == 0)
    #expect(outcome.errors.isEmpty)
    let expected = try DiskTree(folder("source")).rows
    let rows = try DiskTree(folder("target/tree")).rows
    #expect(expected.count == 2 + 6 * 2 * 4)
    #expect(Set(rows.keys) == Set(expected.keys))
    for (path, row) in rows {
      if let want = expected[path] { #expect(row.differences(from: want).isEmpty, "\(path.printable)") }
    }
  }
}
