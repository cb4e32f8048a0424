// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSFormatWriting
import EROFSTools
import Foundation
import SystemPackage
import TestSupport
import Testing

/// Images as other projects make them, and files that are no images, as people give them to the command.
@Suite struct ReadingCasesTests {
  let folder = TemporaryFolder()

  // MARK: Directories that Linux lists

  /// An image whose root stores these names in this order, each for a file with that content.
  private func image(_ files: [(name: String, content: String)]) throws -> String {
    var image = CraftedImage()
    var names = ["."].map { DirectoryName(Array($0.utf8), nid: CraftedImage.rootNID, kind: 2) }
    names.append(DirectoryName(Array("..".utf8), nid: CraftedImage.rootNID, kind: 2))
    for file in files {
      let content = Array(file.content.utf8)
      let at = image.add([], alignment: 4096)
      image.add(content)
      image.add([], alignment: 4096)
      let inode = image.addInode(
        CraftedImage.inode(.flatPlain, mode: 0o100644, size: UInt64(content.count), union: UInt32(at / 4096)))
      names.append(DirectoryName(Array(file.name.utf8), nid: CraftedImage.nid(at: inode), kind: 1))
    }
    let blocks = DirectoryName.blocks(names, blockBytes: 4096)
    let at = image.add(blocks, alignment: 4096)
    var bytes = image.complete([])
    let root = CraftedImage.inode(
      .flatPlain, mode: 0o40755, size: UInt64(blocks.count), union: UInt32(at / 4096), links: 2)
    bytes.replaceSubrange(Int(CraftedImage.rootNID) * 32..<Int(CraftedImage.rootNID) * 32 + root.count, with: root)
    return try folder.write(bytes, "image")
  }

  private func content(_ name: String) throws -> String {
    try String(contentsOfFile: folder("out/" + name), encoding: .utf8)
  }

  /// The file that is extracted for a name that comes twice is the one that lookup finds.
  @Test func nameTwice() throws {
    let path = try image([("a", "old"), ("a", "new"), ("b", "bb"), ("c", "cc")])
    #expect(try Command.erofs("fsck", path).errors.contains("not sorted by name"))
    #expect(try Command.erofs("fsck", path).status == 1)
    let outcome = try Command.erofs("extract", path, folder("out"))
    #expect(outcome.status == 1)
    #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
    #expect(try content("a") == (try Command.erofs("cat", path, "/a").text))
    #expect(try content("a") == "new")
    #expect(try content("b") == "bb")
    #expect(try content("c") == "cc")
    let listed = try Command.erofs("ls", path)
    #expect(listed.text == "a\nb\nc\n")
    #expect(listed.status == 1)
  }

  @Test func namesUnsorted() throws {
    let path = try image([("b", "1"), ("a", "2"), ("c", "3")])
    #expect(try Command.erofs("fsck", path).status == 1)
    #expect(try Command.erofs("extract", path, folder("out")).status == 1)
    #expect(try ["a", "b", "c"].map(content) == ["2", "1", "3"])
  }

  /// Over several blocks too, the entry taken is the one that a search in the image finds, if it finds one.
  @Test func listingAgreesWithLookup() throws {
    var state: UInt32 = 7
    let names = (0..<700).map { _ in
      state = state &* 1_664_525 &+ 1_013_904_223
      return (name: "name-\(state >> 23)", content: "")
    }
    let path = try image(names)
    let reader = try ImageReader(try ImageFile(FilePath(path)))
    let root = try reader.volume.inode(reader.superblock.rootNID)
    let listing = reader.listing(of: root)
    #expect(listing.problem == .corrupt(.nameOrder, at: root.position))
    #expect(Set(listing.entries.map(\.name)) == Set(names.map { Array($0.name.utf8) } + [[0x2E], [0x2E, 0x2E]]))
    #expect(Set(listing.entries.map(\.name)).count == listing.entries.count)
    var found = 0
    for entry in listing.entries where !entry.isDotOrDotDot {
      guard let inode = try? reader.inode(at: entry.name) else { continue }
      #expect(inode.nid == entry.nid)
      found += 1
    }
    #expect(found > 0 && found < listing.entries.count)
  }

  // MARK: Work that no byte backs

