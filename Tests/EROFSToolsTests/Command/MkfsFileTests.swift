// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree
import Foundation
import TestSupport
import Testing

@testable import EROFSCommand

/// Files that are read and written: which may be the same, and how messages call them.
@Suite struct MkfsFileTests {
  let folder = TemporaryFolder()

  private func refusal(_ arguments: [String]) throws -> String {
    let request = try mkfsRequest(arguments)
    var options = request.options
    do { _ = try request.readTree(MkfsWarnings(isStrict: false) { _ in }, &options) } catch { return "\(error)" }
    return "no error"
  }

  private func refusal(_ line: String) throws -> String {
    try refusal(line.split(separator: " ").map { String($0).replacing("@", with: folder("")) })
  }

  /// A directory, an archive, a list with a content, and options that come from files.
  private func makeSources() throws {
    for name in ["source/lib", "source/var"] {
      try FileManager.default.createDirectory(atPath: folder(name), withIntermediateDirectories: true)
    }
    for name in ["source/lib/file", "source/var/blocks", "data", "hints"] {
      _ = try folder.write(Array("# nothing\n".utf8), name)
    }
    _ = try folder.write(Array("file /named data 0644 0 0\n".utf8), "list")
    _ = try folder.write([UInt8](repeating: 0, count: 1024), "tar")
    try FileManager.default.createSymbolicLink(atPath: folder("link"), withDestinationPath: "source/lib/file")
    try FileManager.default.linkItem(atPath: folder("data"), toPath: folder("other-name"))
  }

  // MARK: What is written

  @Test(arguments: [
    (
      "--block-list-file=@source/lib/file @image @source",
      "source/lib/file: the list of blocks cannot replace a file of the source"
    ),
    ("--vmdk-desc @link @image @source", "link: the disk descriptor cannot replace a file of the source"),
    (
      "--chunksize=4096 --blobdev=@source/lib/file @image @source",
      "the blob device cannot replace a file of the source"
    ),
    ("--block-list-file=@tar --tar=f @image @tar", "tar: the list of blocks cannot replace the source"),
    ("--ungzip=@tar --tar=f @image @tar", "tar: the decompressed archive cannot replace the source"),
    ("--gzinfo=@tar --tar=f @image @tar", "tar: the index of the archive cannot replace the source"),
    ("--tar=i,@tar @image @tar", "tar: the map of blocks cannot replace the source"),
    ("--tar=f @tar @tar", "tar: an image cannot be made of itself"),
    ("--list @list @list", "list: an image cannot be made of itself"),
    ("--list @list --vmdk-desc=@list @image", "list: the disk descriptor cannot replace the source"),
    ("--list @list @data @", "data: the image cannot replace a file of the source, the content of /named"),
    (
      "--list @list --block-list-file @data @image @",
      "data: the list of blocks cannot replace a file of the source, the"
    ),
    ("-zlz4 --compress-hints=@hints @hints @source", "hints: the image cannot replace what --compress-hints reads"),
    ("--exclude-path-from=@hints --block-list-file=@hints @image @source", "what --exclude-path-from reads"),
    (
      "--block-list-file=@new --vmdk-desc=@./new @image @source",
      "the disk descriptor and the list of blocks cannot be the same file"
    ),
    ("--tar=f --ungzip=@image @image @tar", "the decompressed archive and the image cannot be the same file"),
  ]) func whatIsReadIsNotReplaced(line: String, words: String) throws {
    try makeSources()
    let before = try contents()
    let reason = try refusal(line)
    #expect(reason.contains(words), "\(reason)")
    #expect(try contents() == before)
  }

