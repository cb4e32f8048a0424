// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTree
import Foundation
import Testing
import TreeSupport

@Suite struct TreeTests {
  let file = Metadata(kind: .regular, permissions: 0o644)
  let directory = Metadata(kind: .directory, permissions: 0o755)

  @Test func lastOneCounts() throws {
    var tree = Tree()
    let a = try tree.put(Array("a".utf8), in: Tree.root, directory)
    try tree.put(Array("in".utf8), in: a, file, content: .bytes([1, 2]))
    #expect(try contents("a/in", in: tree) == [1, 2])
    // A directory that meets a directory keeps its children and takes the metadata.
    var other = directory
    other.user = 7
    #expect(try tree.put(Array("a".utf8), in: Tree.root, other) == a)
    #expect(tree[a].user == 7)
    #expect(tree.children(of: a).count == 1)
    // Anything else takes the place of all of it.
    try tree.put(Array("a".utf8), in: Tree.root, file, content: .bytes([9]))
    #expect(tree.entry(at: "a/in") == nil)
    #expect(tree.entryCount == 2)
    #expect(try contents("/a", in: tree) == [9])
    #expect(throws: TreeError.notDirectory(path: Array("a".utf8))) {
      try tree.put([0x62], in: tree.entry(at: "a")!, file)
    }
  }

  @Test func refusesNames() {
    var tree = Tree()
    let cases: [([UInt8], NameFault)] = [
      ([], .empty), (Array(repeating: 0x61, count: 256), .tooLong), ([0x61, 0x2F], .slash), ([0x61, 0], .zero),
      ([0x2E], .dots), ([0x2E, 0x2E], .dots),
    ]
    for (name, fault) in cases {
      #expect(throws: TreeError.badName(fault, name: name)) { try tree.put(name, in: Tree.root, file) }
    }
    for target in [[], [0x61, 0], Array(repeating: 0x61, count: 4096)] as [[UInt8]] {
      #expect(throws: TreeError.self) {
        try tree.put([0x61], in: Tree.root, Metadata(kind: .symbolicLink, permissions: 0o777), target: target)
      }
    }
    #expect(tree.entryCount == 1)
    #expect(throws: Never.self) { try tree.put(Array(repeating: 0xFF, count: 255), in: Tree.root, file) }
  }

  @Test func hardLinksAreCounted() throws {
    var tree = Tree()
    let a = try tree.put([0x61], in: Tree.root, file)
    let inode = tree.inode(of: a)
    let b = try tree.link([0x62], in: Tree.root, to: inode)
    try tree.link([0x62], in: Tree.root, to: inode)
    #expect(tree.linkCount(of: inode) == 2)
    tree.remove(a)
    #expect(tree.linkCount(of: inode) == 1)
    #expect(tree.inode(of: b) == inode)
    let d = try tree.put([0x64], in: Tree.root, directory)
    #expect(throws: TreeError.linkToDirectory(path: Array("e".utf8))) {
      try tree.link([0x65], in: Tree.root, to: tree.inode(of: d))
    }
  }

  @Test func attributesAreInOrderAndTheLastCounts() throws {
    var tree = Tree()
    let entry = try tree.put(
      [0x61], in: Tree.root, file,
      attributes: [
        ExtendedAttribute("user.b", [1]), ExtendedAttribute("user.a", [2]), ExtendedAttribute("user.b", [3]),
      ])
    #expect(
      tree.attributes(of: tree.inode(of: entry)) == [
        ExtendedAttribute("user.a", [2]), ExtendedAttribute("user.b", [3]),
      ])
  }

  @Test func whiteouts() throws {
    var tree = Tree()
    let hidden = try tree.put([0x61], in: Tree.root, Metadata(kind: .characterDevice, permissions: 0))
    let device = Metadata(kind: .characterDevice, permissions: 0, device: DeviceNumber(major: 1, minor: 3))
    let null = try tree.put([0x62], in: Tree.root, device)
    let opaque = try tree.put(
      [0x63], in: Tree.root, directory, attributes: [ExtendedAttribute("trusted.overlay.opaque", [0x79])])
    #expect(tree.isWhiteout(hidden) && !tree.isWhiteout(null))
    #expect(tree.isOpaque(opaque) && !tree.isOpaque(Tree.root))
  }

  /// Random changes, held against a dictionary of paths.
  @Test(arguments: 0..<8) func behavesAsADictionary(seed: UInt64) throws {
    var random = Random(state: seed &* 77 + 1)
    var tree = Tree()
    var model: [[UInt8]: Bool] = [[]: true]
    for step in 0..<3000 {
      let parents = tree.walk().filter { tree.kind(of: $0.entry) == .directory }
      let parent = parents[Int(random.next() % UInt64(parents.count))]
      // Also names that differ after the eighth byte, or by length only.
      let length = 1 + Int(random.next() % 3)
      let name =
        Array("aaaaaaaa".utf8).prefix(random.next() % 3 == 0 ? 8 : 0)
        + (0..<length).map { _ in UInt8(random.next() % 2 == 0 ? 0x61 : 0xE1) }
      let path = parent.path.isEmpty ? Array(name) : parent.path + [0x2F] + name
      let inside = path + [0x2F]
      switch random.next() % 8 {
      case 0, 1, 2:
        try tree.put(name, in: parent.entry, directory)
        model[path] = true
      case 3, 4, 5:
        try tree.put(name, in: parent.entry, file)
        model = model.filter { !$0.key.starts(with: inside) }
        model[path] = false
      case 6:
        guard let child = tree.child(name, of: parent.entry) else { break }
        tree.remove(child)
        model = model.filter { $0.key != path && !$0.key.starts(with: inside) }
      default: if step % 5 == 0 { tree.sort() }
      }
      #expect(tree.entryCount == model.count)
      if step % 100 == 0 {
        let walked = tree.walk().map(\.path)
        #expect(Set(walked) == Set(model.keys) && walked.count == model.count)
        for (path, isDirectory) in model {
          let entry = try #require(tree.entry(at: path))
          #expect(tree.path(of: entry) == path)
          #expect((tree.kind(of: entry) == .directory) == isDirectory)
          let names = tree.children(of: entry).map { Array(tree.name(of: $0)) }
          #expect(names == names.sorted { $0.lexicographicallyPrecedes($1) })
        }
      }
    }
    #expect(model.count > 50)
  }

  /// A million files in a thousand directories: what one takes of memory. In a process of its own, since other tests
  /// take and free memory at the same time. A sanitizer keeps what is freed.
  @Test(.enabled(if: !isSanitized, "a sanitizer keeps memory that is freed")) func takesLittleMemory() async {
    await #expect(processExitsWith: .success) {
      func resident() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        return Int(text.split(separator: " ")[1])! * Int(sysconf(Int32(_SC_PAGESIZE)))
      }
      let file = Metadata(kind: .regular, permissions: 0o644)
      let directory = Metadata(kind: .directory, permissions: 0o755)
      let before = try resident()
      let root = try OpenFile.directory("/")
      var tree = Tree()
      for outer in 0..<1000 {
        let parent = try tree.put(Array("dir\(outer)".utf8), in: Tree.root, directory)
        for inner in 0..<999 {
          try tree.put(
            Array("file-\(inner)".utf8), in: parent, file,
            content: .entry(in: root, FileState(size: 1, inode: UInt64(inner), changeTime: 0)))
        }
      }
      tree.sort()
      #expect(tree.entryCount == 1_000_001)
      #expect(tree.entry(at: "dir999/file-998") != nil)
      let each = (try resident() - before) / tree.entryCount
      print("bytes of memory for each of 1,000,000 files: \(each)")
      #expect(each <= 120)
    }
  }
}

struct Random: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
