// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTree
import Foundation
import Testing
import TreeSupport

@Suite struct EditTests {
  private func sample() throws -> Tree {
    let text = """
      dir /etc 755 5 6 mtime=100
      dir /etc/ssl 755 5 6 mtime=200
      pipe /etc/passwd 644 5 6 mtime=300 xattr=security.selinux=old xattr=user.a=1
      pipe /etc/ssl/key 600 5 4294967295 mtime=-5
      pipe /key 600 5 6
      link /zkey /key
      """
    return try ListOrigin(Array(text.utf8), name: "list", base: try OpenFile.directory("/")).read()
  }

  private func paths(_ tree: Tree) -> [String] {
    tree.walk().dropFirst().map { String(decoding: $0.path, as: UTF8.self) }
  }

  @Test(
    arguments: [
      (["etc/ssl"], [], ["etc", "etc/passwd", "key", "zkey"]), (["/etc/"], [], ["key", "zkey"]),
      (["ssl", "et"], [], ["etc", "etc/passwd", "etc/ssl", "etc/ssl/key", "key", "zkey"]),
      ([], ["^key$"], ["etc", "etc/passwd", "etc/ssl", "etc/ssl/key", "zkey"]),
      ([], ["key"], ["etc", "etc/passwd", "etc/ssl"]),
      ([], ["(ssl|pass.*)$"], ["etc", "key", "zkey"]), ([], [".*"], []),
    ] as [([String], [String], [String])])
  func excludes(literal: [String], patterns: [String], left: [String]) throws {
    var tree = try sample()
    var edits = TreeEdits()
    for path in literal { edits.exclusions.add(path: path) }
    for pattern in patterns { try edits.exclusions.add(pattern: pattern) }
    try edits.apply(to: &tree)
    #expect(paths(tree) == left)
    #expect(tree.entryCount == left.count + 1)
  }

  @Test func excludesByFiles() throws {
    var exclusions = Exclusions()
    exclusions.add(pathsFrom: Array("# no\n\netc/ssl\r\n/key".utf8))
    try exclusions.add(patternsFrom: Array("pass\n".utf8), name: "f")
    var tree = try sample()
    exclusions.apply(to: &tree)
    #expect(paths(tree) == ["etc", "zkey"])
    let error = #expect(throws: TreeError.self) { try exclusions.add(patternsFrom: Array("a\n(".utf8), name: "f") }
    guard case .line(2, "f", .pattern("(", _)) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func owners() throws {
    var tree = try sample()
    try OwnerRule.allRoot.apply(to: &tree)
    #expect(tree.walk().allSatisfy { tree[$0.entry].user == 0 && tree[$0.entry].group == 0 })
    tree = try sample()
    var rule = OwnerRule()
    (rule.user, rule.userOffset) = (10, 100)
    try rule.apply(to: &tree)
    #expect(tree[tree.entry(at: "key")!].user == 110 && tree[tree.entry(at: "key")!].group == 6)
    rule.groupOffset = 1
    #expect(throws: TreeError.idOutOfRange(path: Array("etc/ssl/key".utf8), isGroup: true, id: .max, offset: 1)) {
      try rule.apply(to: &tree)
    }
    rule.groupOffset = -7
    #expect(throws: TreeError.self) { try rule.apply(to: &tree) }
  }

  @Test func times() throws {
    let clamp = TimeRule(sourceDate: Time(seconds: 150), fixed: Time(seconds: 1))
    #expect(clamp == .clamp(to: Time(seconds: 150)))
    #expect(TimeRule(sourceDate: nil, fixed: Time(seconds: 1)) == .setAll(Time(seconds: 1)))
    #expect(TimeRule(sourceDate: nil, fixed: Time(seconds: 1), clamps: true) == .clamp(to: Time(seconds: 1)))
    var tree = try sample()
    clamp.apply(to: &tree)
    let seconds = { (path: String) in tree[tree.entry(at: path)!].time.seconds }
    #expect(["etc", "etc/ssl", "etc/passwd", "etc/ssl/key"].map(seconds) == [100, 150, 150, -5])
    TimeRule.setAll(Time(seconds: 9, nanoseconds: 8)).apply(to: &tree)
    #expect(tree.walk().allSatisfy { tree[$0.entry].time == Time(seconds: 9, nanoseconds: 8) })
  }

  @Test func separatesHardLinks() throws {
    var tree = try sample()
    var edits = TreeEdits()
    edits.separatesHardLinks = true
    try edits.apply(to: &tree)
    let (first, second) = (tree.inode(of: tree.entry(at: "key")!), tree.inode(of: tree.entry(at: "zkey")!))
    #expect(first != second && tree.linkCount(of: first) == 1 && tree.linkCount(of: second) == 1)
    #expect(tree[first] == tree[second])
  }

