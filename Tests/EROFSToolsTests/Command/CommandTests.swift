// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTools
import Foundation
import TestSupport
import Testing

/// The built command, as a shell calls it.
@Suite struct CommandTests {
  private func run(_ arguments: String...) throws -> Outcome { try Command.run(Command.path, arguments) }

  private func json(_ outcome: Outcome) throws -> Any {
    try JSONSerialization.jsonObject(with: outcome.output, options: .fragmentsAllowed)
  }

  private static let image = ReferenceImages.path("lz4hc-16k-full-index")

  // MARK: Exit status and messages

  @Test(arguments: [
    ([], 0), (["--version"], 0), (["ls", "--help"], 0), (["nonsense"], 64), (["ls"], 64),
    (["info", "--nonsense", "x"], 64),
    (["extract", "x", "y", "--threads", "0"], 64), (["info", "x", "--offset", "12Q"], 64),
    (["info", "/nonexistent"], 1),
    (["ls", "/dev/null"], 1), (["fsck", "/etc/passwd"], 1), (["cat", image, "/nonexistent"], 1),
    (["cat", image, "/"], 1),
    (["stat", image, "/nonexistent"], 1), (["ls", image, "/nonexistent"], 1), (["fsck", image], 0),
    (["extract", image, "/nonexistent/directory"], 1), (["extract", image, "/tmp", "--path", "/nonexistent"], 1),
  ])
  func status(arguments: [String], status: Int) throws {
    let outcome = try Command.run(Command.path, arguments)
    #expect(outcome.status == Int32(status))
    #expect(outcome.errors.isEmpty == (status == 0), "\(outcome.errors)")
    if status != 0 { #expect(outcome.errors.hasPrefix("erofs: ")) }
  }

  // MARK: Reading

  @Test func infoAsJSON() throws {
    let info = try #require(try json(try run("info", "--json", Self.image)) as? [String: Any])
    #expect(info["uuid"] as? String == "00000000-0000-4000-8000-000000000001")
    #expect(info["block_size"] as? Int == 4096)
    #expect(info["checksum_matches"] as? Bool == true)
    #expect((info["algorithms"] as? [[String: Any]])?.map { $0["name"] as? String } == ["lz4"])
    #expect((info["counts"] as? [String: Int])?["directory"] == 53)
    #expect((info["memory"] as? [String: Int])?["least_bytes"].map { $0 > 4096 } == true)
    #expect(try run("info", Self.image).text.contains("checksum      "))
  }

  /// Every path and every field of the manifest, through JSON; names that are not UTF-8 too.
  @Test func listingAsJSON() throws {
    let rows = try #require(try json(try run("ls", "-R", "-a", "--json", Self.image)) as? [[String: Any]])
    var expected: [[UInt8]: ManifestRow] = [:]
    for row in ReferenceImages.manifest where row.path != [0x2F] { expected[row.path] = row }
    var seen = 0
    for row in rows {
      let path = try #require(Self.bytes("path", row))
      if path.suffix(2) == [0x2F, 0x2E] || path.suffix(3) == [0x2F, 0x2E, 0x2E] { continue }
      let want = try #require(expected[path], "\(path.printable)")
      seen += 1
      #expect(
        row["mode"] as? String == (String(repeating: "0", count: 4) + String(want.mode, radix: 8)).suffix(4).description
      )
      #expect(row["uid"] as? UInt32 == want.uid)
      #expect(row["gid"] as? UInt32 == want.gid)
      #expect(
        (row["mtime"] as? Int64).map { $0 * 1_000_000_000 + (row["mtime_nanoseconds"] as? Int64 ?? -1) } == want.mtime)
      if let size = want.size { #expect(row["size"] as? UInt64 == size) }
      if let target = want.target { #expect(Self.bytes("target", row) == target) }
      if let device = want.device { #expect(row["device_minor"] as? UInt32 == device.minor) }
    }
    #expect(seen == expected.count)
    #expect(rows.contains { $0["path_hex"] != nil })
  }

  private static func bytes(_ key: String, _ row: [String: Any]) -> [UInt8]? {
    guard let digits = row[key + "_hex"] as? String else { return (row[key] as? String).map { Array($0.utf8) } }
    let characters = Array(digits)
    return stride(from: 0, to: characters.count, by: 2).compactMap {
      UInt8(String(characters[$0...($0 + 1)]), radix: 16)
    }
  }

  /// Names come out as the bytes that they are, and go in as such.
  @Test func namesAreBytes() throws {
    let listed = try run("ls", "-a", Self.image, "/names").output.split(separator: 0x0A).map(Array.init)
    let prefix = Array("/names/".utf8)
    let expected = ReferenceImages.manifest.map(\.path).filter { $0.starts(with: prefix) }.map {
      Array($0.dropFirst(7))
    }
    // A newline in a name looks like the end of one.
    #expect(Set(listed).isSuperset(of: expected.filter { !$0.contains(0x0A) }))
    #expect(expected.count > 5)
    let odd = try #require(
      ReferenceImages.manifest.first { row in
        row.kind == "file" && !String(decoding: row.path, as: UTF8.self).utf8.elementsEqual(row.path)
      })
    // Foundation passes no such arguments; a shell does.
    let escaped = odd.path.map {
      "\\" + String(repeating: "0", count: 3 - String($0, radix: 8).count) + String($0, radix: 8)
    }
    let outcome = try Command.run(
      "/bin/sh", ["-c", "exec \"$0\" cat \"$1\" \"$(printf '\(escaped.joined())')\"", Command.path, Self.image])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(sha256(outcome.output) == odd.sha256)
  }

  @Test func catWritesContents() throws {
    let rows = ReferenceImages.manifest.filter { $0.path.starts(with: Array("/contents/".utf8)) }
    #expect(!rows.isEmpty)
    for row in rows {
      let outcome = try run("cat", Self.image, String(decoding: row.path, as: UTF8.self))
      #expect(sha256(outcome.output) == row.sha256)
      #expect(UInt64(outcome.output.count) == row.size)
    }
    let paths = rows.map { String(decoding: $0.path, as: UTF8.self) }
    let all = try Command.run(Command.path, ["cat", ReferenceImages.path("lz4hc-64k-tail")] + paths)
    #expect(UInt64(all.output.count) == rows.reduce(0) { $0 + ($1.size ?? 0) })
  }

  @Test func statShowsAttributes() throws {
    let rows = try #require(
      try json(try run("stat", "--json", Self.image, "/xattrs/one", "/links/relative")) as? [[String: Any]])
    let attributes = try #require(rows[0]["xattrs"] as? [[String: Any]])
    #expect(attributes.map { $0["name"] as? String } == ["user.one"])
    #expect(attributes.map { $0["value_hex"] as? String } == [Array("value".utf8).hexadecimal])
    #expect(rows[1]["target"] as? String == "../contents/text-150000")
    #expect(try run("stat", Self.image, "/xattrs/one").text.contains("user.one = value"))
  }

