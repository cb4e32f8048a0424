// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTools
import Foundation
import TestSupport
import Testing

/// What a mount by `erofs mount` shows, compared with the manifest and with the kernel's own EROFS.
@Suite(.enabled(if: Mounted.problem == nil, "\(Mounted.problem ?? "")"))
struct MountTests {
  /// An image that the kernel mounts, nil if it cannot.
  private final class KernelMounted {
    private let folder = TemporaryFolder()
    private let loops: [String]
    var path: String { folder.path }

    init?(_ name: String) {
      guard let mount = Command.find("mount"), let losetup = Command.find("losetup") else { return nil }
      loops = ReferenceImages.devices(name).compactMap { device in
        let outcome = try? Command.run(losetup, ["--find", "--show", "--read-only", device])
        return outcome?.status == 0 ? outcome?.text.trimmingCharacters(in: .newlines) : nil
      }
      let options = (["ro", "loop"] + loops.map { "device=" + $0 }).joined(separator: ",")
      let words = ["-t", "erofs", "-o", options, ReferenceImages.path(name), folder.path]
      guard (try? Command.run(mount, words).status) == 0 else { return nil }
    }

    deinit {
      umount2(path, 0)
      for loop in loops { _ = try? Command.run(Command.find("losetup")!, ["--detach", loop]) }
    }
  }

  /// What stat says beyond the manifest.
  private struct Details: Equatable {
    var links: UInt64
    var blocks: Int64
    var size: Int64
    var type: UInt32

    init(_ path: String) {
      var status = stat()
      lstat(path, &status)
      links = UInt64(status.st_nlink)
      blocks = Int64(status.st_blocks)
      size = Int64(status.st_size)
      type = UInt32(status.st_mode & S_IFMT)
    }
  }

