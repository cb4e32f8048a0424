// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSBuilder
import EROFSTools
import Foundation
import SystemPackage
import Testing
import TreeSupport

@testable import EROFSContainers

/// Archives that are decompressed in memory or not, and those that are kept.
@Suite struct ArchiveTests {
  private let folder = Folder()

  /// A sparse file, one that is not, links, and names that the second layer removes.
  private static let scripts = [
    """
    mkdir -p d gone; seq 1 30000 >d/text; ln d/text hard; seq 1 20 >gone/x; truncate -s 300000 hole; echo end >>hole
    head -c 4096 d/text >block; : >empty
    """, "mkdir -p d; seq 5 9000 >d/new; : >.wh.gone; seq 1 4 >hard",
  ]
  private static let names: Set = ["", "d", "d/text", "d/new", "hard", "hole", "block", "empty"]

  private func layout(_ filter: String) throws -> ImageLayout {
    let writer = try LayoutWriter(folder, "layout-\(UInt32.random(in: 0...UInt32.max))")
    var (layers, plain): ([JSON], [String]) = ([], [])
    for script in Self.scripts {
      let packing = "tar -c -S --format=pax --mtime=@1600000000 --sort=name . >../plain.tar"
      try run("/bin/bash", "-e", "-c", "rm -rf t; mkdir t; cd t; \(script); \(packing)", in: folder.path)
      let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder("plain.tar"))))
      let stored = try run("/bin/bash", "-e", "-o", "pipefail", "-c", filter, in: folder.path)
      layers.append(try writer.add(stored, LayoutWriter.layerType))
      plain.append(try writer.add(bytes, "")["digest"]!.text!)
    }
    try writer.finish([writer.addImage(layers, plainDigests: plain)])
    return try writer.layout
  }

  private func unpack(
    _ layout: ImageLayout, _ form: LayoutUnpacking.Form, memory: Int? = nil, threads: Int = 2
  ) throws -> [LayoutUnpacking.UnpackedImage] {
    var unpacking = LayoutUnpacking()
    (unpacking.form, unpacking.options.memory, unpacking.options.threads) = (form, memory, threads)
    unpacking.options.uuid = .ofContents
    let output = FilePath(folder("output"))
    try run("/bin/rm", "-rf", output.string)
    return try unpacking.unpack(layout.manifest(), of: layout, at: output)
  }

  private func bytes(_ path: FilePath) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: path.string)))
  }

  /// Of one member or several, with the size in front or without, and by libarchive.
  static let filters = [
    "cat plain.tar", "gzip -c plain.tar", "head -c 1000 plain.tar | gzip; tail -c +1001 plain.tar | gzip",
    "gzip -c plain.tar; head -c 1000 /dev/zero", "zstd -c plain.tar", "zstd -c <plain.tar",
    "head -c 1000 plain.tar | zstd; tail -c +1001 plain.tar | zstd", "xz -c plain.tar",
  ]

  /// A megabyte of memory is not enough for any of them, and one thread has its sums ready before it goes on.
  @Test(arguments: filters) func memoryAndThreadsDoNotCount(filter: String) throws {
    let layout = try layout(filter)
    var images: Set<[UInt8]> = []
    for (memory, threads) in [(nil, 2), (nil, 1), (2 << 10, 2), (300 << 10, 3)] as [(Int?, Int)] {
      images.insert(try bytes(unpack(layout, .merged, memory: memory, threads: threads)[0].path))
    }
    #expect(images.count == 1)
    #expect(try Set(ImageReader(ImageFile(FilePath(folder("output")))).files().keys) == Self.names)
  }

  @Test(arguments: filters) func archivesAreKept(filter: String) throws {
    let layout = try layout(filter)
    let wanted = try ImageReader(ImageFile(unpack(layout, .merged)[0].path)).files()
    for memory in [nil, 2 << 10] as [Int?] {
      let made = try unpack(layout, .archives, memory: memory)
      #expect(made.map(\.layer) == [1, 2, nil])
      #expect(
        made.map(\.path) == ["1/layer.tar", "2/layer.tar", "2/fsmeta.erofs"].map { FilePath(folder("output/\($0)")) })
      for (image, layer) in zip(made, try layout.manifest().layers) {
        #expect(try BlobDigest.of(bytes(image.path)) == layer.plainDigest)
        #expect(image.imageBytes <= UInt64(try bytes(image.path).count))
      }
      let file = try ImageFile(made[2].path, devices: made.prefix(2).map(\.path))
      try file.checkDevices(Superblock(reading: file))
      #expect(try ImageReader(file).files() == wanted)
      // A file of less than a block is where its bytes are; what makes the image large would be contents.
      #expect(made[2].imageBytes < 16 << 10)
    }
  }

  @Test func archivesAreFilesOfTheLayout() throws {
    let layout = try layout("cat plain.tar")
    let made = try unpack(layout, .archives)
    for (image, layer) in zip(made, try layout.manifest().layers) {
      let blob = "\(layout.path)/blobs/sha256/\(layer.descriptor.digest.digits)"
      let numbers = try [blob, image.path.string].map {
        try FileManager.default.attributesOfItem(atPath: $0)[.systemFileNumber] as? Int
      }
      #expect(numbers[0] != nil && numbers[0] == numbers[1])
    }
    // One in an archive is none.
    try run("/bin/tar", "-c", "-f", folder("packed.tar"), "-C", layout.path.string, ".")
    let packed = try ImageLayout(FilePath(folder("packed.tar")), besideOutputAt: FilePath(folder("output")))
    let copied = try unpack(packed, .archives)
    for (image, layer) in zip(copied, try layout.manifest().layers) {
      #expect(try BlobDigest.of(bytes(image.path)) == layer.descriptor.digest)
    }
  }

  @Test func whatCannotBeKeptIsSaid() throws {
    let layout = try layout("gzip -c plain.tar")
    var unpacking = LayoutUnpacking()
    unpacking.form = .archives
    unpacking.hasHashTrees = true
    let (hashed, output) = (unpacking, FilePath(folder("output")))
    #expect(throws: LayoutError.self) { try hashed.unpack(layout.manifest(), of: layout, at: output) }
    let image = try bytes(unpack(layout, .merged)[0].path)
    let writer = try LayoutWriter(folder, "images")
    try writer.finish([writer.addImage([writer.add(image, "application/vnd.erofs.layer.v1")])])
    #expect(throws: LayoutError.self) { try unpack(writer.layout, .archives) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).allSatisfy { !$0.hasPrefix(".") })
  }

  /// What is damaged is said in the words of the reader that goes piece by piece, whoever noticed it.
  @Test(arguments: ["gzip -c plain.tar", "zstd -c plain.tar"]) func damageIsFound(filter: String) throws {
    let script = "mkdir t; seq 1 30000 >t/text; tar -c -C t -f plain.tar .; \(filter) >whole"
    try run("/bin/bash", "-e", "-c", script, in: folder.path)
    let whole = try bytes(FilePath(folder("whole")))
    for change in 0..<24 {
      var bytes = whole
      if change < 8 { bytes.removeLast(1 + change * bytes.count / 9) } else { bytes[change * bytes.count / 24] ^= 0x41 }
      let writer = try LayoutWriter(folder, "damaged-\(change)")
      let layer = try writer.add(bytes, LayoutWriter.layerType + "+gzip")
      let digest = try BlobDigest.of(self.bytes(FilePath(folder("plain.tar"))))
      try writer.finish([writer.addImage([layer], plainDigests: ["\(digest)"])])
      var reasons: Set<String> = []
      for memory in [nil, 2 << 10] as [Int?] {
        do {
          _ = try unpack(writer.layout, .merged, memory: memory)
          reasons.insert("")
        } catch { reasons.insert("\(error)") }
      }
      #expect(reasons.count == 1, "\(reasons)")
      // Behind the last member of gzip nothing counts, and no byte is there.
      #expect(!reasons.contains(""))
    }
  }
}
