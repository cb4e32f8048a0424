// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CXattr
import EROFSTools
import Foundation
import TestSupport
import Testing

/// Trees of this machine, made into images by mkfs.erofs, as the running kernel reads them and as they are extracted.
@Suite struct KernelTests {
  private static let mkfs = Command.find("mkfs.erofs", amongPeers: true)

  /// All codecs and what they are combined with; `@DEVICE` stands for an extra device.
  private static let optionSets: [[String]] = [
    ["-b512"], ["-Edot-omitted"], ["--chunksize=4096"], ["--chunksize=65536", "--blobdev=@DEVICE"],
    ["-zlz4", "-Eztailpacking"], ["-zlz4hc", "-C65536"], ["-zlz4hc", "-C1048576"], ["-zlz4hc", "-C65536", "-Ededupe"],
    ["-zlz4hc", "-C65536", "-Ededupe,all-fragments"], ["-zlz4hc", "-C16384", "-Elegacy-compress"],
    ["-zlz4hc", "-C65536", "-E48bit", "--max-extent-bytes=65536"], ["-zlz4hc", "-m4096"],
    ["-zlz4hc", "--zD", "-Efragments"], ["-zlz4", "-x1", "--xattr-prefix=user.long.", "-Exattr-name-filter"],
    ["-zlzma", "-Efragments,dedupe"], ["-zlzma", "-C1048576", "-Eall-fragments"],
    ["-zdeflate,9", "-C16384"], ["-zlibdeflate,12", "-C32768", "-Eztailpacking"],
    ["-zzstd", "-Efragments"], ["-zzstd", "-E48bit", "-C65536"], ["-zzstd", "-E48bit,all-fragments", "-C131072"],
    ["-zzstd", "-m16384:zstd", "-C65536", "-Efragments"],
  ]

  static let reason: String? = {
    guard isSuperuser else { return "mounting takes the superuser" }
    guard mkfs != nil else { return "no mkfs.erofs" }
    guard Command.find("mount") != nil, Command.find("losetup") != nil else { return "no mount, or no losetup" }
    guard (try? Mounted([], of: "/etc/ssl")) != nil else { return "the kernel does not mount EROFS images" }
    return nil
  }()

  /// A tree as an image, mounted as long as this lives.
  private final class Mounted {
    let folder = TemporaryFolder()
    private(set) var devices: [String] = []
    private var loop: String?
    var image: String { folder("image") }
    var path: String { folder("mounted") }

    private static func run(_ program: String, _ arguments: [String]) throws -> String {
      let outcome = try Command.run(program, arguments)
      guard outcome.status == 0 else {
        throw Refused(description: "\(program): \(outcome.errors.split(separator: "\n").last ?? "it failed")")
      }
      return outcome.text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    struct Refused: Error, CustomStringConvertible { let description: String }

    init(_ options: [String], of source: String) throws {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      let device = folder("device")
      let words = options.map { $0.replacingOccurrences(of: "@DEVICE", with: device) }
      _ = try Self.run(KernelTests.mkfs!, words + [image, source])
      var mountOptions = "ro,loop"
      if words != options {
        devices = [device]
        loop = try Self.run(Command.find("losetup")!, ["--find", "--show", "--read-only", device])
        mountOptions += ",device=" + loop!
      }
      do {
        _ = try Self.run(Command.find("mount")!, ["-t", "erofs", "-o", mountOptions, image, path])
      } catch {
        detach()
        throw error
      }
    }

    private func detach() { if let loop { _ = try? Command.run(Command.find("losetup")!, ["--detach", loop]) } }

    deinit {
      _ = try? Command.run(Command.find("umount")!, [path])
      detach()
    }
  }

  /// Some of this machine, and what it may not have: links, holes, devices, attributes, and files that are long, equal,
  /// or end alike.
  private static let source: TemporaryFolder = {
    let folder = TemporaryFolder()
    let script = """
      set -e; cd "$0"; mkdir tree; cd tree; cp -a /etc /usr/share/zoneinfo .
      mkdir made empty; cd made
      for n in 1 2 3; do seq 1 100000 | awk -v n=$n '{ print $1 * n % 7919, $1 }' >long-$n; done
      cp long-1 long-1-again; { cat long-2; echo more; } >long-2-longer; head -c 70000 long-3 >long-3-start
      truncate -s 5000000 hole; printf data | dd of=hole bs=1 seek=3000000 conv=notrunc 2>/dev/null
      head -c 2000000 /dev/zero >zeros; for n in $(seq 1 300); do seq $n $((n * 9 % 1000)) >small-$n; done
      ln long-1 hard; ln -s ../etc/passwd link; mkfifo fifo; mknod null c 1 3; mknod disk b 259 70000
      touch "$(printf 'odd\\nname\\377')"; chmod 4755 small-1; chown 123456:654321 small-2
      touch -d @1234567890.123456789 small-3
      """
    _ = try? Command.run("/bin/bash", ["-c", script, folder.path])
    for number in 4...20 {
      let path = folder("tree/made/small-\(number)")
      for (name, value) in [("user.long.\(number % 3)", "value \(number % 2)"), ("trusted.t", "same"), ("user.s", "")] {
        _ = lsetxattr(path, name, value, value.utf8.count, 0)
      }
    }
    return folder
  }()

  @Test(.enabled(if: reason == nil, "\(reason ?? "")"), arguments: optionSets)
  func readsAsTheKernelDoes(options: [String]) throws {
    let mounted: Mounted
    do { mounted = try Mounted(options, of: Self.source("tree")) } catch let refused as Mounted.Refused {
      // The distribution's mkfs.erofs may know LZ4 only, and a kernel may lack a codec.
      try Test.cancel("\(options.joined(separator: " ")): \(refused)")
    }
    let folder = TemporaryFolder()
    #expect(try problems(of: mounted.image, devices: mounted.devices).isEmpty)
    #expect(try extract(mounted.image, devices: mounted.devices, to: folder("tree")).summary.failures == 0)
    let expected = try DiskTree(mounted.path).rows
    let rows = try DiskTree(folder("tree")).rows
    #expect(rows.count > 400)
    #expect(rows[Array("/made/disk".utf8)]?.device?.minor == 70000)
    #expect(Set(rows.keys) == Set(expected.keys))
    for (path, row) in rows {
      if let want = expected[path] { #expect(row.differences(from: want).isEmpty, "\(path.printable)") }
    }
  }

  /// Where the newest mkfs.erofs is installed and the kernel is a recent one, no codec may be skipped.
  @Test(
    .enabled(
      if: reason == nil && Command.find("mkfs.erofs", amongPeers: true)?.hasSuffix("/peers/bin/mkfs.erofs") == true,
      "the distribution's mkfs.erofs, or \(reason ?? "an old kernel")"))
  func comparesAllCodecs() {
    for codec in ["-zlz4", "-zlz4hc", "-zlzma", "-zdeflate,9", "-zlibdeflate,12", "-zzstd"] {
      #expect(Self.optionSets.contains { $0.contains(codec) }, "\(codec)")
      #expect(throws: Never.self, "\(codec)") { try Mounted([codec], of: "/etc/ssl") }
    }
  }
}