  @Test(arguments: ReferenceImages.names)
  func readsAsTheManifestSays(name: String) throws {
    let mounted = try Mounted(name)
    let tree = try DiskTree(mounted.path)
    let expected = ReferenceExtractionTests.expected
    #expect(Set(tree.rows.keys) == Set(expected.keys))
    for (path, row) in tree.rows {
      guard let want = expected[path] else { continue }
      #expect(row.differences(from: want).isEmpty, "\(path.printable): \(row.differences(from: want))")
    }
    var status = statvfs()
    #expect(statvfs(mounted.path, &status) == 0)
    let superblock = try ReferenceImages.reader(name).superblock
    #expect(Int(status.f_bsize) == superblock.blockSize)
    #expect(UInt64(status.f_blocks) == superblock.blockCount)
    #expect(UInt64(status.f_files) == superblock.inodeCount)
    #expect(status.f_bfree == 0 && status.f_namemax == 255)

    guard let kernel = KernelMounted(name) else { return }
    for path in tree.rows.keys {
      guard let text = String(validating: path, as: UTF8.self) else { continue }
      #expect(Details(mounted.path + text) == Details(kernel.path + text), "\(path.printable)")
    }
    let theirs = try DiskTree(kernel.path)
    #expect(theirs.allocated == tree.allocated)
    for (path, row) in theirs.rows { #expect(tree.rows[path]?.differences(from: row) == [], "\(path.printable)") }
  }

  /// Nothing in a mount can be changed, whatever the options say.
  @Test func nothingCanBeChanged() throws {
    let mounted = try Mounted("plain-512", "-o", "rw")
    let file = mounted("contents/text-150000")
    #expect(access(file, R_OK) == 0)
    #expect(open(file, O_RDWR) < 0 && errno == EROFS)
    #expect(mkdir(mounted("new"), 0o755) < 0 && errno == EROFS)
    #expect(unlink(file) < 0 && errno == EROFS)
    #expect(chmod(file, 0o600) < 0 && errno == EROFS)
    #expect(access(mounted("no such name"), F_OK) < 0 && errno == ENOENT)
    // What the kernel keeps of a name that is not there is true, too.
    #expect(access(mounted("no such name"), F_OK) < 0 && errno == ENOENT)
  }

  private static let mkfs = Command.find("mkfs.erofs", amongPeers: true)

  /// An image of what a script makes in an empty directory.
  private func image(_ script: String, _ options: String...) throws -> TemporaryFolder {
    let folder = TemporaryFolder()
    try FileManager.default.createDirectory(atPath: folder("tree"), withIntermediateDirectories: false)
    let made = try Command.run("/bin/bash", ["-c", "set -e; cd \"$0\"; " + script, folder("tree")])
    #expect(made.status == 0, "\(made.errors)")
    let outcome = try Command.run(Self.mkfs!, options + [folder("image"), folder("tree")])
    #expect(outcome.status == 0, "\(outcome.errors)")
    return folder
  }

  /// A directory of many blocks, listed from its beginning and from places in it.
  @Test(.enabled(if: mkfs != nil, "no mkfs.erofs"))
  func aLargeDirectoryIsListedFromAnyPlace() throws {
    let folder = try image("seq -f 'name-%.0f' 1 30000 | xargs touch")
    let mounted = try Mounted(image: folder("image"))
    let stream = try #require(opendir(mounted.path))
    defer { closedir(stream) }
    func name(_ entry: UnsafeMutablePointer<dirent>) -> String {
      withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
    var names: [String] = []
    var places: [Int] = []
    places.append(telldir(stream))
    while let entry = readdir(stream) {
      names.append(name(entry))
      places.append(telldir(stream))
    }
    #expect(Set(names) == Set([".", ".."] + (1...30000).map { "name-\($0)" }))
    #expect(names.count == 30002)
    for index in stride(from: names.count - 1, through: 0, by: -1999) {
      seekdir(stream, places[index])
      let entry = try #require(readdir(stream))
      #expect(name(entry) == names[index])
    }
    rewinddir(stream)
    #expect(readdir(stream).map(name) == names[0])
  }

  /// Others may read what the image's access control lists permit, and no more.
  @Test(.enabled(if: mkfs != nil && Command.find("setpriv") != nil, "no mkfs.erofs, or no setpriv"))
  func accessControlListsCount() throws {
    // The owner may write; user 65534 may read; group and others may do nothing.
    let list = "0x0200000001000600ffffffff02000400feff000004000000ffffffff10000400ffffffff20000000ffffffff"
    let folder = try image(
      """
      echo text >listed; echo text >plain; chmod 640 listed plain
      python3 -c 'import os, sys; os.setxattr("listed", "system.posix_acl_access", bytes.fromhex(sys.argv[1]))' \(list.dropFirst(2))
      """)
    let mounted = try Mounted(image: folder("image"), ["-o", "allow_other"])
    chmod(mounted.folder.path, 0o755)
    func read(_ name: String) throws -> Int32 {
      let words = ["--reuid=65534", "--regid=65534", "--clear-groups", "cat", mounted(name)]
      return try Command.run(Command.find("setpriv")!, words).status
    }
    #expect(try read("listed") == 0)
    #expect(try read("plain") != 0)
  }

  /// A file that is broken is an error for whoever reads it, and a line for whoever started the mount.
  @Test func aBrokenFileIsAnErrorOfItsOwn() throws {
    var patch = try ImagePatch("plain-512")
    let inode = try patch.inode("/contents/text-150000")
    patch.set(Field<ExtendedInodeRecord, UInt16>.format, 0xFFFF, at: Int(inode.offset))
    let folder = TemporaryFolder()
    let image = try folder.write(patch.sealed, "image")
    let directory = folder("mounted")
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
    let running = try Command.start(Command.path, ["mount", "--foreground", image, directory], countsCoverage: true)
    #expect(waits { Mounted.isMounted(directory) })
    #expect(open(directory + "/contents/text-150000", O_RDONLY) < 0 && errno == EUCLEAN)
    let rows = ReferenceImages.manifest.filter { $0.kind == "file" && $0.path != Array("/contents/text-150000".utf8) }
    for row in rows {
      guard let path = String(validating: row.path, as: UTF8.self) else { continue }
      #expect(FileManager.default.contents(atPath: directory + path).map { sha256($0) } == row.sha256)
    }
    // Its name is listed all the same.
    let names = try FileManager.default.contentsOfDirectory(atPath: directory + "/contents")
    #expect(names.contains("text-150000"))
    #expect(try Command.erofs("umount", directory).status == 0)
    let outcome = try running.finish()
    #expect(outcome.status == 0)
    let lines = outcome.errors.split(separator: "\n").filter { $0.contains("inode \(inode.nid):") }
    #expect(lines.count == 1, "\(outcome.errors)")
  }
}
