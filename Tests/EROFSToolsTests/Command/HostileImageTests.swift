// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTools
import Foundation
import SystemPackage
import TestSupport
import Testing

/// Images that were made to do harm: the checker names what is wrong, and extraction ends and stays in its place.
@Suite struct HostileImageTests {
  let folder = TemporaryFolder()

  /// What the checker finds in the image, which gets a checksum that is right, so that only what was meant is wrong.
  private func check(_ patch: ImagePatch) throws -> [String] {
    let path = try folder.write(patch.sealed, "image")
    let codes = try problems(of: path).map(\.cause.code)
    // What a program reads from a report must not depend on the depth of the check.
    #expect(try problems(of: path, metadataOnly: true).map(\.cause.code) == codes)
    return codes
  }

  /// Everything in the test's folder but the image and the extracted tree.
  private func strangers() throws -> Set<String> {
    Set(try FileManager.default.contentsOfDirectory(atPath: folder.path)).subtracting(["image", "tree"])
  }

  @Test func directoryLoop() throws {
    var patch = try ImagePatch()
    try patch.point("d0", in: "/directories", to: patch.rootNID)
    #expect(try check(patch).contains("second-parent"))
    let (events, summary) = try extract(folder("image"), to: folder("tree"))
    #expect(summary.failures == 1)
    #expect(events.contains { "\($0)".contains("/directories/d0") })
    #expect(try strangers().isEmpty)
    #expect(!FileManager.default.fileExists(atPath: folder("tree/directories/d0")))
    #expect(FileManager.default.fileExists(atPath: folder("tree/links/hard-1")))
  }

  @Test func directoryWithTwoParents() throws {
    var patch = try ImagePatch()
    try patch.point("empty", in: "/directories", to: patch.inode("/links").nid)
    #expect(try check(patch).contains("second-parent"))
    #expect(try extract(folder("image"), to: folder("tree")).summary.failures == 1)
  }

  @Test(arguments: [("..", "/directories"), (".", "/links")])
  func dotsThatLeadElsewhere(name: String, directory: String) throws {
    var patch = try ImagePatch()
    try patch.point(name, in: directory, to: patch.inode("/names").nid)
    #expect(try check(patch) == ["dots"])
    // For reading, those entries mean nothing.
    #expect(try extract(folder("image"), to: folder("tree")).summary.failures == 0)
  }

  @Test func nameThatComesTwice() throws {
    var patch = try ImagePatch()
    try patch.rename("hard-2", in: "/links", to: "hard-1")
    #expect(try check(patch).contains("corrupt-nameOrder"))
    #expect(try extract(folder("image"), to: folder("tree")).summary.failures == 1)
    #expect(try strangers().isEmpty)
  }

  @Test(arguments: ["m/ta", "../a", "/etc", "m\u{0}ta"])
  func nameThatIsNone(name: String) throws {
    var patch = try ImagePatch()
    try patch.rename("meta", in: "/", to: name)
    #expect(try !check(patch).isEmpty)
    #expect(try extract(folder("image"), to: folder("tree")).summary.failures > 0)
    #expect(try strangers().isEmpty)
  }

  @Test func entryOfTheWrongKind() throws {
    var patch = try ImagePatch()
    let entry = try patch.entry("hard-1", in: "/links").offset
    patch.set(Field<DirectoryRecord, UInt8>.kind, InodeKind.directory.rawValue, at: entry)
    #expect(try check(patch) == ["entry-kind"])
  }

  /// A hole of 70,000 bytes for a target: no system follows that, and nobody allocates it.
  @Test func linkWhoseTargetIsTooLong() throws {
    var image = CraftedImage()
    let at = image.addInode(CraftedImage.inode(.flatPlain, mode: 0o120777, size: 70_000))
    let nid = CraftedImage.nid(at: at)
    let bytes = image.complete([CraftedImage.Name(name: Array("l".utf8), nid: nid, kind: .symbolicLink)])
    let path = try folder.write(bytes, "image")
    let reader = try ImageReader(ImageFile(FilePath(path)))
    let link = try reader.volume.inode(nid)
    #expect(throws: EROFSError.corrupt(.linkTarget, at: .device(0, offset: UInt64(at)))) { try reader.target(of: link) }
    #expect(try problems(of: path).map(\.cause.code) == ["corrupt-linkTarget"])
    #expect(try extract(path, to: folder("tree")).summary.failures == 1)
  }

