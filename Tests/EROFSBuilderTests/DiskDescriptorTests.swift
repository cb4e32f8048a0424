// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree
import Foundation
import SystemPackage
import Testing
import TreeSupport

@testable import EROFSBuilder

/// Descriptors of virtual disks, read by QEMU.
@Suite struct DiskDescriptorTests {
  private static let qemuImage = "/usr/bin/qemu-img"
  private static let hasQEMU = FileManager.default.isExecutableFile(atPath: qemuImage)
  private let folder = Folder()

  private func run(_ words: [String]) throws -> (status: Int32, text: String) {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: Self.qemuImage)
    process.arguments = words
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let said = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: said, as: UTF8.self))
  }

  private func build(_ options: BuildOptions, seed: Int) throws -> String {
    var random = Random(seed)
    var options = options
    options.diskDescriptor = FilePath(folder("disk.vmdk"))
    try ImageBuilder(options).build(try randomTree(&random, entries: 60, upTo: 40_000), at: FilePath(folder("image")))
    return String(decoding: try bytes(of: folder("disk.vmdk")), as: UTF8.self)
  }

  @Test(.enabled(if: hasQEMU, "needs qemu-img (package qemu-utils)")) func theDiskIsTheImageAndThenTheDevice() throws {
    for (seed, blockSize) in [512, 4096, 65536].enumerated() {
      var options = BuildOptions()
      options.blockSize = blockSize
      options.chunkSize = 65536
      options.blobDevice = FilePath(folder("blob"))
      options.offset = UInt64(seed * blockSize)
      _ = try build(options, seed: 40 + seed)
      // It names files of its own folder without that.
      let moved = folder("moved")
      try FileManager.default.createDirectory(atPath: moved, withIntermediateDirectories: true)
      for name in ["image", "blob", "disk.vmdk"] {
        try FileManager.default.moveItem(atPath: folder(name), toPath: "\(moved)/\(name)")
      }
      let answer = try run(["convert", "-f", "vmdk", "-O", "raw", "\(moved)/disk.vmdk", folder("raw")])
      #expect(answer.status == 0, "\(answer.text)")
      let image = try bytes(of: "\(moved)/image")
      let device = try bytes(of: "\(moved)/blob")
      #expect(!device.isEmpty)
      #expect(try bytes(of: folder("raw")) == Array(image.dropFirst(Int(options.offset))) + device)
      try FileManager.default.removeItem(atPath: moved)
    }
  }

  /// No extent has 2 GiB, and together they have all bytes.
  @Test func largeImagesAreSeveralExtents() throws {
    var options = BuildOptions()
    options.sizeUnit = (5 << 30) / 4096
    options.offset = 8192
    options.verifies = false
    let text = try build(options, seed: 50)
    var next: UInt64 = 16
    var extents = 0
    for line in text.split(separator: "\n") where line.hasPrefix("RW ") {
      let words = line.split(separator: " ")
      #expect(words.count == 5 && words[2] == "FLAT" && words[3] == "\"image\"")
      #expect(UInt64(words[4]) == next)
      let count = try #require(UInt64(words[1]))
      #expect(count > 0 && count * 512 < 2 << 30)
      next += count
      extents += 1
    }
    #expect(next == (8192 + 5 << 30) / 512 && extents == 3)
    #expect(text.contains("\nddb.geometry.cylinders = \"10403\"\n"))
    if Self.hasQEMU {
      let answer = try run(["info", folder("disk.vmdk")])
      #expect(answer.text.contains("(5368709120 bytes)"), "\(answer.text)")
    }
  }

  /// The number of the disk's content is of the UUID, and not one with a meaning.
  @Test func contentsHaveNumbers() throws {
    var options = BuildOptions()
    options.uuid = .bytes(Array(0..<16))
    #expect(try build(options, seed: 60).contains("\nCID=00000000\n"))
    options.uuid = .bytes([0x12, 0x34, 0x56, 0x78] + [UInt8](repeating: 0, count: 12))
    #expect(try build(options, seed: 60).contains("\nCID=12345678\n"))
    options.uuid = .bytes([0xFF, 0xFF, 0xFF, 0xFE] + [UInt8](repeating: 0, count: 12))
    #expect(try build(options, seed: 60).contains("\nCID=00000000\n"))
  }

  @Test func namesThatCannotBeWrittenAreRefused() throws {
    var options = BuildOptions()
    options.diskDescriptor = FilePath(folder("disk.vmdk"))
    for name in ["im\"age", "im\nage"] {
      var random = Random(70)
      let tree = try randomTree(&random, entries: 10, upTo: 100)
      #expect { try ImageBuilder(options).build(tree, at: FilePath(folder(name))) } throws: {
        "\($0)".contains("which a disk descriptor cannot hold")
      }
      #expect(!FileManager.default.fileExists(atPath: folder(name)))
      #expect(!FileManager.default.fileExists(atPath: folder("disk.vmdk")))
    }
  }
}
