// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTools
import Foundation
import TestSupport
import Testing

/// `erofs mount` and `erofs umount` as programs: how mounts begin and end.
@Suite(.enabled(if: Mounted.problem == nil, "\(Mounted.problem ?? "")"))
struct MountCommandTests {
  private static let image = "lz4hc-16k-full-index"
  private static let file = "contents/text-150000"

  @Test func aMountEndsWhenItIsNotUsed() throws {
    let mounted = try Mounted(Self.image)
    let server = try #require(mounted.server)
    let file = open(mounted(Self.file), O_RDONLY)
    #expect(file >= 0)
    let busy = try Command.erofs("umount", mounted.path)
    #expect(busy.status == 1)
    #expect(busy.errors == "erofs: \(mounted.path): unmounting failed: Device or resource busy\n")
    #expect(mounted.isMounted)
    close(file)
    #expect(try Command.erofs("umount", mounted.path).status == 0)
    #expect(!mounted.isMounted)
    #expect(waits { kill(server, 0) != 0 || isEnded(server) })
    let again = try Command.erofs("umount", mounted.path)
    #expect(again.status == 1 && again.errors.contains("unmounting failed"))
  }

  /// Whether a process has ended, though its parent may not have noticed yet.
  private func isEnded(_ process: pid_t) -> Bool {
    let text = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
    return text.isEmpty || text.contains(") Z ")
  }

  @Test(arguments: [SIGTERM, SIGINT, SIGHUP])
  func aSignalUnmounts(signal: Int32) throws {
    let mounted = try Mounted(Self.image)
    let server = try #require(mounted.server)
    kill(server, signal)
    #expect(waits { !mounted.isMounted && isEnded(server) })
  }

