// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTools
import Foundation
import TestSupport
import Testing

/// Every reference image through the checker, and through extraction onto the disk and back.
@Suite struct ReferenceExtractionTests {
  static let expected: [[UInt8]: ManifestRow] = {
    var rows: [[UInt8]: ManifestRow] = [:]
    for row in ReferenceImages.manifest { rows[row.path] = row }
    return rows
  }()

  @Test(arguments: ReferenceImages.names)
  func extractsAsTheManifestSays(name: String) throws {
    let folder = TemporaryFolder()
    let (events, summary) = try extract(
      ReferenceImages.path(name), devices: ReferenceImages.devices(name), to: folder("tree"))
    if isSuperuser { #expect(events.isEmpty, "\(events)") }
    #expect(summary.failures == 0)
    let rows = try DiskTree(folder("tree")).rows
    // Without the superuser's rights there are no devices.
    let expected = Self.expected.filter { isSuperuser || $0.value.device == nil }
    #expect(Set(rows.keys) == Set(expected.keys))
    for (path, row) in rows {
      guard let want = expected[path] else { continue }
      #expect(row.differences(from: want).isEmpty, "\(path.printable)")
    }
    #expect(summary.names == expected.count - 1)
  }

  @Test(arguments: ReferenceImages.names)
  func checksClean(name: String) throws {
    let image = try ReferenceImages.open(name)
    let superblock = try Superblock(reading: image)
    let (found, summary) = problems(of: image, superblock)
    #expect(found.isEmpty, "\(found)")
    let kinds = Dictionary(grouping: ReferenceImages.manifest, by: \.kind).mapValues(\.count)
    #expect(summary.counts[.directory] == kinds["directory"])
    #expect(summary.counts[.symbolicLink] == kinds["symlink"])
    // Three names of one file.
    #expect(summary.counts[.regular] == (kinds["file"] ?? 0) - 2)
    let (fast, quick) = problems(of: image, superblock, metadataOnly: true)
    #expect(fast.isEmpty, "\(fast)")
    #expect(quick.counts == summary.counts)
  }

  @Test(.enabled(if: ReferenceImages.names.contains("lz4-digest"), "no image with digests"))
  func checksDigests() throws {
    let image = try ReferenceImages.open("lz4-digest")
    let (_, summary) = problems(of: image, try Superblock(reading: image))
    #expect(summary.digests > 200)
  }

  /// Chunks that the image does not store take no room on the disk either.
  @Test(arguments: ["chunks-4k", "chunks-64k-device"].filter { ReferenceImages.names.contains($0) })
  func keepsHoles(name: String) throws {
    let folder = TemporaryFolder()
    try extract(ReferenceImages.path(name), devices: ReferenceImages.devices(name), to: folder("tree"))
    let reader = try ImageReader(try ReferenceImages.open(name))
    let allocated = try DiskTree(folder("tree")).allocated
    var holes = 0
    for row in ReferenceImages.manifest where row.kind == "file" {
      let inode = try reader.inode(at: row.path)
      let extents = try reader.extents(of: inode)
      let stored = extents.filter { $0.place != .hole }.reduce(0) { $0 + Int($1.length + 4095) / 4096 * 4096 }
      if extents.contains(where: { $0.place == .hole }) {
        holes += 1
        // Within what the file system itself adds.
        #expect(allocated[row.path]! <= stored + 8192, "\(row.path.printable)")
      }
    }
    #expect(holes > 0)
  }

  @Test(arguments: ["zstd-48bit-64k", "lz4hc-64k-dedupe-fragments"])
  func threadsDoNotMatter(name: String) throws {
    let image = try ReferenceImages.open(name)
    let reader = try ImageReader(image)
    let root = try reader.volume.inode(reader.superblock.rootNID)
    var trees: [DiskTree] = []
    for threads in [1, 7] {
      let folder = TemporaryFolder()
      var options = Extractor.Options()
      options.threads = threads
      let summary = try Extractor(image, reader.superblock, options: options) { _ in }
        .run(root, name: [], into: .init(folder("tree")))
      #expect(summary.failures == 0)
      trees.append(try DiskTree(folder("tree")))
    }
    #expect(trees[0].rows.count == trees[1].rows.count)
    for (path, row) in trees[0].rows { #expect(trees[1].rows[path].map { $0.differences(from: row) } == []) }
  }
}
