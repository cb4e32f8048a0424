// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTree
import Foundation
import Testing
import TreeSupport

@Suite struct CpioTests {
  /// Everything that cpio keeps: whole seconds, 32 bits of time, no attributes.
  private func source() throws -> Folder {
    let folder = Folder()
    try run(
      "/bin/sh", "-c",
      """
      mkdir -p t/empty t/deep/er && cd t
      echo hello > a; ln a deep/hard; ln a zhard; : > nothing
      head -c 70001 /dev/urandom > deep/er/noise
      ln -s ../a deep/link; mkfifo -m 640 deep/fifo; chmod 1751 deep; chmod 4755 a
      if [ "$(id -u)" = 0 ]; then mknod null c 1 3; mknod disk b 8 70001; chown 12:70000 nothing; fi
      find . -exec touch -h -d @1700000000 {} +
      """, in: folder.path)
    return folder
  }

  private func read(_ path: String) throws -> Tree { try CpioOrigin(try OpenFile.file(path)).read() }

  @Test(arguments: [("cpio", "newc"), ("cpio", "crc"), ("bsdcpio", "newc")])
  func readsAsTheDirectory(program: String, format: String) throws {
    guard let program = find(program) else { return print("no \(program)") }
    let folder = try source()
    try run("/bin/sh", "-c", "cd t && find . | \(program) -o -H \(format) > ../archive", in: folder.path)
    let archive = try lines(try read(folder("archive")))
    #expect(try archive == lines(try tree(of: folder("t"))))
    #expect(archive.count == (isSuperuser ? 13 : 11))
  }

  /// As Linux takes them: several archives with zeros between, the last one counts.
  @Test func takesSeveralArchives() throws {
    let folder = Folder()
    let first = entry("d", mode: 0o040700) + entry("d/f", [1, 2, 3]) + entry("TRAILER!!!")
    let second = entry("d/f", [4]) + entry("/./x/y", [5]) + entry("TRAILER!!!")
    try folder.write("a", first + [UInt8](repeating: 0, count: 512) + second + [0, 0, 0, 0, 0])
    let tree = try read(folder("a"))
    #expect(try contents("d/f", in: tree) == [4])
    #expect(try contents("x/y", in: tree) == [5])
    #expect(tree.isImplied(tree.entry(at: "x")!) && !tree.isImplied(tree.entry(at: "d")!))
  }

  private func entry(_ name: String, _ content: [UInt8] = [], mode: Int = 0o100644, inode: Int = 1, links: Int = 1)
    -> [UInt8]
  {
    var bytes = Array("070701".utf8)
    for field in [inode, mode, 0, 0, links, 0, content.count, 0, 0, 0, 0, name.utf8.count + 1, 0] {
      let digits = String(field, radix: 16)
      bytes += Array((String(repeating: "0", count: 8 - digits.count) + digits).utf8)
    }
    bytes += Array(name.utf8) + [0]
    while bytes.count % 4 != 0 { bytes.append(0) }
    bytes += content
    while bytes.count % 4 != 0 { bytes.append(0) }
    return bytes
  }

  @Test func refusesWhatIsWrong() throws {
    let end = entry("TRAILER!!!")
    let good = entry("a", [1, 2, 3])
    var badDigit = good
    badDigit[10] = UInt8(ascii: "g")
    var badEnd = good
    badEnd[111] = 1
    let cases: [([UInt8], ArchiveFault)] = [
      (good, .truncated), (Array(good.dropLast(4)), .truncated), (Array("070707".utf8) + good + end, .magic),
      (badDigit + end, .number), (badEnd + end, .nameEnd), (entry("a", mode: 0o000644) + end, .mode),
      (entry("a", mode: 0o1100644) + end, .mode), (entry("../a") + end, .parent), (entry("a/../../b") + end, .parent),
      (entry("a", [1], mode: 0o040755) + end, .size), (good + end + [1], .trailing), (good + end + end, .truncated),
      (entry("a", inode: 5, links: 2) + entry("b", mode: 0o010644, inode: 5, links: 2) + end, .linkKind),
    ]
    let folder = Folder()
    for (bytes, fault) in cases where fault != .truncated || bytes.count != good.count + 2 * end.count {
      try folder.write("a", bytes)
      let error = #expect(throws: TreeError.self) { try read(folder("a")) }
      guard case .archive(let found, _, _) = error else {
        Issue.record("\(fault): \(String(describing: error))")
        continue
      }
      #expect(found == fault)
    }
    try folder.write("a", entry("f") + entry("f/g") + end)
    #expect(throws: TreeError.notDirectory(path: [0x66])) { try read(folder("a")) }
    try folder.write("a", entry(".", mode: 0o120777) + end)
    #expect(throws: TreeError.rootIsDirectory) { try read(folder("a")) }
  }

  @Test func aFIFOIsNoArchiveAndIsNotWaitedFor() throws {
    let folder = Folder()
    try run("/bin/sh", "-c", "mkfifo archive", in: folder.path)
    #expect(throws: TreeError.self) { try read(folder("archive")) }
  }

  @Test(.enabled(if: find("cpio") != nil, "no cpio")) func checksSums() throws {
    let cpio = try #require(find("cpio"))
    let folder = try source()
    try run("/bin/sh", "-c", "cd t && find . | \(cpio) -o -H crc > ../archive", in: folder.path)
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder("archive"))))
    let place = try #require(bytes.indices.first { bytes[$0...].starts(with: Array("hello\n".utf8)) })
    bytes[place] ^= 1
    try folder.write("archive", bytes)
    let error = #expect(throws: TreeError.self) { try read(folder("archive")) }
    guard case .archive(.checksum, _, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  /// Nothing traps, and whatever is taken has names and contents that can be read.
  @Test func survivesMutation() throws {
    let good =
      entry("d", mode: 0o040755) + entry("d/one", Array(0..<100), inode: 7, links: 2)
      + entry("d/two", [], inode: 7, links: 2) + entry("d/link", Array("one".utf8), mode: 0o120777)
      + entry("d/null", mode: 0o020666) + entry("e/f/g", Array(repeating: 3, count: 33)) + entry("TRAILER!!!")
    let folder = Folder()
    var random = Random(state: 1)
    var taken = 0
    for _ in 0..<10_000 {
      var bytes = good
      for _ in 0...Int(random.next() % 4) {
        let place = Int(random.next() % UInt64(bytes.count))
        switch random.next() % 5 {
        case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes[place] = Array("0123456789abcdefF/.\0".utf8)[Int(random.next() % 20)]
        case 2: bytes.removeSubrange(place..<min(bytes.count, place + Int(random.next() % 9)))
        case 3: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + Int(random.next() % 300))], at: place)
        default: bytes.removeSubrange(place...)
        }
        if bytes.isEmpty { bytes = [0] }
      }
      // A file that is cut and written again would be synced each time.
      unlink(folder("m"))
      let descriptor = open(folder("m"), O_RDWR | O_CREAT | O_TRUNC, 0o600)
      _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if let tree = try? CpioOrigin(OpenFile(owning: descriptor)).read() {
        taken += 1
        let all = try lines(tree)
        #expect(all.count == tree.entryCount)
        for (entry, path) in tree.walk() where entry != Tree.root {
          #expect(Tree.fault(ofName: tree.name(of: entry)) == nil)
          #expect(tree.entry(at: path) == entry)
        }
      }
    }
    #expect((500..<9500).contains(taken), "\(taken)")
  }
}
