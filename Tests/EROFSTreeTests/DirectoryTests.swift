// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTree
import Foundation
import Testing
import TreeSupport

@Suite struct DirectoryTests {
  private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../../shared/images/make-tree.py").standardizedFileURL.path
  private static let problem: String? =
    !isSuperuser
    ? "not the superuser" : !FileManager.default.fileExists(atPath: script) ? "no make-tree.py" : nil

  /// What another program sees of a tree, in the form of `lines`.
  private static let witness = """
    import os, stat, sys
    root = os.fsencode(sys.argv[1])
    paths = []
    def visit(path):
        full = os.path.join(root, path) if path else root
        paths.append(path)
        if stat.S_ISDIR(os.lstat(full).st_mode):
            for name in sorted(os.listdir(full)): visit(path + b'/' + name if path else name)
    visit(b'')
    hexed = lambda bytes: '.'.join('%x' % b for b in bytes)
    numbers = {}
    names = {}
    for path in paths:
        s = os.lstat(os.path.join(root, path) if path else root)
        names[s.st_dev, s.st_ino] = names.get((s.st_dev, s.st_ino), 0) + 1
    for path in paths:
        full = os.path.join(root, path) if path else root
        s = os.lstat(full)
        kind = stat.S_IFMT(s.st_mode)
        device = kind in (stat.S_IFCHR, stat.S_IFBLK)
        number = numbers.setdefault((s.st_dev, s.st_ino), len(numbers))
        size = s.st_size if kind in (stat.S_IFREG, stat.S_IFLNK) else 0
        line = '%s %d %d:%d %d %d:%d %d %d %d %d' % (hexed(path), s.st_mode, s.st_uid, s.st_gid, s.st_mtime_ns // 10**9,
            os.major(s.st_rdev) if device else 0, os.minor(s.st_rdev) if device else 0, s.st_mtime_ns % 10**9, number,
            names[s.st_dev, s.st_ino], size)
        for name in sorted(os.listxattr(full, follow_symlinks=False), key=os.fsencode):
            line += ' %s=%s' % (hexed(os.fsencode(name)), hexed(os.getxattr(full, name, follow_symlinks=False)))
        if kind == stat.S_IFLNK: line += ' -> ' + hexed(os.readlink(full))
        if kind == stat.S_IFREG:
            value = 14695981039346656037
            for byte in open(full, 'rb').read(): value = ((value ^ byte) * 1099511628211) & (1 << 64) - 1
            line += ' #%d' % value
        print(line)
    """

