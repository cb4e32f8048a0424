// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTree
import Foundation
import Testing
import TreeSupport

/// What archives may have that the usual programs do not write, or not on demand.
@Suite struct MemberTests {
  private func paths(_ tree: Tree) -> [String] { tree.walk().map { String(decoding: $0.path, as: UTF8.self) } }
  private func text(_ path: String, in tree: Tree) throws -> String {
    String(decoding: try contents(path, in: tree), as: UTF8.self)
  }
  private func inode(_ path: String, in tree: Tree) throws -> Tree.InodeID {
    tree.inode(of: try #require(tree.entry(at: path)))
  }

  @Test(arguments: [false, true]) func namesStayInsideTheRoot(piped: Bool) throws {
    var archive = TarWriter()
    archive.add("./a//b/./c", Array("1".utf8))
    archive.add("/etc/passwd", Array("2".utf8))
    archive.add("../../../out", Array("3".utf8))
    archive.add("a/../../x/../y/z", Array("4".utf8))
    archive.add("a/", type: "5", mode: 0o700, time: 5)
    archive.add("old/", type: "\u{0}", mode: 0o711, magic: "")
    archive.add(".", type: "5", mode: 0o751, user: 9)
    archive.end()
    let tree = try Folder().read(archive, piped: piped)
    #expect(
      paths(tree) == ["", "a", "a/b", "a/b/c", "etc", "etc/passwd", "old", "out", "y", "y/z"])
    #expect(try text("y/z", in: tree) == "4" && text("out", in: tree) == "3")
    #expect(tree[Tree.root].permissions == 0o751 && tree[Tree.root].user == 9)
    #expect(tree[tree.entry(at: "a")!].permissions == 0o700 && tree.kind(of: tree.entry(at: "old")!) == .directory)
    #expect(tree.isImplied(tree.entry(at: "a/b")!) && !tree.isImplied(tree.entry(at: "a")!))
  }

  @Test func theLastOfSeveralCounts() throws {
    var archive = TarWriter()
    archive.add("f", Array("one".utf8))
    archive.add("hard", type: "1", link: "f")
    archive.add("f", Array("two".utf8), mode: 0o600)
    archive.add("d", type: "5")
    archive.add("d/kept", [1])
    archive.add("d", type: "5", mode: 0o700)
    archive.add("link", type: "2", link: "d")
    archive.add("link", type: "5")
    archive.add("link/inside", [2])
    archive.add("gone/file", [3])
    archive.add("gone", Array("file".utf8))
    // Without an end.
    let tree = try Folder().read(archive)
    #expect(try text("f", in: tree) == "two" && text("hard", in: tree) == "one" && text("gone", in: tree) == "file")
    #expect(tree.linkCount(of: try inode("hard", in: tree)) == 1)
    #expect(paths(tree) == ["", "d", "d/kept", "f", "gone", "hard", "link", "link/inside"])
    #expect(tree[tree.entry(at: "d")!].permissions == 0o700)
  }

