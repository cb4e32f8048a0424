// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree
import Foundation
import TestSupport
import Testing

@testable import EROFSCommand

/// What a command line makes of its source before there is an image.
@Suite struct MkfsTreeTests {
  let folder = TemporaryFolder()

  /// A directory with a file in each of the folders `etc`, `var/cache` and `boot`, and a hard link.
  private func source() throws -> String {
    let root = folder("source")
    for (path, text) in [("etc/hostname", "host\n"), ("var/cache/big", "cached\n"), ("boot/kernel", "code\n")] {
      let file = URL(fileURLWithPath: root).appendingPathComponent(path)
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
    try FileManager.default.linkItem(atPath: root + "/etc/hostname", toPath: root + "/etc/again")
    return root
  }

  private func tree(_ arguments: String..., sourceDate: String? = nil) throws -> (tree: Tree, warnings: [String]) {
    let request = try mkfsRequest(arguments + [folder("image")], sourceDate: sourceDate)
    return try read(request)
  }

  /// With the source as the last word.
  private func tree(of source: String, _ line: String = "", sourceDate: String? = nil) throws -> (
    tree: Tree, warnings: [String]
  ) {
    let words = line.split(separator: " ").map(String.init)
    return try read(try mkfsRequest(words + [folder("image"), source], sourceDate: sourceDate))
  }

  private func read(_ request: MkfsRequest) throws -> (tree: Tree, warnings: [String]) {
    let warnings = MkfsWarnings(isStrict: request.isStrict) { _ in }
    var options = request.options
    return (try request.readTree(warnings, &options), warnings.all)
  }

  private func paths(_ tree: Tree) -> [String] { tree.walk().map { $0.path.printable } }

  private func metadata(_ tree: Tree, _ path: String) throws -> Metadata { tree[try #require(tree.entry(at: path))] }

  private func refusal(_ body: () throws -> Void) -> String {
    do { try body() } catch { return "\(error)" }
    return "no error"
  }

  // MARK: Sources

  @Test func readsADirectory() throws {
    let (tree, warnings) = try tree(of: try source())
    #expect(
      paths(tree) == [
        "", "boot", "boot/kernel", "etc", "etc/again", "etc/hostname", "var", "var/cache", "var/cache/big",
      ])
    let entry = try #require(tree.entry(at: "etc/again"))
    #expect(tree.linkCount(of: tree.inode(of: entry)) == 2 && warnings.isEmpty)
  }

  @Test func readsAList() throws {
    _ = try folder.write(Array("content".utf8), "file")
    let list = try folder.write(
      Array("dir /dev 0755 0 0\nnod /dev/null 0666 0 0 c 1 3\nfile /etc/x file 0600 7 8\n".utf8), "list")
    let tree = try tree(of: folder.path, "--list \(list)").tree
    #expect(try metadata(tree, "dev/null").device == DeviceNumber(major: 1, minor: 3))
    #expect(try metadata(tree, "etc/x").user == 7 && metadata(tree, "etc/x").permissions == 0o600)
    let wrong = try folder.write(Array("dir /dev 0755 0\n".utf8), "wrong")
    #expect(refusal { _ = try self.tree("--list", wrong) }.contains("wrong, line 1: a group ID is missing"))
  }

  /// An archive with a device, whether its format is stated or seen.
  @Test(arguments: ["", "--cpio"]) func readsAnArchive(_ option: String) throws {
    var bytes: [UInt8] = []
    func add(_ name: String, mode: UInt32, device: UInt32, links: UInt32 = 1) {
      let fields = [1, mode, 0, 0, links, 9, 0, 0, 0, device >> 8, device & 255, UInt32(name.utf8.count) + 1, 0]
      bytes += Array("070701".utf8)
      for field in fields {
        let digits = String(field, radix: 16)
        bytes += Array((String(repeating: "0", count: 8 - digits.count) + digits).utf8)
      }
      bytes += Array(name.utf8) + [0]
      while bytes.count % 4 != 0 { bytes.append(0) }
    }
    add("console", mode: 0o020600, device: 5 << 8 | 1)
    add("TRAILER!!!", mode: 0, device: 0)
    let archive = try folder.write(bytes, "archive.cpio")
    let tree = try tree(of: archive, option).tree
    #expect(try metadata(tree, "console").device == DeviceNumber(major: 5, minor: 1))
    #expect(try metadata(tree, "console").time == Time(seconds: 9))
  }

  /// The command adds a tree to an image, as often as one likes; one that is none stays what it is.
  @Test func addsToAnImage() throws {
    let image = folder("image")
    for (number, names) in [["a/x", "a/y", "b"], ["a/y", "c/z"], ["b/is-a-directory-now"]].enumerated() {
      let source = folder("source-\(number)")
      for name in names {
        let path = "\(source)/\(name)"
        try FileManager.default.createDirectory(
          atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(repeating: UInt8(number), count: 20_000).write(to: URL(fileURLWithPath: path))
      }
      let outcome = try Command.run(
        Command.path, ["mkfs", "--quiet", "-zlz4hc"] + (number == 0 ? [] : ["--incremental"]) + [image, source])
      #expect(outcome.status == 0, "\(outcome.errors)")
    }
    let list = try Command.run(Command.path, ["ls", "-R", image])
    #expect(
      list.text.split(separator: "\n").filter { !$0.isEmpty && !$0.hasSuffix(":") }
        == ["a", "b", "c", "x", "y", "is-a-directory-now", "z"], "\(list.text)")
    for (name, number) in [("a/x", 0), ("a/y", 1), ("c/z", 1), ("b/is-a-directory-now", 2)] {
      let content = try Command.run(Command.path, ["cat", image, "/\(name)"]).output
      #expect(content == Data(repeating: UInt8(number), count: 20_000), "\(name)")
    }
    #expect(try Command.run(Command.path, ["fsck", image]).status == 0)
    let contradiction = try Command.run(
      Command.path, ["mkfs", "--incremental", "--offset=4096", image, folder("source-0")])
    let words = "--incremental and --offset cannot be used together"
    #expect(contradiction.status == 64 && contradiction.errors.contains(words), "\(contradiction.errors)")
    let text = try folder.write(Array("text".utf8), "text")
    let refused = try Command.run(Command.path, ["mkfs", "--incremental", text, folder("source-0")])
    #expect(refused.status != 0 && refused.errors.contains("no EROFS image"))
    #expect(try String(contentsOfFile: text, encoding: .utf8) == "text")
  }

  @Test func refusesOtherSources() throws {
    func reason(_ path: String, _ line: String = "") -> String { refusal { _ = try tree(of: path, line) } }
    let text = try folder.write(Array("text".utf8), "text")
    #expect(
      reason(text).hasSuffix(
        "text: a source is a directory, a tar archive, a cpio archive of the format newc or an EROFS image, and this is none"
      ))
    #expect(reason(text, "--cpio").contains("at byte 0 of the archive"))
    var tar = [UInt8](repeating: 0, count: 1024)
    tar.replaceSubrange(257..<262, with: Array("ustar".utf8))
    #expect(reason(try folder.write(tar, "tar")).contains("at byte 0 of the archive: this is no tar archive"))
    #expect(reason(ReferenceImages.path("lz4hc-16k-full-index")).hasSuffix("--clean=data copies contents"))
    #expect(reason(folder("nothing")).hasSuffix("nothing: No such file or directory"))
    #expect(reason("/dev/null").contains("this is none"))
    // Nothing writes to it, and nothing waits for that.
    #expect(mkfifo(folder("fifo"), 0o600) == 0)
    #expect(reason(folder("fifo")).contains("this is none"))
  }

  // MARK: Edits

  @Test func leavesOut() throws {
    let root = try source()
    #expect(
      paths(try tree(of: root, "--exclude-path=var --exclude-path /etc/again").tree).filter { $0.hasPrefix("var") }
        == [])
    #expect(!paths(try tree(of: root, "--exclude-regex=^boot/.*").tree).contains("boot/kernel"))
    let names = try folder.write(Array("# comment\netc\nvar/cache\n".utf8), "paths")
    #expect(paths(try tree(of: root, "--exclude-path-from \(names)").tree) == ["", "boot", "boot/kernel", "var"])
    let patterns = try folder.write(Array("^etc\nkern.l$\n".utf8), "patterns")
    #expect(
      paths(try tree(of: root, "--exclude-regex-from=\(patterns)").tree) == [
        "", "boot", "var", "var/cache", "var/cache/big",
      ])
    let wrong = try folder.write(Array("ok\n(\n".utf8), "bad")
    #expect(refusal { _ = try tree(of: root, "--exclude-regex-from \(wrong)") }.contains("bad, line 2"))
  }

  /// It would be an old image in the new one.
  @Test func leavesOutTheImageThatIsReplaced() throws {
    let root = try source()
    let image = root + "/etc/image"
    func found() throws -> (tree: Tree, warnings: [String]) { try read(try mkfsRequest([image, root])) }
    #expect(try found().warnings.isEmpty)
    try Data("old".utf8).write(to: URL(fileURLWithPath: image))
    #expect(try !paths(found().tree).contains("etc/image"))
    #expect(try found().warnings == ["\(image): left out: it is the image that is replaced"])
    #expect(try paths(found().tree).contains("etc/hostname"))
  }

  @Test func setsOwnersTimesAndLinks() throws {
    let root = try source()
    let edited = try tree(
      of: root, "--force-uid=1000 --force-gid=0x10 --uid-offset=5 --hard-dereference -T 1700000000"
    ).tree
    for path in ["", "etc", "etc/hostname", "boot/kernel"] {
      let found = try metadata(edited, path)
      #expect(found.user == 1005 && found.group == 16 && found.time == Time(seconds: 1_700_000_000))
    }
    let entry = try #require(edited.entry(at: "etc/again"))
    #expect(edited.linkCount(of: edited.inode(of: entry)) == 1)
    let date = Date(timeIntervalSince1970: 1_000_000_000)
    try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: root + "/boot/kernel")
    let clamped = try tree(of: root, "-T 5", sourceDate: "1500000000").tree
    #expect(try metadata(clamped, "boot/kernel").time == Time(seconds: 1_000_000_000))
    #expect(try metadata(clamped, "etc/hostname").time == Time(seconds: 1_500_000_000))
    #expect(
      refusal { _ = try tree(of: root, "--all-root --uid-offset=-1") }.contains("is not between 0 and 4294967295"))
  }

  @Test func labelsAndOwnersFromAndroidsFiles() throws {
    let root = try source()
    let owners = try folder.write(
      Array(
        """
        / 0 0 0755
        system/boot 0 0 0750
        system/boot/kernel 7 8 0640 capabilities=0x400
        system/etc 0 0 0755
        system/etc/again 0 0 0644
        system/etc/hostname 1 1 0600
        system/var 0 0 0755
        system/var/cache 0 0 0755
        system/var/cache/big 0 0 0644

        """.utf8), "fs_config")
    let contexts = try folder.write(
      Array("/system(/.*)? u:object_r:system_file:s0\n/system/boot/kernel u:object_r:kernel:s0\n".utf8), "contexts")
    let options = "--mount-point /system --product-out D --fs-config-file \(owners) --file-contexts \(contexts)"
    let found = try tree(of: root, options).tree
    let kernel = try #require(found.entry(at: "boot/kernel"))
    #expect(found[kernel].user == 7 && found[kernel].group == 8 && found[kernel].permissions == 0o640)
    #expect(found.attribute("security.selinux", of: found.inode(of: kernel)) == Array("u:object_r:kernel:s0".utf8))
    #expect(found.attribute("security.capability", of: found.inode(of: kernel))?.count == 20)
    let etc = try #require(found.entry(at: "etc"))
    #expect(found.attribute("security.selinux", of: found.inode(of: etc)) == Array("u:object_r:system_file:s0".utf8))
    // No attributes means none of these either.
    let bare = try tree(of: root, options + " -x-1").tree
    #expect(bare.walk().allSatisfy { bare.attributes(of: bare.inode(of: $0.entry)).isEmpty })
    let short = try folder.write(Array("/ 0 0 0755\n".utf8), "short")
    #expect(refusal { _ = try tree(of: root, "--fs-config-file \(short)") }.contains("/boot has no line in"))
    #expect(
      refusal { _ = try tree(of: root, "--file-contexts /nonexistent") } == "/nonexistent: No such file or directory")
  }

  // MARK: Warnings

  @Test func attributesThatImagesCannotHold() throws {
    let list = try folder.write(
      Array("dir /a 0755 0 0 xattr=user.good=1 xattr=btrfs.compression=zstd\n".utf8), "list")
    let (found, warnings) = try tree("--list", list)
    #expect(warnings == ["/a: left out: images cannot hold the extended attribute btrfs.compression"])
    let entry = try #require(found.entry(at: "a"))
    #expect(found.attributes(of: found.inode(of: entry)).map(\.name.printable) == ["user.good"])
    #expect(
      refusal { _ = try self.tree("--strict", "--list", list) }
        == "/a: left out: images cannot hold the extended attribute btrfs.compression (--strict)")
  }

  @Test func listsOfTheOrder() throws {
    let root = try source()
    let list = try folder.write(Array("# hot\n/etc/hostname\nboot/old\n\"boot/older one\"\nvar\n".utf8), "list")
    let bad = try folder.write(Array("boot/kernel\nvar/cache big\n".utf8), "bad")
    func order(_ line: String) throws -> (FileOrder?, [String]) {
      let words = line.split(separator: " ").map(String.init)
      let request = try mkfsRequest(words + [folder("image"), root])
      let warnings = MkfsWarnings(isStrict: request.isStrict) { _ in }
      let found = try request.readOrder()
      var options = request.options
      if let found { try request.check(found, in: request.readTree(warnings, &options), warnings) }
      return (found, warnings.all)
    }
    for option in ["--order", "--hot-file-list"] {
      let (found, warnings) = try order("\(option) \(list)")
      #expect(
        warnings == [
          "left out: \(list), line 3: /boot/old does not exist in the tree (2 paths of the list do not)"
        ])
      let tree = try tree(of: root).tree
      #expect(found?.entries(in: tree).entries.map { tree.path(of: $0).printable } == ["etc/hostname", "var"])
    }
    #expect(try order("").0 == nil)
    #expect(refusal { _ = try order("--strict --order \(list)") }.hasSuffix("(--strict)"))
    #expect(refusal { _ = try order("--order \(bad)") } == "\(bad), line 2: \"big\" was not expected here")
    #expect(refusal { _ = try order("--order /nonexistent") } == "/nonexistent: No such file or directory")
  }
}
