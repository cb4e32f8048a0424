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

  /// Runs the command as that user, where it lies in `folder`: where the tests are built, others may have no business.
  private func run(_ arguments: String..., in folder: TemporaryFolder) throws -> Outcome {
    if !FileManager.default.fileExists(atPath: folder("erofs")) {
      try FileManager.default.copyItem(atPath: Command.path, toPath: folder("erofs"))
    }
    return try Command.run(
      Self.setpriv!, ["--reuid=\(Self.user)", "--regid=\(Self.user)", "--clear-groups", folder("erofs")] + arguments)
  }

  /// A folder that the user may write to, with a copy of an image.
  private func prepare(_ image: String) throws -> TemporaryFolder {
    let folder = TemporaryFolder()
    try FileManager.default.copyItem(atPath: ReferenceImages.path(image), toPath: folder("image"))
    #expect(try Command.run("/bin/chown", ["\(Self.user):\(Self.user)", folder.path]).status == 0)
    return folder
  }

  private static let image = "lz4hc-16k-full-index"

  /// All that needs no rights is there; what does is named, once each, and is no failure.
  @Test(.enabled(if: problem == nil, "\(problem ?? "")"))
  func whatNeedsNoRights() throws {
    let folder = try prepare(Self.image)
    let outcome = try run("extract", folder("image"), folder("tree"), in: folder)
    #expect(outcome.status == 0)
    let rows = try DiskTree(folder("tree")).rows
    let expected = ReferenceImages.manifest.filter { $0.device == nil }
    #expect(expected.count < ReferenceImages.manifest.count)
    #expect(Set(rows.keys) == Set(expected.map(\.path)))
    let mine = Array("user.".utf8)
    for row in expected {
      var want = row
      (want.uid, want.gid) = (UInt32(Self.user), UInt32(Self.user))
      want.mode = row.kind == "symlink" ? 0o777 : row.mode & 0o755
      want.xattrs = row.xattrs.filter { ["file", "directory"].contains(row.kind) && $0.key.starts(with: mine) }
      var found = try #require(rows[row.path])
      found.xattrs = found.xattrs.filter { $0.key.starts(with: mine) }
      #expect(found.differences(from: want).isEmpty, "\(row.path.printable): \(found.differences(from: want))")
    }
    let lines = outcome.errors.split(separator: "\n")
    #expect(lines.filter { $0.contains("the device was not created: Operation not permitted") }.count == 1)
    #expect(lines.filter { $0.contains("extended attributes were not set: Operation not permitted") }.count == 1)
    #expect(lines.count == 2, "\(outcome.errors)")
  }

  /// Owners are left out where they are asked for, and that is said.
  @Test(.enabled(if: problem == nil, "\(problem ?? "")"))
  func ownersThatAreAskedFor() throws {
    let folder = try prepare(Self.image)
    let outcome = try run("extract", "--preserve", "--no-xattrs", folder("image"), folder("tree"), in: folder)
    #expect(outcome.status == 0)
    let lines = outcome.errors.split(separator: "\n")
    #expect(lines.filter { $0.contains("the owner was not set: Operation not permitted") }.count == 1)
    #expect(lines.count == 2, "\(outcome.errors)")
    let rows = try DiskTree(folder("tree")).rows
    #expect(rows.values.allSatisfy { Int($0.uid) == Self.user })
    for row in ReferenceImages.manifest where row.kind == "file" { #expect(rows[row.path]?.mode == row.mode) }
  }

  /// What cannot be begun, or not be made, is a failure with a path.
  @Test(.enabled(if: problem == nil, "\(problem ?? "")"))
  func placesThatAreNotTheirs() throws {
    let folder = try prepare(Self.image)
    try FileManager.default.createDirectory(atPath: folder("closed"), withIntermediateDirectories: true)
    for target in ["closed", "closed/new"] {
      let outcome = try run("extract", folder("image"), folder(target), in: folder)
      #expect(outcome.status == 1)
      #expect(outcome.errors == "erofs: \(folder(target)): Permission denied\n")
    }
    // A part of the target is somebody else's.
    for name in ["tree", "tree/links", "tree/own"] {
      try FileManager.default.createDirectory(atPath: folder(name), withIntermediateDirectories: true)
    }
    #expect(try Command.run("/bin/chown", ["\(Self.user):\(Self.user)", folder("tree")]).status == 0)
    let outcome = try run("extract", "--no-xattrs", folder("image"), folder("tree"), in: folder)
    #expect(outcome.status == 1)
    for line in ["dangling: creating it", "hard-1: linking it to /directories/hard-3"] {
      #expect(outcome.errors.contains("erofs: /links/\(line) failed: Permission denied\n"), "\(outcome.errors)")
    }
    let rows = try DiskTree(folder("tree")).rows
    for row in ReferenceImages.manifest where row.device == nil {
      let isBelow = row.path.starts(with: Array("/links/".utf8))
      #expect((rows[row.path] == nil) == isBelow, "\(row.path.printable)")
    }
    #expect(!rows.keys.contains { $0.printable.contains(".erofs-") })
    #expect(try Command.run("/bin/chmod", ["600", folder("image")]).status == 0)
    let unreadable = try run("extract", folder("image"), folder("tree-2"), in: folder)
    #expect(unreadable.status == 1)
    #expect(unreadable.errors == "erofs: \(folder("image")): Permission denied\n")
  }

  /// A run that ends early takes things out of directories that have got their permissions already.
  @Test(.enabled(if: problem == nil, "\(problem ?? "")"))
  func closedDirectoriesOfAStoppedRun() throws {
    let folder = try prepare(Self.image)
    _ = try folder.write(WorkLimitTests.sharedDirectoryAttributes(), "image")
    try FileManager.default.createDirectory(atPath: folder("tree"), withIntermediateDirectories: true)
    #expect(try Command.run("/bin/chown", ["\(Self.user):\(Self.user)", folder("tree")]).status == 0)
    let outcome = try run("extract", folder("image"), folder("tree"), in: folder)
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("--no-limit"))
    #expect(outcome.errors.contains("everything that it created was removed"), "\(outcome.errors)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder("tree")).isEmpty)
  }

  /// Directories that their owner may not enter, list or write to: each has to be filled, and to be moved, before it
  /// gets its permissions.
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
      #expect(try Command.run("/bin/chown", ["-R", "\(Self.user):\(Self.user)", folder(name)]).status == 0)
    }
    // Compact inodes have no times of their own.
    let made = try Command.run(Self.mkfs!, ["-Eforce-inode-extended", folder("image"), folder("source")])
    try #require(made.status == 0, "\(made.errors)")
    let outcome = try run("extract", "--preserve-perms", folder("image"), folder("target/tree"), in: folder)
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