  private func contents() throws -> [String: Data] {
    var found: [String: Data] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: folder.path) {
      found[name] = FileManager.default.contents(atPath: folder(name))
    }
    return found
  }

  /// What the image has no file of may be replaced, and so may another name of a file.
  @Test(arguments: [
    "--exclude-path=var/blocks --block-list-file=@source/var/blocks @image @source",
    "--exclude-regex=^var$ --block-list-file=@source/var/blocks @image @source",
    "--block-list-file=@source/var/new @image @source", "--list @list --block-list-file @other-name @image @",
    "@source/var/blocks @source",
  ]) func whatIsNotReadIsReplaced(_ line: String) throws {
    try makeSources()
    #expect(try refusal(line) == "no error")
  }

  // MARK: Messages

  @Test func aListHasTheLocationInItsMessages() throws {
    let list = try folder.write(Array("dir /d 0755 0 0\nfile /named sub/none 0644 0 0\n".utf8), "bad")
    let reason = "cannot be examined: No such file or directory"
    #expect(
      try refusal(["--list", list, folder("image"), folder.path])
        == "\(list), line 2: \(folder.path)/sub/none \(reason)")
    #expect(try refusal(["--list", list, folder("image")]) == "\(list), line 2: sub/none \(reason)")
    let absolute = try folder.write(Array("file /named /none/x 0644 0 0\n".utf8), "absolute")
    #expect(
      try refusal(["--list", absolute, folder("image"), folder.path]) == "\(absolute), line 1: /none/x \(reason)")
  }

  /// As the user named the source, whatever slashes it ends with.
  @Test func filesOfDirectoriesHaveTheirPaths() throws {
    let error = EROFSTree.TreeError.system(.open, path: Array("lib/file".utf8), errno: EACCES)
    let advice = "cannot be opened: Permission denied; leave it out, or read the source as a user who may read it"
    func text(_ line: String, _ error: EROFSTree.TreeError) throws -> String { try mkfsRequest(line).text(of: error) }
    #expect(try text("OUT \(folder.path)", error) == "\(folder.path)/lib/file \(advice)")
    #expect(try text("OUT /", error) == "/lib/file \(advice)")
    #expect(try text("OUT .", error) == "./lib/file \(advice)")
    #expect(try text("--tar OUT \(folder.path)", error) == "/lib/file \(advice)")
    let root = EROFSTree.TreeError.changed(.kind, path: [])
    #expect(try text("OUT \(folder.path)", root).hasPrefix("\(folder.path) is now another"))
    // What is wrong with the image's files, not with those of the source.
    let other = EROFSTree.TreeError.notListed(path: Array("lib/file".utf8), in: "table")
    #expect(try text("OUT \(folder.path)", other) == "/lib/file has no line in table")
  }

  /// Of a file that goes away after the tree was read, as of one that cannot be read at all.
  @Test func theCommandNamesFilesOfTheSource() throws {
    try makeSources()
    for (arguments, name) in [
      ([folder("source")], "source/lib/pipe"), (["--list", folder("list"), folder.path], "data"),
    ] {
      let victim = folder(name)
      var request = try mkfsRequest(arguments.dropLast() + [folder("image"), arguments.last!])
      if name != "data" { _ = try folder.write([1], name) }
      let tree = try request.readTree(MkfsWarnings(isStrict: false) { _ in }, &request.options)
      try FileManager.default.removeItem(atPath: victim)
      var opener = ContentOpener(tree)
      let entry = try #require(tree.entry(at: name == "data" ? "named" : "lib/pipe"))
      do {
        _ = try opener.open(entry)
        Issue.record("it was opened")
      } catch { #expect(request.text(of: error).hasPrefix("\(victim) no longer exists since the tree was read")) }
    }
  }

  // MARK: Images

  /// As in mkfs.erofs: digests are not attributes that files had.
  @Test func digestsAreStoredWithoutOtherAttributes() throws {
    try makeSources()
    let arguments = ["mkfs", "-q", "--strict", "-x-1", "--xattr-inode-digest", folder("image"), folder("source")]
    let outcome = try Command.run(Command.path, arguments)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try Command.erofs("stat", "--json", folder("image"), "/lib/file").text.contains("erofs.fingerprint.v1"))
  }

  @Test func sizesOfHintsAreNotRounded() throws {
    try makeSources()
    let hints = try folder.write(Array("0x2000 lib\n5000 var\n".utf8), "wrong")
    let outcome = try Command.erofs(
      "mkfs", "-q", "-zlz4", "-C65536", "--compress-hints", hints, folder("image"), folder("source"))
    #expect(outcome.status == 64)
    #expect(outcome.errors.contains("line 2 of the compress hints: cluster size 5000: it must be 0, or a multiple of"))
    #expect(outcome.errors.contains("write 4096 or 8192\n"))
  }
}
