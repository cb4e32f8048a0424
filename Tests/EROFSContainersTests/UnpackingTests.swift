// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSBuilder
import EROFSTools
import EROFSTree
import Encoders
import Foundation
import Synchronization
import SystemPackage
import Testing
import TreeSupport

@testable import EROFSContainers

/// Images of the layers of a layout.
@Suite struct UnpackingTests {
  private let folder = Folder()
  private var output: FilePath { FilePath(folder("output")) }

  private static let lower = "mkdir -p d gone op; seq 1 3000 >d/text; ln d/text hard; echo x >gone/x; echo old >op/old"
  private static let upper = "mkdir -p d op; echo new >d/new; : >.wh.gone; : >op/.wh..wh..opq; : >d/.wh.absent"
  private static let merged = [
    "": "directory", "d": "directory", "op": "directory", "d/new": "new\n",
    "d/text": (1...3000).map { "\($0)\n" }.joined(), "hard": (1...3000).map { "\($0)\n" }.joined(),
  ]

  private func unpack(
    _ layout: ImageLayout, _ form: LayoutUnpacking.Form = .layers, _ change: (inout LayoutUnpacking) -> Void = { _ in }
  ) throws -> [LayoutUnpacking.UnpackedImage] {
    var unpacking = LayoutUnpacking()
    unpacking.form = form
    change(&unpacking)
    return try unpacking.unpack(layout.manifest(), of: layout, at: output)
  }

  private func twoLayers(_ filters: [String] = ["cat", "cat"]) throws -> LayoutWriter {
    let writer = try LayoutWriter(folder)
    var layers: [JSON] = []
    var plain: [String] = []
    for (script, filter) in zip([Self.lower, Self.upper], filters) {
      let suffix = filter == "cat" ? "" : "+" + filter.split(separator: " ")[0]
      layers.append(try writer.add(writer.archive(script, filter), LayoutWriter.layerType + suffix))
      plain.append(try writer.add(writer.archive(script), "")["digest"]!.text!)
    }
    try writer.finish([writer.addImage(layers, plainDigests: plain)])
    return writer
  }

