// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTools
import EROFSTree
import Encoders
import Foundation
import HostSupport
import SystemPackage
import Testing
import TreeSupport

@testable import EROFSBuilder

/// Chunks on an extra device.
@Suite struct BlobDeviceTests {
  private let folder = Folder()

  private var image: FilePath { FilePath(folder("image")) }
  private var blob: FilePath { FilePath(folder("blob")) }
  private var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()) ?? [] }

  private func options(_ change: (inout BuildOptions) -> Void = { _ in }) -> BuildOptions {
    var options = BuildOptions()
    (options.chunkSize, options.blobDevice) = (4096, blob)
    change(&options)
    return options
  }

  private func content(_ path: [UInt8], _ reader: ImageReader) throws -> [UInt8] {
    var bytes: [UInt8] = []
    try reader.forEachPiece(of: reader.inode(at: path)) { _, piece in
      switch piece {
      case .data(let data): bytes += data
      case .hole(let count): bytes += [UInt8](repeating: 0, count: Int(count))
      }
    }
    return bytes
  }

  @Test(arguments: 0..<8) func contentsAreOnTheDevice(seed: Int) throws {
    var random = Random(seed + 60)
    let tree = try randomTree(&random, entries: 80, upTo: 60_000)
    let block = [4096, 512, 65_536, 1024][seed % 4]
    let options = options {
      $0.blockSize = block
      $0.chunkSize = block << random.below(3)
      ($0.wideAddresses, $0.dedupes) = (seed > 3, random.isTrue(oneIn: 2))
      $0.sizeUnit = random.isTrue(oneIn: 2) ? 5 : 1
      $0.dataUnit = random.isTrue(oneIn: 3) ? 2 : 1
    }
    let summary = try ImageBuilder(options).build(tree, at: image)
    #expect(try summary.deviceBytes == UInt64(bytes(of: folder("blob")).count) && summary.dataBytes == 0)
    #expect(summary.verifiedBytes == summary.contentBytes && summary.contentBytes > 0)
    let reader = try ImageReader(ImageFile(image, devices: [blob]))
    let alone = try ImageReader(ImageFile(image))
    for (entry, path) in tree.walk() where tree.kind(of: entry) == .regular {
      let wanted = try contents(path.printable, in: tree)
      #expect(try content(path, reader) == wanted)
      if wanted.allSatisfy({ $0 == 0 }) { continue }
      #expect(throws: ImageReader.PieceError<Never>.self) { try content(path, alone) }
    }
    let found = SynchronizedArray<String>()
    let file = try ImageFile(image, devices: [blob])
    _ = Checker(file, try Superblock(reading: file)) { found.append("\($0)") }.run()
    #expect(found.all.isEmpty)
    #expect(names == ["blob", "image"])
  }

  @Test func imagesWithoutContentsHaveADevice() throws {
    try ImageBuilder(options()).build(Tree(), at: image)
    #expect(try bytes(of: folder("blob")) == Data(count: 4096))
    #expect(try Superblock(reading: ImageFile(image, devices: [blob])).extraDevices == 1)
  }

  /// Damage on the device is found, and then neither file gets its name.
  @Test func bothAreThereOrNeither() throws {
    try folder.write("blob", Array("old".utf8))
    var tree = Tree()
    let text = Array(repeating: Array("some words ".utf8), count: 2000).flatMap { $0 }
    try tree.put(Array("f".utf8), in: Tree.root, Metadata(kind: .regular, permissions: 0o644), content: .bytes(text))
    tree.sort()
    let output = try OutputFile(image)
    let device = Reference()
    let build = try Build(
      options(), tree, output, { _ in true },
      beforeVerifying: { try [UInt8(0xA5)].withUnsafeBytes { try device.file!.write($0, at: 5000) } })
    device.file = build.context.device
    #expect(throws: BuildError.self) { try build.run() }
    #expect(names == ["blob"])
    #expect(try bytes(of: folder("blob")) == Data("old".utf8))
    try ImageBuilder(options()).build(tree, at: image)
    #expect(try names == ["blob", "image"] && bytes(of: folder("blob")).count == 24_576)
  }

  private final class Reference { var file: OutputFile? }

  @Test func whatDoesNotGoTogetherIsRefused() throws {
    func error(_ change: (inout BuildOptions) -> Void) -> String {
      do { try ImageBuilder(options(change)).build(Tree(), at: image) } catch { return "\(error)" }
      return ""
    }
    #expect(error { $0.chunkSize = nil } == "a blob device needs chunks")
    #expect(
      error { $0.blockList = BuildOptions.BlockList("list") }
        == "a blob device and a list of blocks cannot be used together")
    #expect(
      error { $0.blobDevice = image } == "\(image): the blob device and the image cannot be the same file")
    #expect(error { $0.blobDevice = FilePath(folder.path) }.hasSuffix("a regular file or a block device"))
    #expect(names == [])
  }
}