  @Test func simulateRefusesHoles() throws {
    var image = CraftedImage()
    let inode = image.addInode(
      CraftedImage.inode(.chunked, mode: 0o100644, size: 1 << 40, union: CraftedImage.chunkUnion(shift: 28))
        + CraftedImage.chunkTable([HoleBlock.low]))
    let path = try folder.write(
      image.complete([.init(name: [0x66], nid: CraftedImage.nid(at: inode), kind: .regular)]), "hole")
    for arguments in [["simulate", path], ["cat", path, "/f"]] {
      let outcome = try Command.run(Command.path, arguments)
      #expect(outcome.status == 1)
      #expect(outcome.errors.contains("--no-limit"))
      #expect(outcome.output.isEmpty)
    }
    #expect(try Command.erofs("fsck", path).status == 0)
  }

  // MARK: Extra devices

  private static let split = "chunks-64k-device"

  /// The image with its device after it, at the address that the device's slot has.
  private func flattened() throws -> String {
    let file = try ReferenceImages.open(Self.split)
    let superblock = try Superblock(reading: file)
    let slot = try #require(try file.deviceTable(superblock).first)
    var bytes = Array(try ReferenceImages.image(Self.split))
    let start = Int(slot.firstBlock) * superblock.blockSize
    try #require(start >= bytes.count)
    bytes += [UInt8](repeating: 0, count: start - bytes.count)
    bytes += try Data(contentsOf: URL(fileURLWithPath: try #require(ReferenceImages.devices(Self.split).first)))
    return try folder.write(bytes, "flat")
  }

  @Test func flattenedDevice() throws {
    let path = try flattened()
    let outcome = try Command.erofs("fsck", path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let row = try #require(
      ReferenceImages.manifest.first { $0.path == Array("/contents/mixed.bin".utf8) }
        ?? ReferenceImages.manifest.first { ($0.size ?? 0) > 100_000 })
    let written = try Command.erofs("cat", path, String(decoding: row.path, as: UTF8.self))
    #expect(sha256(written.output) == row.sha256)
    // A file that ends before the device's place has no device.
    let short = try folder.write(Array(try ReferenceImages.image(Self.split)), "short")
    #expect(try Command.erofs("fsck", short).errors.contains("extra device 1"))
  }

  @Test func devicesAreChecked() throws {
    let (path, device) = (ReferenceImages.path(Self.split), try #require(ReferenceImages.devices(Self.split).first))
    for command in ["fsck", "info", "dump"] {
      let many = try Command.erofs(command, path, "--device", device, "--device", device)
      #expect(many.status == 1)
      #expect(many.errors.contains("2 extra devices given, but the image has 1"), "\(many.errors)")
    }
    let plain = try Command.erofs("fsck", ReferenceImages.path("plain-512"), "--device", device)
    #expect(plain.status == 1)
    #expect(plain.errors.contains("the image has none"))
    let bytes = try Data(contentsOf: URL(fileURLWithPath: device))
    let short = try Command.erofs("fsck", path, "--device", try folder.write(bytes.dropLast(1), "short"))
    #expect(short.status == 1)
    #expect(short.errors.contains("extra device 1 is too short: it has \((bytes.count - 1).grouped) bytes"))
    #expect(try Command.run(["--device=" + device, "--device=" + device, path], calledAs: "fsck.erofs").status == 1)
    #expect(try Command.erofs("info", path, "--device", device).text.contains("device 1"))
    let info = try Command.erofs("info", "--json", path, "--device", device).json
    #expect((info?["devices"] as? [[String: Any]])?.count == 1)
    #expect(try Command.erofs("dump", path, "--device", device).text.contains("device 1: "))
  }

  /// A slot's tag of 32 digits is the UUID of the image that is on the device.
  @Test func devicesAreIdentified() throws {
    var base = Array(try ReferenceImages.image(Self.split))
    let table = Int(try Superblock(reading: try ReferenceImages.open(Self.split)).deviceTableOffset)
    base.replaceSubrange(
      table..<table + 64, with: Array("000102030405060708090a0b0c0d0e0f".utf8) + [UInt8](repeating: 0, count: 32))
    let path = try folder.write(base, "tagged")
    func device(_ uuid: [UInt8]) throws -> String {
      var bytes = Array(
        try Data(contentsOf: URL(fileURLWithPath: try #require(ReferenceImages.devices(Self.split).first))))
      bytes += [UInt8](repeating: 0, count: max(0, 2048 - bytes.count))
      bytes.replaceSubrange(1024..<1028, with: [0xE2, 0xE1, 0xF5, 0xE0])
      bytes.replaceSubrange(1024 + 0x30..<1024 + 0x40, with: uuid)
      return try folder.write(bytes, "device")
    }
    let other = try Command.erofs("info", path, "--device", try device([UInt8](repeating: 9, count: 16)))
    #expect(other.status == 1)
    #expect(other.errors.contains("holds another image"))
    #expect(!(try Command.erofs("info", path, "--device", try device(Array(0..<16)))).errors.contains("another image"))
  }

  // MARK: Files that are no EROFS images

  @Test(arguments: [
    (0, [0x3A, 0xFF, 0x26, 0xED] as [UInt8], "simg2img"), (0, [0x1F, 0x8B], "zcat"),
    (0, [0x28, 0xB5, 0x2F, 0xFD], "zstd -d"), (0, [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], "xz -d"),
    (0, Array("hsqs".utf8), "SquashFS"), (0x438, [0x53, 0xEF], "ext4"), (0, Array("070701".utf8), "cpio"),
    (257, Array("ustar".utf8), "tar archive"), (0x8001, Array("CD001".utf8), "ISO 9660"),
    (0x400, [0x10, 0x20, 0xF5, 0xF2], "F2FS"), (0, Array("verity\0\0".utf8), "dm-verity"),
  ])
  func saysWhatItIs(offset: Int, bytes: [UInt8], word: String) throws {
    var file = [UInt8](repeating: 0, count: 40000)
    file.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    let path = try folder.write(file, "file")
    let outcome = try Command.erofs("info", path)
    #expect(outcome.status == 1)
    #expect(outcome.errors.hasPrefix("erofs: \(path): not an EROFS image: "))
    #expect(outcome.errors.contains(word))
  }

  private func little(_ number: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
  }

  /// A disk with a GPT that has images at these sectors.
  private func gpt(_ image: [UInt8], at sectors: [Int]) -> [UInt8] {
    var disk = [UInt8](repeating: 0, count: 34 * 512)
    disk.replaceSubrange(512..<520, with: Array("EFI PART".utf8))
    disk.replaceSubrange(512 + 72..<512 + 88, with: little(UInt64(2)) + little(UInt32(128)) + little(UInt32(128)))
    for (index, sector) in sectors.enumerated() {
      let at = 1024 + 128 * index
      disk[at] = 1
      disk.replaceSubrange(at + 32..<at + 40, with: little(UInt64(sector)))
      disk += [UInt8](repeating: 0, count: max(0, sector * 512 + image.count - disk.count))
      disk.replaceSubrange(sector * 512..<sector * 512 + image.count, with: image)
    }
    return disk
  }

  @Test func partitionTables() throws {
    let image = Array(try ReferenceImages.image("plain-512"))
    let disk = try folder.write(gpt(image, at: [64]), "disk")
    let refused = try Command.erofs("info", disk)
    #expect(refused.status == 1)
    #expect(refused.errors.contains("--offset 32768"), "\(refused.errors)")
    for arguments in [["info", disk], ["fsck", disk], ["ls", disk], ["extract", disk, folder("out")]] {
      #expect(try Command.run(Command.path, arguments + ["--offset", "auto"]).status == 0)
    }
    let two = try folder.write(gpt(image, at: [64, 64 + image.count / 512 + 1]), "two")
    let several = try Command.erofs("info", two, "--offset", "auto")
    #expect(several.status == 1)
    #expect(several.errors.contains("2 hold an EROFS image"))

    // In an extended partition of an MBR.
    var mbr = [UInt8](repeating: 0, count: 16 * 512)
    func entry(_ table: Int, _ index: Int, _ type: UInt8, _ start: UInt32) {
      let at = table * 512 + 446 + 16 * index
      mbr[at + 4] = type
      mbr.replaceSubrange(at + 8..<at + 12, with: little(start))
      mbr.replaceSubrange(table * 512 + 510..<table * 512 + 512, with: [0x55, 0xAA])
    }
    entry(0, 0, 0x83, 9)
    entry(0, 1, 0x05, 8)
    entry(8, 0, 0x83, 8)
    // The next record is the first again: that must end.
    entry(8, 1, 0x05, 0)
    let logical = try folder.write(mbr + image, "mbr")
    #expect(try Command.erofs("info", logical).errors.contains("--offset 8192"))
    #expect(try Command.erofs("fsck", logical, "--offset", "auto").status == 0)
    // An image itself needs no table.
    #expect(try Command.erofs("fsck", ReferenceImages.path("plain-512"), "--offset", "auto").status == 0)
  }

  @Test func emptyExtractionTarget() throws {
    let outcome = try Command.run(["--extract=", ReferenceImages.path("plain-512")], calledAs: "fsck.erofs")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("empty value"))
  }

  /// Opening a fifo waits for a writer.
  @Test(.timeLimit(.minutes(1))) func fifoIsNoImage() throws {
    mkfifo(folder("fifo"), 0o600)
    #expect(try Command.erofs("info", folder("fifo")).errors.contains("not a regular file or block device"))
  }
}
