// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import Foundation
import TestSupport
import Testing

@testable import EROFSTools

/// Counts against the manifest, which is not ours.
@Suite struct StatisticsTests {
  @Test(arguments: ReferenceImages.names)
  func countsAreThoseOfTheManifest(name: String) throws {
    let reader = try ReferenceImages.reader(name)
    let statistics = try ImageStatistics(of: reader)
    let rows = ReferenceImages.manifest
    #expect(statistics.names == rows.count)
    let files = rows.filter { $0.kind == "file" }
    // An inode of n names is n rows, each of which is a part of 1/n of it.
    let inodes = files.reduce(0.0) { $0 + 1 / Double($1.links ?? 1) }
    let bytes = files.reduce(0.0) { $0 + Double($1.size ?? 0) / Double($1.links ?? 1) }
    let fileCount = Int(inodes.rounded())
    #expect(statistics.kinds[.regular] == fileCount)
    #expect(statistics.hardLinks == files.count - fileCount)
    #expect(statistics.hardLinks > 0)
    #expect(statistics.fileBytes == UInt64(bytes.rounded()))
    let kinds: [(InodeKind, String)] = [
      (.directory, "directory"), (.symbolicLink, "symlink"), (.characterDevice, "character"), (.blockDevice, "block"),
      (.fifo, "fifo"), (.socket, "socket"),
    ]
    for (kind, word) in kinds { #expect(statistics.kinds[kind] == rows.count { $0.kind == word }) }
    #expect(statistics.compressed.count + statistics.uncompressed.count == fileCount)
    #expect(statistics.sizes.reduce(0, +) == fileCount)
    #expect(statistics.extensions.values.reduce(0) { $0 + $1.count } == fileCount)
    #expect(statistics.extensions.values.reduce(0) { $0 + $1.bytes } == statistics.fileBytes)
    #expect(statistics.compressed.count > 0 || !reader.superblock.incompatible.contains(.zeroPadding))
    #expect((statistics.packedBytes > 0) == (statistics.filesWithFragments > 0))
    // What is stored lies in the image, in the metabox perhaps, whose content may be larger.
    if reader.superblock.metaboxNID == nil { #expect(statistics.storedBytes < statistics.imageBytes) }
    #expect(statistics.storedBytes > 0)
  }

  @Test(arguments: ReferenceImages.names)
  func extentsCoverEveryFile(name: String) throws {
    let reader = try ReferenceImages.reader(name)
    var covered: UInt64 = 0
    for file in try reader.files() {
      let list = try ExtentList(of: file, reader)
      var end: UInt64 = 0
      for row in list.rows {
        #expect(row.extent.start == end && row.extent.length > 0)
        end = row.extent.end
        if let device = row.device, let offset = row.offset {
          #expect(device <= reader.superblock.extraDevices)
          #expect(offset + min(row.extent.length, row.storedBytes) <= reader.image.byteCount(ofDevice: device))
        }
        #expect((row.storedBytes == 0) == (row.extent.place == .hole || row.isFragment))
      }
      let hasData = [.regular, .directory, .symbolicLink].contains(file.inode.kind)
      #expect(end == (hasData ? file.inode.size : 0), "\(file.path.printable)")
      covered += end
    }
    #expect(covered > 2_000_000)
  }

  /// What extents say is stored is what reading their places by hand gives.
  @Test(arguments: ReferenceImages.among("plain-512", "chunks-64k-device", "lz4hc-16k-full-index"))
  func placesAreRight(name: String) throws {
    let reader = try ReferenceImages.reader(name)
    let devices = [try ReferenceImages.image(name)] + [ReferenceImages.blob(name)].compactMap { $0 }
    var checked = 0
    for file in try reader.files() {
      for row in try ExtentList(of: file, reader).rows {
        guard let device = row.device, let offset = row.offset, row.extent.encoding == .plain else { continue }
        var bytes = [UInt8](repeating: 0, count: Int(row.extent.length))
        let count = try bytes.withUnsafeMutableBytes {
          try reader.volume.read(file.inode, at: row.extent.start, into: .init(unsafeContiguous: $0))
        }
        #expect(count == bytes.count)
        #expect(bytes.elementsEqual(devices[device].dropFirst(Int(offset)).prefix(count)))
        checked += count
      }
    }
    #expect(checked > 5_000)
  }

  @Test(
    arguments: [
      (0, 0), (1023, 0), (1024, 1), (2047, 1), (2048, 2), (1 << 25 - 1, 15), (1 << 25, 16), (UInt64(1) << 60, 16),
    ] as [(UInt64, Int)])
  func sizeClasses(size: UInt64, index: Int) { #expect(ImageStatistics.sizeClass(of: size) == index) }

  @Test(
    arguments: [
      ("/a/b.txt", "txt"), ("/a.d/b", nil), ("/.profile", nil), ("/a/b.tar.gz", "gz"), ("/a.", nil), ("/", nil),
      ("/..x", "x"),
    ] as [(String, String?)])
  func extensions(path: String, name: String?) {
    #expect(ImageStatistics.nameExtension(Array(path.utf8)).map { String(decoding: $0, as: UTF8.self) } == name)
  }

  @Test(arguments: ReferenceImages.oneOfEachKind)
  func announcedBlocksAreThoseOfTheStoredExtents(name: String) throws {
    let reader = try ReferenceImages.reader(name)
    let blockSize = UInt64(reader.superblock.blockSize)
    // With deduplication a file announces fewer than its extents show, and byte-addressed extents round by themselves.
    let features = reader.superblock.incompatible
    let isSimple = features.isDisjoint(with: [.fragments, .wide48Bit])
    var compressed = 0
    for file in try reader.files() {
      let blocks = try reader.announcedBlocks(of: file.inode)
      let isCompressed = file.inode.layout == .compressedFull || file.inode.layout == .compressedCompact
      #expect((blocks != nil) == isCompressed)
      guard let blocks, isSimple else { continue }
      compressed += 1
      var stored: UInt64 = 0
      for row in try ExtentList(of: file, reader).rows {
        if case .device = row.extent.place { stored += row.storedBytes }
      }
      #expect(blocks * blockSize == stored, "\(file.path.printable)")
    }
    if isSimple, features.contains(.zeroPadding) { #expect(compressed > 0) }
  }
}

extension ExtentList.Row {
  var isFragment: Bool { if case .packed = extent.place { true } else { false } }
}
