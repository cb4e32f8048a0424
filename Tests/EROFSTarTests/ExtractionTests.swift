// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTree
import Foundation
import Testing
import TreeSupport

/// The tree of an archive is what GNU tar and bsdtar extract from it: contents, metadata, attributes, links.
@Suite(.enabled(if: find("tar") != nil && find("bsdtar") != nil, "no tar or bsdtar")) struct ExtractionTests {
  /// What all formats can hold.
  private static let plain = """
    mkdir -p t/empty t/deep/er && cd t
    echo hello > a; ln a deep/hard; ln a zhard; : > nothing
    head -c 70001 /dev/urandom > deep/er/noise; head -c 512 /dev/urandom > block
    ln -s ../a deep/link; mkfifo -m 640 deep/fifo; chmod 1751 deep; chmod 4755 a
    if [ "$(id -u)" = 0 ]; then mknod null c 1 3; mknod disk b 8 70001; chown 12:70000 nothing; fi
    find . -exec touch -h -d @1700000000 {} +
    """

  /// What the formats with extended headers hold besides.
  private static let extended = """
    cd t
    name=$(head -c 200 /dev/zero | tr '\\0' n)
    mkdir -p "$name/$name"; echo long > "$name/$name/file"; ln "$name/$name/file" "$name/hard"
    ln -s "$name/$name/$name/target" longlink
    echo früh > "über den wolken"; printf 'new\\nline' > "$(printf 'a\\nb')"
    touch -d '1955-11-05 06:15:00.25 UTC' a; touch -d @-1.000000001 block; touch -d @1700000000.123456789 deep/er/noise
    touch -d '2300-01-01 UTC' nothing
    if [ "$(id -u)" = 0 ]; then chown 3000000000:4000000000 nothing; fi
    """

  private static let attributes = """
    cd t
    setfattr -n user.comment -v some=text a; setfattr -n user.empty -v "" a
    setfattr -n user.binary -v 0x00ff0a3d25 deep; setfattr -n "user.odd=%25name" -v 1 block
    setfacl -m u:1234:rw,g:4321:r nothing; setfacl -d -m u:77:rx deep
    if [ "$(id -u)" = 0 ]; then setfattr -n trusted.overlay.opaque -v y empty; fi
    true
    """

  private static let sparse = """
    cd t
    truncate -s 10M hole; truncate -s 3M end; printf start | dd of=end conv=notrunc status=none
    truncate -s 1000001 middle; printf middle | dd of=middle bs=1 seek=500000 conv=notrunc status=none
    i=0; truncate -s 9M many
    while [ $i -lt 70 ]; do printf "data $i" | dd of=many bs=4096 seek=$((i * 30)) conv=notrunc status=none; i=$((i + 1)); done
    printf x | dd of=many bs=1 seek=9437183 conv=notrunc status=none
    """

  private func check(_ folder: Folder, create: String, extract: String) throws {
    try run("/bin/sh", "-c", "cd t && \(create)", in: folder.path)
    try run("/bin/sh", "-c", "mkdir out && cd out && \(extract)", in: folder.path)
    // bsdtar leaves the root's metadata alone.
    let isBSD = extract.contains("bsdtar")
    let wanted = try lines(try tree(of: folder("out"))).dropFirst(isBSD ? 1 : 0)
    try run("/bin/rm", "-rf", folder("out"))
    #expect(wanted.count > 8)
    for piped in [false, true] {
      let found = try lines(try folder.read(folder("archive"), piped: piped)).dropFirst(isBSD ? 1 : 0)
      for (found, wanted) in zip(found, wanted) where found != wanted {
        Issue.record("\(create), piped \(piped): \(found) is \(wanted) in what was extracted")
        return
      }
      #expect(found.count == wanted.count)
    }
  }

  private static let gnu = "tar --numeric-owner --delay-directory-restore -xpf ../archive"
  private static let bsd = "bsdtar --numeric-owner -xpf ../archive"

  @Test(arguments: [
    "tar -c -H v7 -f ../archive .", "tar -c -H ustar -f ../archive .", "tar -c -H oldgnu -f ../archive .",
    "tar -c -H gnu -f ../archive .", "tar -c -H pax -f ../archive .", "bsdtar -c --format ustar -f ../archive .",
    "bsdtar -c --format gnutar -f ../archive .", "bsdtar -c --format pax -f ../archive .",
    "bsdtar -c --format v7 -f ../archive .",
    "find . | LC_ALL=C sort -r | tar -c -H gnu --no-recursion -T - -f ../archive",
  ]) func plainTrees(create: String) throws {
    let folder = Folder()
    // Devices are not in the oldest format.
    let setup = create.contains("v7") ? Self.plain.replacingOccurrences(of: "mknod", with: ": ") : Self.plain
    try run(
      "/bin/sh", "-c", create.contains("v7") ? setup + "\nrm deep/fifo; touch -d @1700000000 deep" : setup,
      in: folder.path)
    try check(folder, create: create, extract: create.contains("bsdtar") ? Self.bsd : Self.gnu)
    if !create.contains("find") { try check(folder, create: create, extract: Self.gnu) }
  }

  @Test(arguments: [
    "tar -c -H gnu -f ../archive .", "tar -c -H pax -f ../archive .", "bsdtar -c --format pax -f ../archive .",
    "tar -c -H pax --pax-option=globexthdr.name=g,comment=none -f ../archive .",
  ]) func namesTimesAndOwners(create: String) throws {
    let folder = Folder()
    try run("/bin/sh", "-c", Self.plain + "\ncd ..\n" + Self.extended, in: folder.path)
    // bsdtar writes and reads fractions of times before 1970 as if they were of times after.
    try check(folder, create: create, extract: Self.gnu)
  }

  @Test(
    .enabled(if: find("setfattr") != nil && find("setfacl") != nil, "no setfattr or setfacl"),
    arguments: [
      "tar -c -H pax --acls --xattrs --xattrs-include='*' -f ../archive .",
      "bsdtar -c --format pax --acls --xattrs -f ../archive .",
    ]) func attributes(create: String) throws
  {
    let folder = Folder()
    try run("/bin/sh", "-c", Self.plain + "\ncd ..\n" + Self.attributes, in: folder.path)
    // bsdtar extracts some names wrong that it writes right, so that the source is the judge.
    let extract =
      create.contains("bsdtar")
      ? "cp -a ../t/. ." : Self.gnu.replacingOccurrences(of: "-xpf", with: "--acls --xattrs --xattrs-include='*' -xpf")
    try check(folder, create: create, extract: extract)
    let tree = try folder.read(folder("archive"))
    #expect(tree.attribute("user.comment", of: tree.inode(of: tree.entry(at: "a")!)) == Array("some=text".utf8))
    #expect(tree.attributeNames.contains(Array("system.posix_acl_access".utf8)))
    #expect(tree.attributeNames.contains(Array("system.posix_acl_default".utf8)))
  }

  @Test(arguments: [
    "tar -c -S -H oldgnu -f ../archive .", "tar -c -S -H gnu -f ../archive .",
    "tar -c -S -H pax --sparse-version=0.0 -f ../archive .", "tar -c -S -H pax --sparse-version=0.1 -f ../archive .",
    "tar -c -S -H pax --sparse-version=1.0 -f ../archive .", "bsdtar -c --format pax --read-sparse -f ../archive .",
  ]) func sparseFiles(create: String) throws {
    let folder = Folder()
    try run("/bin/sh", "-c", Self.plain + "\ncd ..\n" + Self.sparse, in: folder.path)
    // GNU tar's own is the judge also of bsdtar's.
    try check(folder, create: create, extract: Self.gnu)
    let size = try FileManager.default.attributesOfItem(atPath: folder("archive"))[.size] as! Int
    #expect(size < 3_000_000)
    let tree = try folder.read(folder("archive"))
    var opener = ContentOpener(tree)
    let reader = try opener.open(tree.entry(at: "hole")!)
    #expect(try reader.data(after: 0) == nil)
    try reader.finish()
  }

  @Test(arguments: ["gzip", "bzip2", "xz", "lzip", "zstd", "lzma"]) func compressed(program: String) throws {
    guard let tool = find(program) else { return print("no \(program)") }
    let folder = Folder()
    try run("/bin/sh", "-c", Self.plain + "\ntar -c -f ../plain . && \(tool) -c ../plain > ../archive", in: folder.path)
    let wanted = try lines(try folder.read(folder("plain")))
    #expect(wanted.count > 8)
    for piped in [false, true] { #expect(try lines(try folder.read(folder("archive"), piped: piped)) == wanted) }
    // One that is cut, and one with a bit that is wrong.
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder("archive"))))
    try folder.write("cut", bytes.dropLast(bytes.count / 3))
    #expect(throws: TreeError.self) { try folder.read(folder("cut")) }
    if program != "lzma" {
      var wrong = bytes
      wrong[bytes.count / 2] ^= 0x10
      try folder.write("wrong", wrong)
      #expect(throws: TreeError.self) { try folder.read(folder("wrong"), piped: true) }
    }
  }
}
