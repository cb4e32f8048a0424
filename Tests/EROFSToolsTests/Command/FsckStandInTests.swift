// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTools
import Foundation
import TestSupport
import Testing

/// The command under the name of fsck.erofs, and beside the program of that name.
@Suite struct FsckStandInTests {
  let folder = TemporaryFolder()
  private let program: String

  /// fsck.erofs 1.9, nil where there is none: older ones have other options, and do not know all that images hold.
  static let real: String? = {
    guard let program = Command.find("fsck.erofs", amongPeers: true) else { return nil }
    return (try? Command.run(program, ["-V"]))?.text.contains(" 1.9") == true ? program : nil
  }()

  init() throws {
    program = folder("fsck.erofs")
    try FileManager.default.createSymbolicLink(atPath: program, withDestinationPath: Command.path)
  }

  private func run(_ arguments: [String]) throws -> Outcome { try Command.run(program, arguments) }

  private static let image = ReferenceImages.path("lz4hc-16k-full-index")

  static let commandLines: [[String]] = [
    [image], ["--extract", image], ["-p", image], ["-d3", image], ["-d", "0", image], ["-a", "-A", "-y", image], ["-V"],
    ["--help"], [], ["--nonsense", image], [image, image], ["--extract=/", image], ["--preserve", image],
    ["--overwrite", image], ["--path=/links", image], ["--path=/nonexistent", image], ["--nid=40000000", image],
    ["--xattr-inode-digest", image],
    ["--no-sbcrc", image], ["/dev/null"], ["--offset=16", image], ["/nonexistent"], ["--off=0", image],
  ]

  @Test(.enabled(if: real != nil, "no fsck.erofs 1.9"), arguments: commandLines)
  func exitsAsTheRealOneDoes(arguments: [String]) throws {
    let real = try Command.run(Self.real!, arguments)
    let ours = try run(arguments)
    #expect(ours.status == real.status, "\(ours.errors) instead of \(real.errors)")
    #expect(ours.errors.contains("No errors found") == real.errors.contains("No errors found"))
  }

  @Test func saysWhatScriptsLookFor() throws {
    #expect(try run(["-d3", Self.image]).errors == "<I> erofs: No errors found\n")
    #expect(try run([Self.image]).errors.isEmpty)
    #expect(try run(["-d9", "-p", "--extract", Self.image]).errors.contains("<I> erofs: Compression ratio: "))
    let bad = try folder.write(
      Array(try ReferenceImages.image("lz4hc-16k-full-index")).enumerated().map { $0 == 1090 ? 88 : $1 }, "bad")
    let outcome = try run([bad])
    #expect(outcome.status == 1)
    #expect(outcome.errors.hasSuffix("<E> erofs: Found some filesystem corruption\n"))
    #expect(try run(["--no-sbcrc", bad]).status == 0)
  }

  @Test(
    .enabled(if: real != nil, "no fsck.erofs 1.9"),
    arguments: ["lz4hc-16k-full-index", "plain-512", "zstd-48bit-64k", "lzma-1k-64k-tail"].filter {
      ReferenceImages.names.contains($0)
    })
  func extractsAsTheRealOneDoes(name: String) throws {
    let image = ReferenceImages.path(name)
    let theirs = try Command.run(Self.real!, ["--extract=" + folder("theirs"), image])
    #expect(theirs.status == 0)
    #expect(try run(["--extract=" + folder("ours"), image]).status == 0)
    let expected = try DiskTree(folder("theirs")).rows
    let rows = try DiskTree(folder("ours")).rows
    #expect(Set(rows.keys) == Set(expected.keys))
    for (path, row) in rows {
      guard var want = expected[path] else { continue }
      // Device numbers above 255 it gets wrong.
      if want.device != nil { want.device = row.device }
      #expect(row.differences(from: want).isEmpty, "\(path.printable)")
    }
    #expect(rows.values.allSatisfy { $0.xattrs.isEmpty })
  }

  @Test func extractsASingleFile() throws {
    #expect(try run(["--extract=" + folder("file"), "--path=/links/hard-1", Self.image]).status == 0)
    let row = try #require(ReferenceImages.manifest.first { $0.path == Array("/links/hard-1".utf8) })
    #expect(sha256(try Data(contentsOf: URL(fileURLWithPath: folder("file")))) == row.sha256)
    #expect(try run(["--extract=" + folder("file"), "--path=/links/hard-1", Self.image]).status == 1)
    #expect(try run(["--overwrite", "--extract=" + folder("file"), "--path=/links/hard-1", Self.image]).status == 0)
  }

  @Test func keepsAttributesOnlyWhenAsked() throws {
    #expect(try run(["--extract=" + folder("with"), "--xattrs", "--path=/xattrs", Self.image]).status == 0)
    #expect(try DiskTree(folder("with")).rows[Array("/one".utf8)]?.xattrs.count == 1)
  }
}