  /// Another process notices that the server has been killed, and unmounts, even what is in use.
  @Test func aKilledServerLeavesNoMount() throws {
    let mounted = try Mounted(Self.image)
    let file = open(mounted(Self.file), O_RDONLY)
    defer { close(file) }
    kill(try #require(mounted.server), SIGKILL)
    #expect(waits { !mounted.isMounted })
    var byte: UInt8 = 0
    // Who still has a file open gets an error, and does not wait.
    #expect(pread(file, &byte, 1, 100_000) < 0 && errno == ENOTCONN)
  }

  @Test func anIdleMountEnds() throws {
    let mounted = try Mounted(Self.image, "--idle", "1")
    let file = open(mounted(Self.file), O_RDONLY)
    #expect(file >= 0)
    // What is in use stays.
    #expect(!waits(3) { !mounted.isMounted })
    close(file)
    #expect(waits { !mounted.isMounted })
  }

  @Test func theTraceListsFilesInTheOrderOfTheirReads() throws {
    let folder = TemporaryFolder()
    let mounted = try Mounted(Self.image, "--trace", folder("trace"))
    let wanted = ["sizes/4097", "names/with space", Self.file, "names/a"].filter { access(mounted($0), F_OK) == 0 }
    #expect(wanted.count >= 3)
    for name in wanted + wanted { #expect(FileManager.default.contents(atPath: mounted(name)) != nil) }
    let text = try String(contentsOfFile: folder("trace"), encoding: .utf8)
    #expect(text == wanted.map { $0.replacing(" ", with: "\\040") + "\n" }.joined())
  }

  @Test func statsCountWhatWasDone() throws {
    let mounted = try Mounted(Self.image, "--cache", "1M", "--prefetch", "0")
    let size = try #require(FileManager.default.contents(atPath: mounted(Self.file))).count
    let outcome = try Command.erofs("mount", "--stats", "--json", mounted.path)
    let figures = try #require(outcome.json as? [String: Int])
    #expect(figures["read_bytes"] ?? 0 >= size)
    #expect(figures["cache_limit"] == 1 << 20)
    #expect(figures["errors"] == 0)
    #expect(figures["cache_misses"] ?? 0 > 0 && figures["decoded_bytes"] ?? 0 >= size)
    let lines = try Command.erofs("mount", "--stats", mounted.path).text.split(separator: "\n")
    #expect(lines.count == figures.count)
    #expect(lines.contains { $0.hasSuffix("\(1 << 20)  bytes that the cache may hold") })
    let elsewhere = try Command.erofs("mount", "--stats", "/")
    #expect(elsewhere.status == 1)
    #expect(elsewhere.errors == "erofs: /: no image is mounted there by this command\n")
  }

  @Test func anImageMayBeInsideAFileOrAnOpenFile() throws {
    let folder = TemporaryFolder()
    let path = try folder.write(
      [UInt8](repeating: 0x55, count: 12345) + (try ReferenceImages.image(Self.image)), "x, y\\z")
    let whole = try Mounted(Self.image)
    let text = try Data(contentsOf: URL(fileURLWithPath: whole(Self.file)))
    let inside = try Mounted(image: path, ["--offset", "12345"])
    #expect(FileManager.default.contents(atPath: inside(Self.file)) == text)
    let directory = folder("mounted")
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
    let script = "exec 3<\"$1\"; \"$0\" mount /proc/self/fd/3 \"$2\""
    let outcome = try Command.run(
      "/bin/bash", ["-c", script, Command.path, ReferenceImages.path(Self.image), directory])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(FileManager.default.contents(atPath: directory + "/" + Self.file) == text)
    #expect(try Command.erofs("umount", directory).status == 0)
  }

  /// An image that is truncated while it is mounted costs the files that it held, and nothing else.
  @Test func anImageThatShrinksIsAnError() throws {
    let folder = TemporaryFolder()
    try FileManager.default.copyItem(atPath: ReferenceImages.path("plain-512"), toPath: folder("image"))
    let mounted = try Mounted(image: folder("image"))
    #expect(truncate(folder("image"), 2048) == 0)
    let file = open(mounted(Self.file), O_RDONLY)
    defer { close(file) }
    var byte: UInt8 = 0
    #expect((file < 0 || read(file, &byte, 1) < 0) && errno == EIO)
    var status = stat()
    #expect(mounted.isMounted && stat(mounted.path, &status) == 0)
    #expect(try Command.erofs("umount", mounted.path).status == 0)
  }

  @Test func whatCannotBeMountedIsNamed() throws {
    let folder = TemporaryFolder()
    let directory = folder("directory")
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
    let text = try folder.write([UInt8](repeating: 0x41, count: 5000), "text")
    let image = ReferenceImages.path(Self.image)
    for (arguments, status, message) in [
      ([text, directory], 1, "this is not an EROFS image"),
      ([folder("none"), directory], 1, "\(folder("none")): opening the image failed: No such file or directory"),
      ([directory, directory], 1, "\(directory): not a file or block device"),
      ([image, folder("none")], 1, "mounting on \(folder("none")) failed"),
      ([image, text], 1, "\(text): not a directory"),
      (["--offset", "1G", image, directory], 1, "but the file has only"),
      (["--trace", folder("none/trace"), image, directory], 1, "creating the trace failed: No such file or directory"),
      ([image], 64, "Two arguments are required"), (["--threads", "0", image, directory], 64, "--threads must be"),
      (["--stats", image, directory], 64, "--stats takes"), (["-o", "nonsense", image, directory], 1, "failed"),
      // By a loop device where the file system that has the file is one that Linux cannot read EROFS from directly.
      (["--kernel", "always", text, directory], 1, "mounting by the kernel"),
    ] as [([String], Int32, String)] {
      let outcome = try Command.run(["mount"] + arguments, calledAs: "erofs")
      #expect(outcome.status == status, "\(arguments)")
      #expect(outcome.errors.contains(message), "\(arguments): \(outcome.errors)")
      #expect(!Mounted.isMounted(directory))
    }
  }

  /// Devices that are not the image's are refused, and not read.
  @Test func wrongDevicesAreRefused() throws {
    let name = try #require(ReferenceImages.names.first { !ReferenceImages.devices($0).isEmpty })
    let (folder, image) = (TemporaryFolder(), ReferenceImages.path(name))
    let device = ReferenceImages.devices(name)[0]
    let short = try folder.write([UInt8](repeating: 0, count: 512), "short")
    let directory = folder("directory")
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
    for (devices, message) in [
      ([short], "extra device 1 is too short"), ([device, device], "2 extra devices given, but the image has 1"),
    ] {
      let arguments = ["mount"] + devices.flatMap { ["--device", $0] } + [image, directory]
      let outcome = try Command.run(arguments, calledAs: "erofs")
      #expect(outcome.status == 1 && outcome.errors.contains(message), "\(outcome.errors)")
      #expect(!Mounted.isMounted(directory))
      let words = devices.map { "--device=\($0)" } + [image, directory]
      let other = try Command.run(words, calledAs: "erofsfuse")
      #expect(other.status == 1 && other.errors.contains(message), "\(other.errors)")
    }
  }

  /// The kernel mounts what it can, which is said; FUSE does the rest.
  @Test func theKernelComesFirstIfItMay() throws {
    let folder = TemporaryFolder()
    let directory = folder("directory")
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
    let image = ReferenceImages.path(Self.image)
    let outcome = try Command.erofs("mount", "--kernel", "auto", "-o", "nosuid", image, directory)
    #expect(outcome.status == 0)
    #expect(Mounted.isMounted(directory))
    let table = try String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)
    let row = try #require(table.split(separator: "\n").first { $0.contains(" \(directory) ") }).split(separator: " ")
    if outcome.errors.hasPrefix("erofs: mounted by the kernel, from ") {
      #expect(row[2] == "erofs")
    } else {
      #expect(row[2] == "fuse.erofs" && outcome.errors.contains("mounting by FUSE"))
    }
    #expect(row[3].contains("nosuid"))
    #expect(FileManager.default.contents(atPath: directory + "/" + Self.file)?.count == 150_000)
    #expect(try Command.erofs("umount", directory).status == 0)
  }

  /// While eight programs read, unmounting is refused, or it takes the name at once and the readers finish or fail; no
  /// process stays.
  @Test func unmountingUnderLoadEnds() throws {
    for detaches in [false, true] {
      let mounted = try Mounted(Self.image, "--cache", "64K")
      let server = try #require(mounted.server)
      let script = "cd \"$0\"; while cat contents/* sizes/* >/dev/null 2>&1; do :; done"
      let readers = try (0..<8).map { _ in try Command.start("/bin/bash", ["-c", script, mounted.path]) }
      usleep(300_000)
      if detaches {
        #expect(umount2(mounted.path, Int32(MNT_DETACH)) == 0)
      } else {
        let busy = try Command.erofs("umount", mounted.path)
        #expect(busy.status == 1 && busy.errors.contains("Device or resource busy"), "\(busy.errors)")
        kill(server, SIGTERM)
      }
      #expect(waits { !mounted.isMounted })
      for reader in readers {
        // In a detached mount, who is inside may go on.
        if detaches { kill(reader.process.processIdentifier, SIGKILL) }
        reader.process.terminate()
        _ = try reader.finish()
      }
      #expect(waits { isEnded(server) })
    }
  }

  /// A repository in an image: git reads packs by mmap, at random places, and checks each object.
  @Test(.enabled(if: Command.find("git") != nil, "no git"))
  func aRepositoryIsWhole() throws {
    let folder = TemporaryFolder()
    let script = """
      set -e; export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a
      export GIT_COMMITTER_EMAIL=a@b; git init -q "$0"; cd "$0"
      for i in 1 2 3 4 5 6; do seq 1 $((i * 9000)) >numbers; head -c 70000 /dev/urandom >noise$i; git add .; git commit -qm $i; done
      git gc -q
      """
    let made = try Command.run("/bin/bash", ["-c", script, folder("tree")])
    #expect(made.status == 0, "\(made.errors)")
    let outcome = try Command.erofs(
      "mkfs", "--quiet", "-zlzma", "-C65536", "-Efragments", folder("image"), folder("tree"))
    #expect(outcome.status == 0, "\(outcome.errors)")
    let mounted = try Mounted(image: folder("image"), ["--cache", "256K"])
    for arguments in [["fsck", "--full", "--strict"], ["log", "--stat"], ["diff", "--exit-code", "HEAD"]] {
      let check = try Command.run(
        Command.find("git")!, ["-c", "safe.directory=*", "--no-optional-locks", "-C", mounted.path] + arguments)
      #expect(check.status == 0, "\(arguments): \(check.errors)")
    }
  }

  /// The programs of erofs-utils by whose names it may be called.
  @Test func standInsMount() throws {
    let folder = TemporaryFolder()
    let directory = folder("directory")
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
    let image = ReferenceImages.path(Self.image)
    for (name, arguments) in [
      ("erofsfuse", ["-o", "allow_other", image, directory]), ("erofsfuse", ["--offset=0", image, directory, "-s"]),
      ("mount.erofs", [image, directory, "-t", "erofs.fuse", "-o", "rw,nosuid,x-systemd.automount"]),
      ("mount.erofs", [image, directory]),
    ] {
      let outcome = try Command.run(arguments, calledAs: name)
      #expect(outcome.status == 0, "\(name) \(arguments): \(outcome.errors)")
      #expect(Mounted.isMounted(directory))
      #expect(FileManager.default.contents(atPath: directory + "/" + Self.file)?.count == 150_000)
      #expect(try Command.run(["-u", directory], calledAs: "mount.erofs").status == 0)
      #expect(!Mounted.isMounted(directory))
    }
    for (name, arguments, message) in [
      ("erofsfuse", [image], "IMAGE and MOUNTPOINT are needed"), ("erofsfuse", ["-x", image], "invalid option"),
      ("mount.erofs", [image], "missing argument: MOUNTPOINT"),
      ("mount.erofs", ["-t", "erofs.nbd", image, directory], "only erofs, erofs.local and erofs.fuse"),
      ("mount.erofs", ["-o", "oci.platform=x", image, directory], "images are not read over a network"),
    ] {
      let outcome = try Command.run(arguments, calledAs: name)
      #expect(outcome.status == 1 && outcome.errors.contains(message), "\(name): \(outcome.errors)")
    }
    for name in ["erofsfuse", "mount.erofs"] {
      #expect(try Command.run(["--help"], calledAs: name).text.hasPrefix("Usage: \(name)"))
    }
  }
}