  @Test func dropsAttributes() throws {
    var tree = try sample()
    let inode = tree.inode(of: tree.entry(at: "etc/passwd")!)
    AttributeRule.drop(prefixes: [Array("security.".utf8)]).apply(to: &tree)
    #expect(tree.attributes(of: inode) == [ExtendedAttribute("user.a", [0x31])])
    var edits = TreeEdits()
    edits.labels = try FileContexts(Array("/.* label".utf8), name: "f")
    edits.attributes = .dropAll
    try edits.apply(to: &tree)
    #expect(tree.walk().allSatisfy { tree.attributes(of: tree.inode(of: $0.entry)).isEmpty })
  }

  @Test func androidOwners() throws {
    var table = try OwnerTable(
      Array(
        """
         0 1 750
        system/etc 1 2 700
        system/etc/passwd 3 4 4600 capabilities=0x100000021
        system/etc/passwd 9 9 777

        """.utf8), name: "table")
    table.mountPoint = Array("/system".utf8)
    var tree = try sample()
    let before = tree
    #expect(throws: TreeError.notListed(path: Array("system/etc/ssl".utf8), in: "table")) { try table.apply(to: &tree) }
    tree = before
    table.keepsUnlisted = true
    try table.apply(to: &tree)
    #expect(tree[Tree.root].mode == 0o040750 && tree[Tree.root].group == 1)
    let passwd = tree.entry(at: "etc/passwd")!
    #expect(tree[passwd].mode == 0o014600 && tree[passwd].user == 3 && tree[passwd].group == 4)
    #expect(
      tree.attribute("security.capability", of: tree.inode(of: passwd))
        == [1, 0, 0, 2, 0x21, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
    #expect(tree[tree.entry(at: "key")!] == before[before.entry(at: "key")!])
    for (line, fault) in [
      ("a 1 2", LineFault.missing("a mode")), ("a 1 2 8", .number("8", of: "a mode")), ("a 1 2 7 x", .unexpected("x")),
      ("a 1 2 7 capabilities=0xg", .number("0xg", of: "a set of capabilities")),
    ] {
      #expect(throws: TreeError.line(2, of: "t", fault)) { try OwnerTable(Array("b 1 2 7\n\(line)".utf8), name: "t") }
    }
  }

  @Test func hints() throws {
    let hints = try CompressHints(
      Array("# c\n0 \\.so$\n4096\t1 ^lib/a b\n65536 .*\\.txt$\n8192 lib\n".utf8), name: "h")
    #expect(hints.hints.map(\.pclusterBytes) == [0, 4096, 65536, 8192])
    #expect(hints.hint(for: Array("lib/a.so".utf8))?.pclusterBytes == 0)
    #expect(hints.hint(for: Array("lib/a b".utf8))?.algorithm == 1)
    #expect(hints.hint(for: Array("lib/x.txt".utf8))?.line == 4)
    #expect(hints.hint(for: Array("lib/x".utf8))?.pclusterBytes == 8192)
    #expect(hints.hint(for: Array("x".utf8)) == nil)
    let units = try CompressHints(Array("0x2000 a\n0X1000 b\n64K c\n1m d\n0x10k e\n010000 f\n".utf8), name: "h")
    #expect(units.hints.map(\.pclusterBytes) == [8192, 4096, 65536, 1 << 20, 16384, 10000])
    for size in ["0x", "k", "-1", "+1", "0x1g", "4096M", "4294967296", "1kk"] {
      #expect(throws: TreeError.line(1, of: "h", .number(size, of: "a size of pclusters in bytes"))) {
        try CompressHints(Array("\(size) x".utf8), name: "h")
      }
    }
    for (line, fault) in [
      ("4096", LineFault.missing("a pattern")), ("x y", .number("x", of: "a size of pclusters in bytes")),
      ("4096 b c", .number("b", of: "the number of an algorithm")),
    ] {
      #expect(throws: TreeError.line(1, of: "h", fault)) { try CompressHints(Array(line.utf8), name: "h") }
    }
  }

  @Test func order() throws {
    let order = try FileOrder(Array("# first\n/zkey\netc/passwd\nno\nkey\n\"etc/ssl/key\"".utf8), name: "o")
    let tree = try sample()
    let (entries, missing) = order.entries(in: tree)
    #expect(
      entries.map { String(decoding: tree.path(of: $0), as: UTF8.self) } == ["zkey", "etc/passwd", "etc/ssl/key"])
    #expect(missing == [.line(4, of: "o", .failed(.noSuchEntry(path: Array("no".utf8))))])
  }
}