  /// An image behind something else, and one with an extra device.
  @Test func offsetAndDevices() throws {
    let folder = TemporaryFolder()
    let moved = try folder.write(
      [UInt8](repeating: 7, count: 5000) + Array(try ReferenceImages.image("lz4hc-16k-full-index")), "moved")
    #expect(try run("fsck", moved, "--offset", "5000").status == 0)
    #expect(try run("fsck", moved, "--offset", "0x1388").status == 0)
    #expect(try run("fsck", moved).status == 1)
    let name = "chunks-64k-device"
    let device = try #require(ReferenceImages.devices(name).first)
    #expect(try run("fsck", ReferenceImages.path(name), "--device", device).status == 0)
    let without = try run("fsck", ReferenceImages.path(name))
    #expect(without.status == 1)
    // Said once, and not for each of its files.
    #expect(without.errors.components(separatedBy: "--device").count == 2, "\(without.errors)")
    #expect(try run("fsck", "--metadata-only", ReferenceImages.path(name)).status == 0)
  }

  // MARK: Extracting and checking

  @Test func extractsPartsOnly() throws {
    let folder = TemporaryFolder()
    #expect(try run("extract", Self.image, folder("links"), "--path", "/links").status == 0)
    #expect(FileManager.default.fileExists(atPath: folder("links/hard-1")))
    #expect(try run("extract", Self.image, folder("one"), "--path", "/contents/text-150000").status == 0)
    let row = try #require(ReferenceImages.manifest.first { $0.path == Array("/contents/text-150000".utf8) })
    #expect(sha256(try Data(contentsOf: URL(fileURLWithPath: folder("one/text-150000")))) == row.sha256)
    let stat = try #require(
      try json(try run("stat", "--json", Self.image, "/contents/text-150000")) as? [[String: Any]])
    let nid = try #require(stat[0]["nid"] as? Int)
    #expect(try run("extract", Self.image, folder("two"), "--nid", "\(nid)").status == 0)
    #expect(sha256(try Data(contentsOf: URL(fileURLWithPath: folder("two/nid-\(nid)")))) == row.sha256)
    #expect(try run("extract", Self.image, folder("two"), "--nid", "\(nid)").status == 1)
    #expect(try run("extract", Self.image, folder("two"), "--nid", "\(nid)", "--overwrite").status == 0)
  }

  @Test func checkAsJSON() throws {
    let folder = TemporaryFolder()
    let good = try #require(try json(try run("fsck", "--json", Self.image)) as? [String: Any])
    #expect(good["good"] as? Bool == true)
    var patch = try ImagePatch()
    patch.set(Field<DirectoryRecord, UInt32>.nidHigh, 9, at: try patch.entry("hard-1", in: "/links").offset)
    let path = try folder.write(patch.sealed, "image")
    let outcome = try run("fsck", "--json", path)
    #expect(outcome.status == 1)
    let bad = try #require(try json(outcome) as? [String: Any])
    let found = try #require(bad["problems"] as? [[String: Any]])
    #expect(
      found.contains { $0["path"] as? String == "/links/hard-1" && $0["code"] as? String == "corrupt-outsideDevice" })
    let report = try run("fsck", path).errors
    #expect(report.contains("/links/hard-1 (nid "))
  }

  /// Whoever reads half of the output leaves the command without a word.
  @Test func readerThatGoesAway() throws {
    let outcome = try Command.run(
      "/bin/bash",
      [
        "-c", "\"$0\" cat \"$1\" /contents/zeros-300000 | head -c 1 | wc -c; exit ${PIPESTATUS[0]}", Command.path,
        Self.image,
      ])
    #expect(outcome.text.trimmingCharacters(in: .whitespacesAndNewlines) == "1")
    #expect(outcome.errors.isEmpty)
    #expect(outcome.status == 141)
  }
}