  @Test func linkCountThatIsWrong() throws {
    var patch = try ImagePatch()
    let inode = try patch.inode("/links/hard-1")
    if inode.isExtended {
      patch.set(Field<ExtendedInodeRecord, UInt32>.linkCount, 9, at: Int(inode.offset))
    } else {
      patch.set(Field<CompactInodeRecord, UInt16>.linkCountOrHigh, 9, at: Int(inode.offset))
    }
    #expect(try check(patch) == ["link-count"])
  }

  @Test func checksumThatIsWrong() throws {
    var patch = try ImagePatch()
    patch.set(Field<SuperblockRecord, UInt64>.volumeNameLow, 0x58, at: SuperblockRecord.start)
    let path = try folder.write(patch.bytes, "image")
    #expect(try problems(of: path).map(\.cause.code) == ["superblock-checksum"])
    #expect(try check(patch).isEmpty)
  }

  @Test func inodeOutsideTheImage() throws {
    var patch = try ImagePatch()
    try patch.point("hard-1", in: "/links", to: 1 << 40)
    #expect(try check(patch).contains("corrupt-outsideDevice"))
    #expect(try extract(folder("image"), to: folder("tree")).summary.failures == 1)
  }

  /// Whoever meets a bad entry says where, and counts what it says.
  @Test(arguments: [["dump", "--statistics"], ["plan"], ["simulate"], ["dump.erofs", "-S"]])
  func badEntryHasAPath(words: [String]) throws {
    var patch = try ImagePatch()
    try patch.point("hard-1", in: "/links", to: 1 << 40)
    let image = try folder.write(patch.sealed, "image")
    try FileManager.default.createSymbolicLink(atPath: folder("dump.erofs"), withDestinationPath: Command.path)
    let outcome =
      words[0] == "dump.erofs"
      ? try Command.run(folder(words[0]), [words[1], image])
      : try Command.run(Command.path, [words[0], image] + words.dropFirst())
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("/links/hard-1: data outside the image"), "\(outcome.errors)")
  }

  @Test func numbersAgreeWithTheirNouns() throws {
    var patch = try ImagePatch()
    let entry = try patch.entry("hard-1", in: "/links").offset
    patch.set(Field<DirectoryRecord, UInt8>.kind, InodeKind.directory.rawValue, at: entry)
    let image = try folder.write(patch.sealed, "image")
    let outcome = try Command.run(Command.path, ["fsck", image])
    #expect(outcome.status == 1)
    #expect(outcome.text.contains(": 1 error; "), "\(outcome.text)")
    #expect([0, 1, 2].map { $0.counting("inode") } == ["0 inodes", "1 inode", "2 inodes"])
    #expect([1, 1000].map { $0.groupedCounting("entry", plural: "entries") } == ["1 entry", "1,000 entries"])
  }

  /// Data that lies behind the end of an extra device, whether it is read or not.
  @Test func extraDeviceThatIsCutOff() throws {
    let name = "chunks-64k-device"
    let device = try Data(contentsOf: URL(fileURLWithPath: try #require(ReferenceImages.devices(name).first)))
    let short = try folder.write(device.prefix(device.count / 2 & ~4095), "device")
    for metadataOnly in [false, true] {
      let found = try problems(of: ReferenceImages.path(name), devices: [short], metadataOnly: metadataOnly)
      #expect(!found.isEmpty)
      #expect(Set(found.map(\.cause.code)) == ["corrupt-outsideDevice"], "metadata only: \(metadataOnly)")
      #expect("\(found[0])".contains("extra device 1"))
    }
  }

  @Test(.enabled(if: ReferenceImages.names.contains("lz4-digest"), "no image with digests"))
  func digestThatIsWrong() throws {
    let reader = try ImageReader(try ReferenceImages.open("lz4-digest"))
    let inode = try reader.inode(at: "/links/hard-1".utf8)
    let value = try #require(try reader.attributes(of: inode, includingHidden: true).first(where: \.isDigest)).value
    var bytes = Array(try ReferenceImages.image("lz4-digest"))
    let at = try #require(bytes.firstRange(of: value)).lowerBound
    bytes[at + 20] ^= 1
    let path = try folder.write(bytes, "image")
    let found = try problems(of: path)
    #expect(!found.isEmpty)
    #expect(found.allSatisfy { $0.cause.code == "digest" })
    #expect(found.contains { $0.nid == inode.nid })
  }

  /// A file whose data is bad does not appear; all others do, and nothing is left over.
  @Test func fileThatDoesNotDecode() throws {
    let reader = try ImageReader(try ReferenceImages.open("lz4hc-16k-full-index"))
    let path = "/contents/text-150000"
    let extents = try reader.extents(of: try reader.inode(at: path.utf8))
    var bytes = Array(try ReferenceImages.image("lz4hc-16k-full-index"))
    guard case .device(0, let address) = extents[extents.count / 2].place else { throw CocoaError(.featureUnsupported) }
    for i in 0..<4096 { bytes[Int(address) + i] = 0xFF }
    let image = try folder.write(bytes, "image")
    let found = try problems(of: image)
    #expect(found.map(\.path) == [Array(path.utf8.dropFirst())])
    #expect(found.first?.cause.code == "undecodable")
    #expect(try problems(of: image, metadataOnly: true).isEmpty)

    for existing in [false, true] {
      let target = folder(existing ? "tree-2" : "tree")
      if existing {
        try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
        _ = try folder.write([], "tree-2/was-here")
      }
      #expect(try extract(image, to: target).summary.failures == 1)
      #expect(!FileManager.default.fileExists(atPath: target + path))
      var rows = try DiskTree(target).rows
      if existing { #expect(rows.removeValue(forKey: Array("/was-here".utf8)) != nil) }
      let missing = ReferenceImages.manifest.filter { rows[$0.path] == nil && (isSuperuser || $0.device == nil) }
      #expect(missing.map(\.path) == [Array(path.utf8)])
      #expect(rows.count == ReferenceImages.manifest.filter { isSuperuser || $0.device == nil }.count - 1)
    }
  }

  // MARK: Things in the target already

  @Test(arguments: [false, true])
  func symbolicLinksInTheTarget(overwrites: Bool) throws {
    let files = FileManager.default
    for name in ["tree", "tree/links", "outside"] {
      try files.createDirectory(atPath: folder(name), withIntermediateDirectories: true)
    }
    // A directory's name, a file's and a missing one's, all leading out.
    try files.createSymbolicLink(atPath: folder("tree/contents"), withDestinationPath: folder("outside"))
    let victim = try folder.write(Array("untouched".utf8), "outside/victim")
    try files.createSymbolicLink(atPath: folder("tree/links/hard-1"), withDestinationPath: victim)
    try files.createSymbolicLink(atPath: folder("tree/links/hard-2"), withDestinationPath: folder("outside/new"))
    let before = try DiskTree(folder("outside")).rows
    let (_, summary) = try extract(
      ReferenceImages.path("lz4hc-16k-full-index"), to: folder("tree"), overwrites: overwrites)
    #expect((summary.failures == 0) == overwrites)
    let after = try DiskTree(folder("outside")).rows
    #expect(Set(after.keys) == Set(before.keys))
    for (path, row) in before { #expect(after[path].map { $0.differences(from: row) } == []) }
    guard overwrites else { return }
    let rows = try DiskTree(folder("tree")).rows
    for row in ReferenceImages.manifest where isSuperuser || row.device == nil {
      #expect(rows[row.path].map { $0.differences(from: row) } == [], "\(row.path.printable)")
    }
  }

  @Test func overwritesOnlyWhenAsked() throws {
    let image = ReferenceImages.path("lz4hc-16k-full-index")
    try FileManager.default.createDirectory(atPath: folder("tree/links"), withIntermediateDirectories: true)
    let path = try folder.write(Array("mine".utf8), "tree/links/relative")
    let (events, summary) = try extract(image, to: folder("tree"))
    #expect(summary.failures == 1, "\(events)")
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "mine")
    #expect(try extract(image, to: folder("tree-2")).summary.failures == 0)
    // A second time over itself.
    #expect(try extract(image, to: folder("tree-2"), overwrites: true).summary.failures == 0)
    let rows = try DiskTree(folder("tree-2")).rows
    #expect(rows.count == ReferenceImages.manifest.filter { isSuperuser || $0.device == nil }.count)
    for row in ReferenceImages.manifest where isSuperuser || row.device == nil {
      #expect(rows[row.path].map { $0.differences(from: row) } == [], "\(row.path.printable)")
    }
  }
}