  @Test(.enabled(if: problem == nil, "\(problem ?? "")")) func readsTheReferenceTree() throws {
    let folder = Folder()
    try run("/usr/bin/python3", Self.script, folder("tree"))
    // Attributes of what has no others, and holes.
    try run("/usr/bin/setfattr", "-h", "-n", "trusted.link", "-v", "here", folder("tree/links/relative"))
    let seen = String(decoding: try run("/usr/bin/python3", "-c", Self.witness, folder("tree")), as: UTF8.self)
    let expected = seen.split(separator: "\n").map(String.init)
    let found = try lines(try tree(of: folder("tree")))
    #expect(found.count == expected.count && found.count > 500)
    for (found, expected) in zip(found, expected) { #expect(found == expected) }
  }

  @Test func readsAroundHoles() throws {
    let folder = Folder()
    let file = open(folder("sparse"), O_RDWR | O_CREAT, 0o600)
    for (place, byte) in [(1 << 20, 1), (5 << 20, 2)] as [(Int, UInt8)] {
      #expect(pwrite(file, [byte], 1, off_t(place)) == 1)
    }
    ftruncate(file, 20 << 30)
    close(file)
    let tree = try tree(of: folder.path)
    var opener = ContentOpener(tree)
    let reader = try opener.open(tree.entry(at: "sparse")!)
    var place: UInt64 = 0
    var runs: [Range<UInt64>] = []
    while let run = try reader.data(after: place) {
      runs.append(run)
      place = run.upperBound
    }
    try reader.finish()
    #expect(runs.count == 2 && runs.allSatisfy { $0.count <= 1 << 16 })
    #expect(runs[0].contains(1 << 20) && runs[1].contains(5 << 20))
  }

  /// It takes as much room as one without holes, so nobody asks for these.
  @Test func readsHolesOfWhatHasRoomBehindItsEnd() throws {
    let folder = Folder()
    let file = open(folder("file"), O_RDWR | O_CREAT, 0o600)
    var expected = [UInt8](repeating: 0, count: (3 << 20) + 5)
    for (place, byte) in [(0, 1), (3 << 20, 2)] as [(Int, UInt8)] {
      #expect(pwrite(file, [byte], 1, off_t(place)) == 1)
      expected[place] = byte
    }
    ftruncate(file, off_t(expected.count))
    close(file)
    try run("/usr/bin/fallocate", "-n", "-o", "\(4 << 20)", "-l", "\(4 << 20)", folder("file"))
    #expect(try contents("file", in: tree(of: folder.path)) == expected)
  }

  @Test func depthTakesNoStack() throws {
    let folder = Folder()
    try run(
      "/usr/bin/python3", "-c",
      """
      import os, sys
      os.chdir(sys.argv[1])
      for n in range(3000):
          os.mkdir('d'); os.mkdir('e'); os.chdir('d')
      open('leaf', 'w').write('deep')
      """, folder.path)
    let tree = try tree(of: folder.path)
    #expect(tree.entryCount == 6002)
    let path = String(repeating: "d/", count: 3000) + "leaf"
    #expect(try contents(path, in: tree) == Array("deep".utf8))
    var edits = TreeEdits()
    edits.exclusions.add(path: String(repeating: "d/", count: 2000))
    var edited = tree
    try edits.apply(to: &edited)
    #expect(edited.entryCount == 4000)
    #expect(tree.entryCount == 6002)
  }

  /// A link that goes out of the directory is a link, and a directory that becomes one is not entered.
  @Test func followsNoLinks() throws {
    let folder = Folder()
    try run("/bin/sh", "-c", "mkdir -p t/d out; echo secret > out/f; echo 1 > t/d/f; ln -s ../out t/l", in: folder.path)
    let tree = try tree(of: folder("t"))
    #expect(tree.entry(at: "l/f") == nil && tree.kind(of: tree.entry(at: "l")!) == .symbolicLink)
    try run("/bin/sh", "-c", "mv t/d moved; ln -s ../out t/d", in: folder.path)
    #expect(throws: TreeError.changed(.kind, path: Array("d".utf8))) { try contents("d/f", in: tree) }
  }

  @Test(arguments: [
    ("echo more >> f", TreeError.Change.grown), (": > f", .shrunk), ("printf HELLO > f", .modified),
    ("rm f", .vanished),
    ("rm f; ln -s g f", .kind), ("mv g f", .kind), ("rm f; mkdir f", .kind), ("rm f; mkfifo f", .kind),
  ]) func findsChangesBeforeOpening(command: String, change: TreeError.Change) throws {
    let folder = Folder()
    try run("/bin/sh", "-c", "printf hello > f; printf hello > g; sleep .05", in: folder.path)
    let tree = try tree(of: folder.path)
    try run("/bin/sh", "-c", command, in: folder.path)
    #expect(throws: TreeError.changed(change, path: Array("f".utf8))) { try contents("f", in: tree) }
  }

  @Test(arguments: [("echo more >> f", TreeError.Change.grown), (": > f", .shrunk), ("printf HELLO > f", .modified)])
  func findsChangesWhileReading(command: String, change: TreeError.Change) throws {
    let folder = Folder()
    try run("/bin/sh", "-c", "printf hello > f; sleep .05", in: folder.path)
    let tree = try tree(of: folder.path)
    var opener = ContentOpener(tree)
    let reader = try opener.open(tree.entry(at: "f")!)
    #expect(try reader.bytes() == Array("hello".utf8))
    try run("/bin/sh", "-c", command, in: folder.path)
    if change == .shrunk {
      #expect(throws: TreeError.changed(.shrunk, path: Array("f".utf8))) { try reader.bytes() }
    }
    var found: TreeError?
    do throws(TreeError) { try reader.finish() } catch { found = error }
    #expect(found == .changed(change, path: Array("f".utf8)))
  }

  /// A name that comes while its directory is read, and one that goes.
  @Test(arguments: [
    ("touch d/new", TreeError.Change.modified, "d"), ("rm d/f", .vanished, "d/f"), ("rm -r d/g", .vanished, "d/g"),
    ("mv d moved; mkdir d", .modified, ""),
  ])
  func findsChangesOfDirectories(command: String, change: TreeError.Change, path: String) throws {
    let folder = Folder()
    try run("/bin/sh", "-c", "mkdir -p d/g; echo 1 > d/f; sleep .05", in: folder.path)
    var origin = DirectoryOrigin(try OpenFile.directory(folder.path))
    let (place, trigger) = (folder.path, Array((path.isEmpty ? "d" : "d/f").utf8))
    origin.includes = { name throws(TreeError) in
      if name == trigger { _ = try? run("/bin/sh", "-c", command, in: place) }
      return true
    }
    #expect(throws: TreeError.changed(change, path: Array(path.utf8))) { try origin.read() }
  }

  /// Parts of a large directory, many small ones, names of one inode far apart: the order is that of one thread.
  @Test func threadsMakeNoDifference() throws {
    let folder = Folder()
    try run(
      "/usr/bin/python3", "-c",
      """
      import os, sys
      os.chdir(sys.argv[1])
      for n in range(900):
          os.makedirs(f'many/{n % 7}/{n}/empty'); open(f'many/{n % 7}/{n}/f', 'w').write(str(n))
          open(f'large{n}', 'w').write('x' * (n % 5)); os.symlink(str(n), f'link{n}')
          if n % 3 == 0: os.link(f'large{n}', f'many/{n % 7}/{n}/hard')
      """, folder.path)
    func lines(threads: Int) throws -> [String] {
      var origin = DirectoryOrigin(try OpenFile.directory(folder.path))
      origin.threads = threads
      return try TreeSupport.lines(try origin.read())
    }
    let one = try lines(threads: 1)
    #expect(one.count == 900 * 5 + 300 + 7 + 2)
    for threads in [2, 5] { #expect(try lines(threads: threads) == one) }
  }

  /// A directory that says of a name what is not so any more, as file systems do that do not know it.
  @Test(arguments: ["rm f; mkdir f; echo 1 > f/g", "rm -r d; echo 1 > d"])
  func asksWhatDirectoriesSayWrong(command: String) throws {
    let folder = Folder()
    try run("/bin/sh", "-c", "mkdir d; echo 1 > d/g; echo 2 > f; sleep .05", in: folder.path)
    var origin = DirectoryOrigin(try OpenFile.directory(folder.path))
    let place = folder.path
    var isDone = false
    origin.includes = { name throws(TreeError) in
      if name == Array("d".utf8), !isDone { _ = try? run("/bin/sh", "-c", command, in: place) }
      isDone = true
      return true
    }
    let found = try origin.read()
    #expect(try lines(found) == lines(try tree(of: folder.path)))
    #expect(found.entryCount == (command.hasPrefix("rm f") ? 5 : 3))
  }

  /// Whatever comes first in the tree, not what was found first.
  @Test func reportsTheFirstError() throws {
    let folder = Folder()
    try run("/bin/sh", "-c", "mkdir a z; echo 1 > a/f; echo 2 > m; sleep .05", in: folder.path)
    var origin = DirectoryOrigin(try OpenFile.directory(folder.path))
    let place = folder.path
    origin.includes = { name throws(TreeError) in
      if name == Array("z".utf8) { _ = try? run("/bin/sh", "-c", "rm -r a m z", in: place) }
      return true
    }
    #expect(throws: TreeError.changed(.vanished, path: Array("a".utf8))) { try origin.read() }
  }

  /// Another user reads what the superuser has hidden: an error with the path, unless it is left out.
  @Test(.enabled(if: isSuperuser)) func saysWhatCannotBeRead() async {
    await #expect(processExitsWith: .success) {
      let folder = Folder()
      chmod(folder.path, 0o755)
      try run(
        "/bin/sh", "-c", "mkdir open shut; echo 1 > open/f; echo 2 > open/g; chmod 0 open/g shut", in: folder.path)
      guard setgroups(0, nil) == 0, setegid(65534) == 0, seteuid(65534) == 0 else { exit(2) }
      do {
        _ = try tree(of: folder.path)
        exit(3)
      } catch TreeError.system(.open, let path, EACCES) { if path != Array("shut".utf8) { exit(4) } }
      var origin = DirectoryOrigin(try OpenFile.directory(folder.path))
      origin.includes = { $0 != Array("shut".utf8) }
      let tree = try origin.read()
      if tree.entryCount != 4 { exit(5) }
      do {
        _ = try contents("open/g", in: tree)
        exit(6)
      } catch TreeError.system(.open, let path, EACCES) { if path != Array("open/g".utf8) { exit(7) } }
      seteuid(0)
      setegid(0)
      withExtendedLifetime(folder) {}
    }
  }
}
