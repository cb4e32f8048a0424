// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTools
import Foundation
import TestSupport
import Testing

/// Trees of this machine, made into images by the system's mkfs.erofs, as the running kernel reads them and as they
/// are extracted.
@Suite struct KernelTests {
  private static let mkfs = Command.find("mkfs.erofs", amongPeers: true)

  /// What this mkfs.erofs can make; the distribution's may know LZ4 only.
  static let options: [[String]] = [
    ["-zlz4hc", "-C65536"], ["-zlz4", "-Eztailpacking"], ["-zlzma", "-Efragments,dedupe"], ["-zzstd", "-Efragments"],
    ["-zdeflate,9", "-C16384"],
  ].filter { options in
    guard let mkfs else { return false }
    let folder = TemporaryFolder()
    return (try? Command.run(mkfs, options + [folder("image"), "/etc/ssl"]))?.status == 0
  }

  static let reason: String? = {
    guard isSuperuser else { return "mounting takes the superuser" }
    guard mkfs != nil else { return "no mkfs.erofs" }
    guard let mount = Command.find("mount") else { return "no mount" }
    let folder = TemporaryFolder()
    try? FileManager.default.createDirectory(atPath: folder("m"), withIntermediateDirectories: true)
    let image = ReferenceImages.path("plain-4k")
    guard (try? Command.run(mount, ["-t", "erofs", "-o", "loop,ro", image, folder("m")]))?.status == 0 else {
      return "the kernel does not mount EROFS images"
    }
    _ = try? Command.run(Command.find("umount") ?? "umount", [folder("m")])
    return nil
  }()

  @Test(
    .enabled(if: reason == nil, "\(reason ?? "")"),
    arguments: options)
  func readsAsTheKernelDoes(options: [String]) throws {
    let folder = TemporaryFolder()
    try FileManager.default.createDirectory(atPath: folder("source"), withIntermediateDirectories: true)
    let copied = try Command.run("/bin/cp", ["-a", "/etc", "/usr/share/zoneinfo", folder("source")])
    try #require(copied.status == 0)
    let made = try Command.run(Self.mkfs!, options + [folder("image"), folder("source")])
    try #require(made.status == 0, "\(made.errors)")
    #expect(try problems(of: folder("image")).isEmpty)
    #expect(try extract(folder("image"), to: folder("tree")).summary.failures == 0)
    try FileManager.default.createDirectory(atPath: folder("mounted"), withIntermediateDirectories: true)
    let mounted = try Command.run(
      Command.find("mount")!, ["-t", "erofs", "-o", "loop,ro", folder("image"), folder("mounted")])
    try #require(mounted.status == 0, "\(mounted.errors)")
    defer { _ = try? Command.run(Command.find("umount")!, [folder("mounted")]) }
    let expected = try DiskTree(folder("mounted")).rows
    let rows = try DiskTree(folder("tree")).rows
    #expect(rows.count > 100)
    #expect(Set(rows.keys) == Set(expected.keys))
    for (path, row) in rows {
      if let want = expected[path] { #expect(row.differences(from: want).isEmpty, "\(path.printable)") }
    }
  }
}