  @Test(arguments: [false, true]) func hardLinksMayComeFirst(piped: Bool) throws {
    var archive = TarWriter()
    archive.add("third", type: "1", link: "./second")
    archive.add("replaced", type: "1", link: "f")
    archive.add("second", type: "1", link: "/f")
    archive.add("replaced", Array("own".utf8))
    archive.add("f", Array("content".utf8), mode: 0o640)
    // Old archives state a size; there is no content.
    archive.add("sized", type: "1", link: "f", size: 7)
    // Content that comes with the link.
    archive.add("empty")
    archive.add("filled", Array("later".utf8), type: "1", link: "empty")
    archive.end()
    let tree = try Folder().read(archive, piped: piped)
    #expect(try tree.linkCount(of: inode("f", in: tree)) == 4)
    for name in ["second", "third", "sized"] { #expect(try inode(name, in: tree) == inode("f", in: tree)) }
    #expect(try text("replaced", in: tree) == "own" && text("third", in: tree) == "content")
    #expect(try text("empty", in: tree) == "later" && text("filled", in: tree) == "later")

    for links in [[("a", "b"), ("b", "a")], [("a", "a")], [("a", "nothing")]] {
      var archive = TarWriter()
      for (name, target) in links { archive.add(name, type: "1", link: target) }
      archive.end()
      #expect(Folder().fault(archive) == .linkTarget)
    }
  }

  @Test func manyLinksInReverseTakeNoLongerThanInOrder() throws {
    var archive = TarWriter()
    for number in (0..<20000).reversed() { archive.add("l\(number + 1)", type: "1", link: "l\(number)") }
    archive.add("l0", [1])
    archive.end()
    let tree = try Folder().read(archive)
    #expect(try tree.linkCount(of: inode("l0", in: tree)) == 20001)
  }

  @Test func numbersHaveAllForms() throws {
    var archive = TarWriter()
    archive.add(
      "binary",
      fields: [
        .init(offset: 108, bytes: [0x80, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFE]),
        .init(offset: 116, bytes: [0x80, 0, 0, 0, 0x80, 0, 0, 1]),
        .init(offset: 136, bytes: [UInt8](repeating: 0xFF, count: 11) + [0xFE]),
      ])
    archive.add("blank", fields: [.init(offset: 100, bytes: Array("   644 \u{0}".utf8))])
    for (value, name) in [("-0.000000001", "a"), ("-1.5", "b"), ("1.9999999999", "c"), ("-2.00000000001", "d")] {
      archive.addExtended([("mtime", value), ("uid", "4294967295")])
      archive.add(name)
    }
    archive.end()
    let tree = try Folder().read(archive)
    let binary = tree[tree.entry(at: "binary")!]
    #expect(binary.user == 0xFFFF_FFFE && binary.group == 0x8000_0001 && binary.time == Time(seconds: -2))
    #expect(tree[tree.entry(at: "blank")!].permissions == 0o644)
    func time(_ name: String) -> Time { tree[tree.entry(at: name)!].time }
    #expect(time("a") == Time(seconds: -1, nanoseconds: 999_999_999))
    #expect(time("b") == Time(seconds: -2, nanoseconds: 500_000_000))
    #expect(time("c") == Time(seconds: 1, nanoseconds: 999_999_999))
    #expect(time("d") == Time(seconds: -3, nanoseconds: 999_999_999))
    #expect(tree[tree.entry(at: "d")!].user == .max)
  }

  @Test func extendedHeadersApplyToOneMemberOrAll() throws {
    var archive = TarWriter()
    archive.addExtended([("gid", "7"), ("path", "ignored"), ("SCHILY.xattr.user.all", "1")], type: "g")
    archive.addExtended([("path", "renamed"), ("gid", "8"), ("SCHILY.xattr.user.a%3Db%41", "x=y\n")])
    archive.add("name", [1])
    archive.add("plain", [2])
    archive.addExtended([("gid", "")], type: "g")
    archive.addExtended([
      ("LIBARCHIVE.xattr.user.%C3%BC", "AAEC/w"), ("SCHILY.xattr.user.%C3%BC", "other"),
      ("RHT.security.selinux", "a:b:c"),
    ])
    archive.add("last", [3])
    archive.end()
    let tree = try Folder().read(archive)
    #expect(paths(tree) == ["", "last", "plain", "renamed"])
    #expect(tree[tree.entry(at: "renamed")!].group == 8 && tree[tree.entry(at: "plain")!].group == 7)
    #expect(tree[tree.entry(at: "last")!].group == 0)
    #expect(try tree.attribute("user.all", of: inode("plain", in: tree)) == [0x31])
    #expect(try tree.attribute("user.a=b%41", of: inode("renamed", in: tree)) == Array("x=y\n".utf8))
    #expect(try tree.attribute("user.ü", of: inode("last", in: tree)) == [0, 1, 2, 255])
    #expect(try tree.attributes(of: inode("last", in: tree)).count == 3)
    #expect(try tree.attribute("security.selinux", of: inode("last", in: tree)) == Array("a:b:c\u{0}".utf8))
  }

  @Test func whiteoutsBecomeThoseOfOverlayfs() throws {
    var archive = TarWriter()
    archive.add("d/.wh.file", mode: 0o600, user: 3)
    archive.add("d/.wh..wh..opq")
    archive.add(".wh..wh.plnk")
    archive.add(".wh.new")
    archive.add("new/inside", [1])
    archive.add("here", type: "5")
    archive.add(".wh.here")
    archive.add("both", [2])
    archive.add(".wh.both")
    archive.add(".wh.again")
    archive.add("again", type: "5")
    archive.end()
    let folder = Folder()
    let tree = try folder.read(archive, whiteouts: true)
    #expect(paths(tree) == ["", "again", "both", "d", "d/file", "here", "new", "new/inside"])
    #expect(tree.isWhiteout(tree.entry(at: "d/file")!) && tree[tree.entry(at: "d/file")!].user == 3)
    for path in ["d", "here", "new", "again"] { #expect(tree.isOpaque(tree.entry(at: path)!), "\(path)") }
    #expect(tree.kind(of: tree.entry(at: "both")!) == .regular)
    var stripped = tree
    var edits = TreeEdits()
    edits.stripsOverlayMetadata = true
    try edits.apply(to: &stripped)
    #expect(paths(stripped) == ["", "again", "both", "d", "here", "new", "new/inside"])
    #expect(stripped.attributes(of: stripped.inode(of: stripped.entry(at: "d")!)).isEmpty)
    #expect(paths(try folder.read(archive)).contains("d/.wh..wh..opq"))
  }

  @Test func whatIsWrongIsSaid() throws {
    func made(_ body: (inout TarWriter) -> Void) -> TarWriter {
      var archive = TarWriter()
      body(&archive)
      return archive
    }
    let cut = made { $0.add("f", [UInt8](repeating: 1, count: 700)) }
    var short = cut
    short.bytes.removeLast(400)
    var tooShort = cut
    tooShort.bytes.removeLast(600)
    var wrongSum = made {
      $0.add("f", [1])
      $0.add("g")
    }
    wrongSum.bytes[1024] ^= 1
    let cases: [(TarWriter, ArchiveFault?)] = [
      (TarWriter(), .empty), (TarWriter(bytes: Array("no archive at all".utf8)), .noTar), (cut, nil),
      (short, .cutShort),
      (tooShort, .cutShort), (wrongSum, .header),
      (made { $0.add("f", fields: [.init(offset: 108, bytes: Array("12z".utf8))]) }, .fieldNumber),
      (made { $0.add("f", fields: [.init(offset: 124, bytes: [0xFF])]) }, .fieldNumber),
      (made { $0.add("f", size: 0o7777_7777_777) }, .cutShort),
      (made { $0.addExtended([("path", "x")]) }, .cutShort),
      (made { $0.add("x", Array("5 a=b\n".utf8), type: "x") }, .paxRecord),
      (made { $0.add("x", Array("99 a=b\n".utf8), type: "x") }, .paxRecord),
      (made { $0.add("x", type: "x", size: 1 << 27) }, .headerLength),
      (made { $0.add("x", type: "L", size: 1 << 20) }, .headerLength),
      (made { $0.addExtended([("mtime", "1x")]) }, .paxValue), (made { $0.addExtended([("size", "-1")]) }, .paxValue),
      (made { $0.addExtended([("SCHILY.xattr.", "1")]) }, .attribute),
      (made { $0.addExtended([("SCHILY.acl.access", "user::rwx")]) }, .accessList),
      (made { $0.addExtended([("GNU.sparse.map", "1,2,3")]) }, .sparseMap),
      (made { $0.add("m", type: "M") }, .memberKind),
    ]
    for (number, (archive, fault)) in cases.enumerated() {
      for piped in [false, true] {
        #expect(Folder().fault(archive, piped: piped) == fault, "case \(number), piped \(piped)")
      }
    }
    func error(_ archive: TarWriter) -> TreeError? {
      do { _ = try Folder().read(archive) } catch { return error as? TreeError }
      return nil
    }
    var inside = TarWriter()
    inside.add("link", type: "2", link: "/etc")
    inside.add("link/passwd", [1])
    #expect(error(inside) == .notDirectory(path: Array("link".utf8)))
    #expect(error(made { $0.add("..", [1]) }) == .rootIsDirectory)
    #expect(error(made { $0.add("l", type: "2") }) == .badTarget(path: Array("l".utf8), count: 0))
  }

  @Test(arguments: [
    [(0, 4), (2, 1)], [(0, 11)], [(9, 2)], [(0, 3), (4, 3)], [(Int.max - 600, 100)],
  ]) func mapsThatAreWrong(runs: [(Int, Int)]) throws {
    // Ten bytes, of which five are stored.
    let list = runs.map { "\($0.0),\($0.1)" }.joined(separator: ",")
    var archive = TarWriter()
    archive.addExtended([("GNU.sparse.size", "10"), ("GNU.sparse.map", list)])
    archive.add("f", [1, 2, 3, 4, 5])
    archive.end()
    #expect(Folder().fault(archive) == .sparseMap)
  }

  /// Nothing traps, nothing but typed errors comes out, and whatever is taken has names and contents that can be read.
  @Test func survivesMutation() throws {
    var archive = TarWriter()
    archive.add("d/", type: "5")
    archive.addExtended([
      ("mtime", "1.5"), ("SCHILY.xattr.user.a", "b"), ("path", "d/" + String(repeating: "n", count: 120)),
    ])
    archive.add("d/n", Array(0..<200))
    archive.add("d/hard", type: "1", link: "d/s")
    archive.addExtended([("GNU.sparse.major", "1"), ("GNU.sparse.name", "d/s"), ("GNU.sparse.realsize", "9000")])
    archive.add("d/sparse", Array("2\n0\n5\n8000\n5\n".utf8) + [UInt8](repeating: 0, count: 499) + Array(0..<10))
    archive.add(
      "d/old", Array(0..<7), type: "S", magic: "ustar  \u{0}",
      fields: [
        .init(offset: 386, bytes: Array("00000000010\u{0}00000000007\u{0}".utf8)),
        .init(offset: 483, bytes: Array("00000001000\u{0}".utf8)),
      ])
    archive.add("././@LongLink", Array((String(repeating: "long/", count: 50) + "end").utf8) + [0], type: "L")
    archive.add("long", Array(0..<100))
    archive.add("d/link", type: "2", link: "n")
    archive.add("d/.wh.gone")
    archive.add("null", type: "3")
    archive.end()
    let folder = Folder()
    #expect(try paths(folder.read(archive)).contains("d/s"))
    var random = SystemRandomNumberGenerator()
    var (taken, refused) = (0, 0)
    for _ in 0..<400 {
      var copy = archive
      let block = Int.random(in: 0..<copy.bytes.count / 512, using: &random) * 512
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        copy.bytes[block + Int.random(in: 0..<512, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      // Mostly with the right sum again, so that more than that is looked at.
      if Bool.random(using: &random), copy.bytes[block + 257] == 0x75 {
        copy.bytes.replaceSubrange(block + 148..<block + 156, with: [UInt8](repeating: 0x20, count: 8))
        let sum = String(copy.bytes[block..<block + 512].reduce(0) { $0 + Int($1) }, radix: 8)
        let field = String(repeating: "0", count: 6 - sum.count) + sum + "\u{0} "
        copy.bytes.replaceSubrange(block + 148..<block + 156, with: Array(field.utf8))
      }
      if Int.random(in: 0..<10, using: &random) == 0 {
        copy.bytes.removeLast(Int.random(in: 0..<copy.bytes.count, using: &random))
      }
      do {
        let tree = try folder.read(copy, whiteouts: Bool.random(using: &random))
        for (entry, path) in tree.walk() {
          #expect(!path.split(separator: 0x2F).contains { $0.elementsEqual([0x2E, 0x2E]) })
          if tree.kind(of: entry) == .regular, tree.size(of: tree.inode(of: entry)) < 1 << 20 {
            _ = try contents(String(decoding: path, as: UTF8.self), in: tree)
          }
        }
        taken += 1
      } catch {
        #expect(error is TreeError || error is Failed, "\(error)")
        refused += 1
      }
    }
    #expect(taken > 20 && refused > 20)
  }
}