  private func names() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
  }

  @Test(arguments: [["cat", "cat"], ["gzip -c", "zstd -c"]]) func layersBecomeImages(filters: [String]) throws {
    let writer = try twoLayers(filters)
    let images = try unpack(writer.layout, .metadata)
    #expect(images.map(\.layer) == [1, 2, nil])
    #expect(images.map(\.path) == ["1/layer", "2/layer", "2/fsmeta"].map { FilePath(folder("output/\($0).erofs")) })
    for (image, layer) in zip(images, try writer.layout.manifest().layers) {
      #expect(try ImageOrigin(image.path).uuid == layer.descriptor.digest.imageUUID)
      #expect(
        FileManager.default.fileExists(atPath: image.path.removingLastComponent().appending(".erofslayer").string))
    }
    let file = try ImageFile(images[2].path, devices: images.prefix(2).map(\.path))
    try file.checkDevices(Superblock(reading: file))
    #expect(try ImageReader(file).files() == Self.merged)
    let upper = try ImageReader(ImageFile(images[1].path)).files()
    #expect(upper["gone"] == "characterDevice" && upper["d/absent"] == "characterDevice")
    // It is not replaced.
    #expect(throws: LayoutError.self) { try unpack(writer.layout) }
  }

  @Test func layersBecomeOneImage() throws {
    let writer = try twoLayers(["gzip -c", "cat"])
    try run(
      "/bin/bash", "-c", "tar -c -C layout . | gzip >layout.tgz; tar -c -f layout.tar -C layout .", in: folder.path)
    var images: Set<[UInt8]> = []
    for (name, threads) in [("layout", 1), ("layout.tar", 3), ("layout.tgz", 2)] {
      let layout = try ImageLayout(FilePath(folder(name)), besideOutputAt: output)
      let image = try unpack(layout, .merged) { $0.options.threads = threads }[0]
      #expect(try ImageReader(ImageFile(image.path)).files() == Self.merged)
      images.insert([UInt8](try Data(contentsOf: URL(fileURLWithPath: image.path.string))))
    }
    #expect(images.count == 1)
    let image = try unpack(writer.layout, .merged) {
      ($0.options.encodings, $0.options.clusterSize) = ([try! Encoding(.lz4hc, clusterSize: 16384)], 16384)
      $0.hasHashTrees = true
    }[0]
    #expect(try ImageReader(ImageFile(image.path)).files() == Self.merged)
    #expect(throws: LayoutError.self) {
      try unpack(writer.layout, .metadata) { $0.options.encodings = [try! Encoding(.lz4, clusterSize: 4096)] }
    }
    try run("/bin/rm", "-f", folder("output"), folder("output.dmverity"))
    #expect(try names().filter { $0.hasPrefix(".") }.isEmpty)
  }

  /// As servers do it: each with a limit of memory, and a log that tells them apart.
  @Test func severalAreUnpackedAtOnce() async throws {
    let layout = try twoLayers(["gzip -c", "cat"]).layout
    let manifest = try layout.manifest()
    let entries = Entries()
    let images = try await withThrowingTaskGroup(of: [UInt8].self) { group in
      for number in 0..<6 {
        let output = FilePath(folder("output-\(number)"))
        group.addTask {
          var unpacking = LayoutUnpacking()
          (unpacking.form, unpacking.options.memory, unpacking.options.threads) = (.merged, 16 << 20, 2)
          unpacking.log = ContainerLog { entry in entries.all.withLock { $0.append(entry) } }
          let made = try await unpacking.unpack(manifest, of: layout, at: output)
          return [UInt8](try Data(contentsOf: URL(fileURLWithPath: made[0].path.string)))
        }
      }
      return try await group.reduce(into: Set()) { $0.insert($1) }
    }
    #expect(images.count == 1)
    let found = entries.all.withLock { $0 }
    let read = found.filter { $0.message == "layer read" }
    #expect(read.count == 12 && Set(read.compactMap { $0.metadata["digest"] }).count == 2)
    let whole = found.filter { $0.message == "unpacked" && $0.level == .info }
    #expect(whole.count == 6 && whole.allSatisfy { $0.metadata["manifest"] == "\(manifest.digest)" })
    #expect(try names().filter { $0.hasPrefix(".") }.isEmpty)
  }

  private final class Entries: Sendable { let all = Mutex<[ContainerLog.Entry]>([]) }

  /// As they are, compressed as a whole, and with an archive as the device.
  @Test func imagesAreLayers() throws {
    let origin = try twoLayers()
    let made = try unpack(origin.layout)
    let blobs = try made.map { [UInt8](try Data(contentsOf: URL(fileURLWithPath: $0.path.string))) }
    try run("/bin/rm", "-rf", output.string)
    let writer = try LayoutWriter(folder, "images")
    try folder.write("upper.erofs", blobs[1])
    let layers = [
      try writer.add(blobs[0], "application/vnd.erofs.layer.v1"),
      try writer.add(run("/usr/bin/zstd", "-c", folder("upper.erofs")), "application/vnd.erofs+zstd"),
    ]
    try writer.finish([writer.addImage(layers)])
    let again = try unpack(writer.layout)
    #expect(try again.map { [UInt8](try Data(contentsOf: URL(fileURLWithPath: $0.path.string))) } == blobs)
    try run("/bin/rm", "-rf", output.string)
    let merged = try unpack(writer.layout, .merged)
    #expect(try ImageReader(ImageFile(merged[0].path)).files() == Self.merged)
    try run("/bin/rm", "-rf", output.string)

    // Contents stay in a layer that is a device.
    var tree = Tree()
    let data = Array((1...3000).map { "\($0)\n" }.joined().utf8)
    let piece = ReferredContent.Piece(offset: 0, length: UInt64(data.count), device: 1, place: 0)
    try tree.put(
      Array("file".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644),
      content: .referred(ReferredContent(size: UInt64(data.count), pieces: [piece])))
    var options = BuildOptions()
    options.devices = [.init(blocks: 4)]
    try ImageBuilder(options).build(tree, at: FilePath(folder("index")))
    let index = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder("index"))))
    let role: [JSON.Member] = [("annotations", ["org.erofs.role": "device"])]
    let composed = try LayoutWriter(folder, "composed")
    let device = try composed.add(
      data + [UInt8](repeating: 0, count: 16384 - data.count), "application/octet-stream", role)
    let image = try composed.add(index, "application/vnd.erofs")
    try composed.finish([composed.addImage([device, image])])
    let single = try unpack(composed.layout)
    #expect(single.count == 1)
    #expect(try ImageReader(ImageFile(single[0].path)).files()["file"] == String(decoding: data, as: UTF8.self))
    let short = try LayoutWriter(folder, "short")
    try short.finish([short.addImage([short.add(data, "application/octet-stream", role), image])])
    try run("/bin/cp", "-r", folder("composed/blobs"), folder("short"))
    try run("/bin/rm", "-rf", output.string)
    #expect(throws: LayoutError.self) { try unpack(short.layout) }
    let last = try LayoutWriter(folder, "last")
    try last.finish([last.addImage([image, device])])
    try run("/bin/cp", "-r", folder("composed/blobs"), folder("last"))
    #expect(throws: LayoutError.self) { try unpack(last.layout) }
    #expect(try names().filter { $0.hasPrefix(".") || $0 == "output" }.isEmpty)
  }

  @Test(arguments: LayoutUnpacking.Form.allCases) func whatIsNotWholeLeavesNothing(form: LayoutUnpacking.Form) throws {
    let writer = try twoLayers()
    let digits = try writer.layout.manifest().layers[1].descriptor.digest.digits
    let path = folder("layout/blobs/sha256/\(digits)")
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    bytes[600] ^= 1
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    func reason() throws -> String {
      do { _ = try unpack(writer.layout, form) } catch { return "\(error)" }
      return ""
    }
    #expect(try reason().hasPrefix("layer 2 (sha256:\(digits)): blob sha256:\(digits): the content has another digest"))
    // What it decompresses to is something else than the configuration says.
    let other = try LayoutWriter(folder, "other")
    let layer = try other.add(other.archive(Self.lower, "gzip -c"), LayoutWriter.layerType + "+gzip")
    try other.finish([other.addImage([layer], plainDigests: ["sha256:" + String(repeating: "0", count: 64)])])
    #expect(throws: LayoutError.self) { try unpack(other.layout, form) }
    // The caller wants no more of it.
    let whole = try twoLayers()
    var unpacking = LayoutUnpacking()
    unpacking.form = form
    let wanted = unpacking
    #expect {
      _ = try wanted.unpack(whole.layout.manifest(), of: whole.layout, at: output) { _ in false }
    } throws: { if case LayoutError.cancelled = $0 { true } else { false } }
    #expect(try names().filter { $0.hasPrefix(".") || $0 == "output" }.isEmpty)
  }

  /// `veritysetup` finds that the hashes are those of the image, and that they are not if a byte changes.
  @Test(arguments: [512, 1024, 4096, 16384]) func hashTreesAreThoseOfVeritysetup(blockSize: Int) throws {
    guard let veritysetup = find("veritysetup") else { return print("skipped: no veritysetup") }
    let writer = try twoLayers()
    for image in try unpack(writer.layout, change(blockSize)) {
      let tree = try #require(image.hashTree)
      #expect(tree.offset == image.imageBytes)
      let root = BlobDigest(tree.rootDigest).digits
      let path = image.path.string
      let text = try String(contentsOfFile: path + ".dmverity", encoding: .utf8)
      #expect(text == "{\"roothash\":\"\(root)\",\"hashoffset\":\(tree.offset)}")
      let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? UInt64
      #expect(size == tree.offset + tree.byteCount)
      try run(veritysetup, "verify", path, path, root, "--hash-offset=\(tree.offset)")
      let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
      try file.seek(toOffset: tree.offset / 2)
      let byte = try file.read(upToCount: 1)![0]
      try file.seek(toOffset: tree.offset / 2)
      try file.write(contentsOf: Data([byte ^ 1]))
      #expect(throws: Failed.self) {
        try run(veritysetup, "verify", path, path, root, "--hash-offset=\(tree.offset)")
      }
    }
  }

  private func unpack(
    _ layout: ImageLayout, _ change: (inout LayoutUnpacking) -> Void
  ) throws -> [LayoutUnpacking.UnpackedImage] { try unpack(layout, .metadata, change) }

  private func change(_ blockSize: Int) -> (inout LayoutUnpacking) -> Void {
    { unpacking in
      unpacking.options.blockSize = blockSize
      unpacking.hasHashTrees = true
    }
  }

  @Test func identifiersAreThoseOfContainerd() {
    let digest = BlobDigest("sha256:" + String(repeating: "0", count: 64))!
    // As Python's uuid.uuid5(uuid.NAMESPACE_URL, ...) has it.
    #expect(BlobDigest([UInt8](repeating: 0, count: 32)) == digest)
    let digits = digest.imageUUID.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    #expect(digits == "c10bde68dd4e5792ba6378c7b75c15bf")
  }

  @Test func layoutsAreConverted() throws {
    let layout = try twoLayers(["gzip -c", "cat"]).layout
    var conversion = LayoutConversion()
    conversion.unpacking.hasHashTrees = true
    let place = FilePath(folder("converted"))
    let digest = try conversion.convert(layout.manifest(), of: layout, at: place, named: "new")
    let converted = try ImageLayout(place, besideOutputAt: output)
    let manifest = try converted.manifest(named: "new")
    #expect(manifest.digest == digest && manifest.platform == ContainerPlatform(system: "linux", architecture: "amd64"))
    #expect(manifest.layers.map(\.kind) == [.image(isCompressed: false), .image(isCompressed: false)])
    for layer in manifest.layers {
      #expect(layer.plainDigest == layer.descriptor.digest)
      let offset = try #require(layer.descriptor.annotations["org.erofs.dmverity.hash_offset"].flatMap { UInt64($0) })
      #expect(offset % 4096 == 0 && offset < layer.descriptor.size)
    }
    #expect(manifest.configuration["os.features"]?.elements?.map(\.text) == ["erofs"])
    let found = try FileManager.default.contentsOfDirectory(atPath: place.string).sorted()
    #expect(found == ["blobs", "index.json", "oci-layout"])
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder("converted/blobs/sha256")).count == 4)
    let merged = try unpack(converted, .merged)
    #expect(try ImageReader(ImageFile(merged[0].path)).files() == Self.merged)
    let wanted = conversion
    #expect(throws: LayoutError.self) {
      try wanted.convert(layout.manifest(), of: layout, at: FilePath(folder("other"))) { _ in false }
    }
    #expect(throws: LayoutError.self) { try wanted.convert(layout.manifest(), of: layout, at: place) }
    #expect(try names().filter { $0.hasPrefix(".") || $0 == "other" }.isEmpty)
  }
}
