// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTree
import Foundation
import Testing
import TreeSupport

@Suite struct FileContextTests {
  private static let kinds: [(kind: InodeKind, flag: String, name: String)] = [
    (.regular, "--", "file"), (.directory, "-d", "dir"), (.symbolicLink, "-l", "lnk_file"),
    (.characterDevice, "-c", "chr_file"), (.blockDevice, "-b", "blk_file"), (.fifo, "-p", "pipe"),
    (.socket, "-s", "sock_file"),
  ]

  private func context(_ text: String, _ path: String, _ kind: InodeKind = .regular, mount: String = "") throws
    -> String?
  {
    var contexts = try FileContexts(Array(text.utf8), name: "f")
    contexts.mountPoint = Array(mount.utf8)
    return contexts.context(of: Array(path.utf8), kind: kind).map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func followsTheRules() throws {
    let text = """
      # comment
      /etc/passwd -- literal
      /.* all
      /etc(/.*)? etc
      /tmp/.* <<none>>
      / root
      """
    #expect(try context(text, "etc/passwd") == "literal")
    #expect(try context(text, "etc/passwd", .directory) == "etc")
    #expect(try context(text, "") == "root")
    #expect(try context(text, "tmp/x") == nil)
    #expect(try context(text, "passwd", mount: "/etc/") == "literal")
    #expect(try context(text, "", mount: "etc") == "etc")
    #expect(try context("/a all", "b") == nil)
  }

  @Test func setsTheAttribute() throws {
    var tree = Tree()
    let pipe = Metadata(kind: .fifo, permissions: 0o600)
    let a = try tree.put([0x61], in: Tree.root, pipe, attributes: [ExtendedAttribute("security.selinux", [1])])
    let b = try tree.put([0x62], in: Tree.root, pipe, attributes: [ExtendedAttribute("security.selinux", [1])])
    try FileContexts(Array("/a u:r:t".utf8), name: "f").apply(to: &tree)
    #expect(tree.attribute("security.selinux", of: tree.inode(of: a)) == Array("u:r:t".utf8))
    #expect(tree.attributes(of: tree.inode(of: b)).isEmpty)
  }

  @Test(arguments: ["/(?=a)", "/a\\b", "/[[:alpha:]]", "/a*+", "/[a", "/a\\", "/[b-a]", "/(a", "/a|/b"])
  func refusesWhatHasNoOtherForm(pattern: String) {
    let error = #expect(throws: TreeError.self) { try FileContexts(Array("\n\(pattern) t".utf8), name: "f") }
    // Messages show a backslash twice.
    let shown = pattern.replacingOccurrences(of: "\\", with: #"\\"#)
    guard case .line(2, "f", .pattern(shown, _)) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  /// Random files of contexts, judged by libselinux.
  @Test(.enabled(if: find("matchpathcon") != nil, "no matchpathcon"), arguments: 0..<12)
  func agreesWithLibselinux(seed: UInt64) throws {
    var random = Random(state: seed)
    func one(_ list: [String]) -> String { list.randomElement(using: &random)! }
    let pieces = [
      "a", "b", "c", "\\.", ".", "[ab]", "[^/]", "[^a\\-]", "[\\]\\-x^]", "a?", "b+", "(a|b)", "(?:c|ab)?", "\\d",
      "\\w*", "a{2}",
      "[a-c]+", "-", "\\-", "[^\\d]", ".*?", "[-a]", "[]a]", "[.b]", "\\+", "[\\w-]", "a{,2}", "1\\d", "\\d",
    ]
    var text = ""
    var seen: Set<String> = []
    for number in 0..<40 {
      var pattern = ""
      for _ in 0...Int(random.next() % 3) {
        pattern += "/"
        for _ in 0...Int(random.next() % 3) { pattern += one(pieces) }
      }
      pattern += one(["", "", "(/.*)?", "/.*"])
      let flag = one(["", "", "--", "-d", "-l", "-p"])
      // libselinux refuses two lines that say the same.
      if !seen.insert(pattern).inserted { continue }
      text += "\(pattern) \(flag) \(random.next() % 9 == 0 ? "<<none>>" : "u:r:t\(number):s0")\n"
    }
    let folder = Folder()
    try folder.write("fc", Array(text.utf8))
    let contexts = try FileContexts(Array(text.utf8), name: "fc")
    let letters = ["a", "b", "c", "aa", "ab", ".", "-", "1", "]", "^", "+", "a{,2}", "x", "b-", "_"]
    var labelled = 0
    for (kind, _, name) in Self.kinds.prefix(3) {
      let paths = (0..<200).map { _ in
        (0...Int(random.next() % 3)).map { _ in
          "/" + (0...Int(random.next() % 3)).map { _ in one(letters) }.joined()
        }.joined()
      }
      .filter { !$0.contains("/.") }
      let quoted = paths.map { "'\($0)'" }.joined(separator: " ")
      let command = "matchpathcon -f ./fc -n -N -m \(name) \(quoted) 2>&1 || true"
      let output = String(decoding: try run("/bin/sh", "-c", command, in: folder.path), as: UTF8.self)
      let expected = output.split(separator: "\n").map(String.init)
      try #require(expected.count == paths.count, "\(output.prefix(300))")
      for (path, expected) in zip(paths, expected) {
        let found = contexts.context(of: Array(path.utf8.dropFirst()), kind: kind)
        let shown = found.map { String(decoding: $0, as: UTF8.self) } ?? "<<none>>"
        // Without any line it says that no context is known.
        let wanted = expected.hasPrefix("u:r:") ? expected : "<<none>>"
        #expect(shown == wanted, "\(path) \(name) in\n\(text)")
        if found != nil { labelled += 1 }
      }
    }
    #expect(labelled > 10)
  }
}
