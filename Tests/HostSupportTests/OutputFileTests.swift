// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Foundation
import SystemPackage
import Testing

@testable import HostSupport

@Suite struct OutputFileTests {
  let folder: String

  init() throws {
    folder = NSTemporaryDirectory() + "/output-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  private var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: folder).sorted()) ?? [] }
  private func path(_ name: String) -> FilePath { FilePath(folder + "/" + name) }
  private func write(_ text: String, _ file: OutputFile, at offset: UInt64 = 0) throws {
    try Array(text.utf8).withUnsafeBytes { try file.write($0, at: offset) }
  }
  private func content(_ name: String) -> String? {
    FileManager.default.contents(atPath: folder + "/" + name).map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func itAppearsWhenItIsPublished() throws {
    let file = try OutputFile(path("image"))
    try write("whole", file, at: 2)
    try file.setSize(9)
    #expect(!names.contains("image"))
    try file.publish()
    #expect(names == ["image"])
    #expect(content("image") == "\0\0whole\0\0")
  }

  @Test func itReplacesAtOnceAndThroughALink() throws {
    try "old".write(toFile: folder + "/image", atomically: false, encoding: .utf8)
    try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: "image")
    let file = try OutputFile(path("link"))
    try write("new", file)
    #expect(content("image") == "old")
    try file.publish()
    #expect(names == ["image", "link"])
    #expect(content("image") == "new")
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder + "/link") == "image")
  }

  /// As open(2) with O_CREAT: also through several links, relative to where each is, and of what replaces them later.
  @Test func itMakesWhatALinkToNothingNames() throws {
    for (link, target) in [("link", "inner/second"), ("inner/second", "../image")] {
      try FileManager.default.createDirectory(atPath: folder + "/inner", withIntermediateDirectories: true)
      try FileManager.default.createSymbolicLink(atPath: "\(folder)/\(link)", withDestinationPath: target)
    }
    for text in ["new", "newer"] {
      let file = try OutputFile(path("link"))
      try write(text, file)
      try file.publish()
      #expect(names == ["image", "inner", "link"])
      #expect(content("image") == text && content("link") == text)
    }
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder + "/link") == "inner/second")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/inner") == ["second"])
    // Beside the file that is made, which is where its name will be.
    try FileManager.default.createSymbolicLink(atPath: folder + "/far", withDestinationPath: "inner/image")
    #expect(OutputFile.folder(forTemporaryFilesOf: path("far")) == path("inner"))
    #expect(path("link").place == path("image").place && path("far").place == path("inner/image").place)
  }

  @Test func whatALinkCannotReachIsRefused() throws {
    for (link, target) in [("lost", "none/image"), ("self", "self"), ("one", "two"), ("two", "one")] {
      try FileManager.default.createSymbolicLink(atPath: "\(folder)/\(link)", withDestinationPath: target)
    }
    let before = names
    for (link, reason) in [
      ("lost", Errno.noSuchFileOrDirectory), ("self", .tooManySymbolicLinkLevels), ("one", .tooManySymbolicLinkLevels),
    ] {
      let failure = #expect(throws: OutputFile.Failure.self) { try OutputFile(path(link)) }
      #expect(failure?.reason == reason)
    }
    #expect(names == before)
  }

  @Test(arguments: [0o600, 0o640, 0o444] as [mode_t]) func whatReplacesAFileIsAsPrivate(mode: mode_t) throws {
    try "old".write(toFile: folder + "/image", atomically: false, encoding: .utf8)
    #expect(chmod(folder + "/image", mode) == 0)
    // Only the superuser can have another's file.
    let owner: uid_t = geteuid() == 0 ? 1234 : geteuid()
    if geteuid() == 0 { #expect(chown(folder + "/image", owner, 4321) == 0) }
    let file = try OutputFile(path("image"))
    try write("new", file)
    try file.publish()
    var status = stat()
    #expect(stat(folder + "/image", &status) == 0)
    #expect(status.st_mode & 0o7777 == mode && status.st_uid == owner)
    if geteuid() == 0 { #expect(status.st_gid == 4321) }
    #expect(content("image") == "new")
  }

  @Test func whatIsDiscardedLeavesNothing() throws {
    try "old".write(toFile: folder + "/image", atomically: false, encoding: .utf8)
    do {
      let file = try OutputFile(path("image"))
      try write("new", file)
    }
    let file = try OutputFile(path("other"))
    try write("new", file)
    file.discard()
    #expect(names == ["image"])
    #expect(content("image") == "old")
  }

  @Test func whatIsNoFileIsRefused() throws {
    mkfifo(folder + "/fifo", 0o600)
    for path in [path("fifo"), FilePath(folder), "/dev/null"] {
      #expect(throws: OutputFile.UnsuitableDestination.self) { try OutputFile(path) }
    }
    #expect(throws: OutputFile.Failure.self) { try OutputFile(path("none/image")) }
  }

  @Test func aFullDeviceIsSaid() throws {
    // A file system of 64 KiB; making one needs root.
    let mount = folder + "/small"
    try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: true)
    guard getuid() == 0, Glibc.mount("tmpfs", mount, "tmpfs", 0, "size=64k") == 0 else { return }
    defer { umount(mount) }
    let file = try OutputFile(FilePath(mount + "/image"))
    let bytes = [UInt8](repeating: 1, count: 1 << 20)
    let failure = #expect(throws: OutputFile.Failure.self) { try bytes.withUnsafeBytes { try file.write($0, at: 0) } }
    #expect(failure?.reason == .noSpace)
    let text = failure.map { "\($0)" } ?? ""
    #expect(text.contains("; the file system at \(FilePath(mount)) has 0 bytes left: "), "\(text)")
    file.discard()
    #expect(try FileManager.default.contentsOfDirectory(atPath: mount).isEmpty)
  }
}
