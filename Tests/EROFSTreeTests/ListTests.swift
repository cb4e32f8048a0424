// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTree
import Foundation
import Testing
import TreeSupport

@Suite struct ListTests {
  private func read(_ text: String, base: String = "/") throws -> Tree {
    try ListOrigin(Array(text.utf8), name: "list", base: try OpenFile.directory(base)).read()
  }

  @Test func readsEveryKind() throws {
    let folder = Folder()
    try folder.write("a file", Array("content".utf8))
    let tree = try read(
      """
      # A root with devices, made by anyone.
      dir / 700 1 2 mtime=5
      dir /dev 755 0 0
      nod /dev/null 666 0 0 c 1 3
      nod /dev/disk 640 0 6 b 8 70001 mtime=-1.5
      file /bin/tool "a file" 4755 3 4294967295 /bin/other /sbin/third mtime=7 xattr=user.k=v=w xattrhex=user.h=00fF
      slink /bin/sh "to\\x6f\\040l" 777 0 0
      pipe /fifo 600 0 0
      sock "/with \\"quote" 600 0 0\r
      link /last /bin/tool

      """, base: folder.path)
    #expect(tree[Tree.root].permissions == 0o700 && tree[Tree.root].time == Time(seconds: 5))
    let null = tree[tree.entry(at: "dev/null")!]
    #expect(null.mode == 0o020666 && null.device == DeviceNumber(major: 1, minor: 3))
    let disk = tree[tree.entry(at: "dev/disk")!]
    #expect(disk.mode == 0o060640 && disk.device == DeviceNumber(major: 8, minor: 70001) && disk.group == 6)
    #expect(disk.time == Time(seconds: -2, nanoseconds: 500_000_000))
    let tool = tree.inode(of: tree.entry(at: "bin/tool")!)
    #expect(tree.linkCount(of: tool) == 4)
    #expect(tree[tool].user == 3 && tree[tool].group == .max && tree[tool].permissions == 0o4755)
    #expect(
      tree.attributes(of: tool) == [
        ExtendedAttribute("user.h", [0, 255]), ExtendedAttribute("user.k", Array("v=w".utf8)),
      ])
    #expect(try contents("sbin/third", in: tree) == Array("content".utf8))
    #expect(tree.target(of: tree.inode(of: tree.entry(at: "bin/sh")!)) == Array("too l".utf8))
    #expect(tree.kind(of: tree.entry(at: "fifo")!) == .fifo)
    #expect(tree.kind(of: tree.entry(at: "with \"quote")!) == .socket)
    #expect(tree.isImplied(tree.entry(at: "bin")!) && !tree.isImplied(tree.entry(at: "dev")!))
  }

  @Test(arguments: [
    ("what /a 1 2 3", LineFault.unknownKeyword("what")), ("dir", .missing("the name")),
    ("dir /a", .missing("a mode")), ("dir /a 755 0", .missing("a group ID")),
    ("dir /a 8 0 0", .number("8", of: "a mode")),
    ("dir /a 10000 0 0", .number("10000", of: "a mode")), ("dir /a +7 0 0", .number("+7", of: "a mode")),
    ("dir /a 7 4294967296 0", .number("4294967296", of: "a user ID")),
    ("dir /a 7 0 -1", .number("-1", of: "a group ID")),
    ("dir /a 7 0 0 0", .unexpected("0")), ("dir \"/a 7 0 0", .unterminatedQuote), ("dir /a\\q 7 0 0", .badEscape),
    ("dir /a\\x2 7 0 0", .badEscape), ("dir /a\\400 7 0 0", .badEscape), ("dir /a/../b 7 0 0", .badName(.dots, "..")),
    ("dir /\\000 7 0 0", .badName(.zero, "\\x00")), ("nod /a 7 0 0 x 1 1", .unexpected("x")),
    ("nod /a 7 0 0 c 1", .missing("a minor device number")),
    ("dir /a 7 0 0 mtime=x", .number("x", of: "a time in seconds")),
    ("dir /a 7 0 0 xattr==1", .badName(.empty, "")),
    ("dir /a 7 0 0 xattrhex=a=1", .number("1", of: "pairs of hexadecimal digits")),
    ("link /a /b", .failed(.noSuchEntry(path: Array("/b".utf8)))), ("pipe / 7 0 0", .failed(.rootIsDirectory)),
    ("file /a /no/such 7 0 0", .failed(.system(.examine, path: Array("/no/such".utf8), errno: ENOENT))),
    ("file /a /tmp 7 0 0 # no", .failed(.unknownKind(path: Array("/tmp".utf8), mode: 0o041777))),
    ("slink /a \"\" 777 0 0", .failed(.badTarget(path: Array("a".utf8), count: 0))),
  ]) func saysWhichLine(line: String, fault: LineFault) throws {
    #expect(throws: TreeError.line(3, of: "list", fault)) { try read("# one\n\n\(line)\n") }
  }

  @Test func timesHaveOneForm() {
    #expect(Time(parsing: "1.000000001") == Time(seconds: 1, nanoseconds: 1))
    #expect(Time(parsing: "-0.25") == Time(seconds: -1, nanoseconds: 750_000_000))
    for text in [
      "", "-", "+1", "1.", ".5", "1.0000000001", "9223372036854775808", "-9223372036854775808.1", "1e3", "0x1",
    ] {
      #expect(Time(parsing: text) == nil, "\(text)")
    }
    #expect(Time(parsing: "-9223372036854775808") == Time(seconds: .min))
  }
}
