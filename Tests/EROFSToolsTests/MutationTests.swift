// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTools
import Foundation
import SystemPackage
import TestSupport
import Testing

/// Images with bits turned over: they are reported or they read, and extraction stays where it belongs.
@Suite struct MutationTests {
  private static let images = [
    "plain-512", "chunks-64k-indexes", "lz4hc-64k-dedupe-fragments", "lz4hc-metabox", "lzma-1k-64k-tail",
    "zstd-48bit-fragments", "libdeflate-32k-tail", "lz4hc-xattr-prefix-fragments", "lz4-digest",
  ].filter { ReferenceImages.names.contains($0) }

  @Test(arguments: images, 0..<4 as Range<UInt64>)
  func reportsOrReads(name: String, seed: UInt64) throws {
    let folder = TemporaryFolder()
    let original = Array(try ReferenceImages.image(name))
    var generator = SplitMix64(seed: seed &* 977 &+ UInt64(name.utf8.count))
    for round in 0..<2 {
      var bytes = original
      // Few flips anywhere, and many where the metadata of these images begins.
      let limit = round == 0 ? bytes.count : min(bytes.count, 65536)
      // Without its magic number, nothing of an image is looked at.
      let first = SuperblockRecord.start + Field<SuperblockRecord, UInt32>.magic.byteCount
      for _ in 0..<(round == 0 ? 8 : 64) {
        bytes[Int.random(in: first..<limit, using: &generator)] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      }
      let path = try folder.write(bytes, "image")
      guard let image = try? ImageFile(FilePath(path)), let superblock = try? Superblock(reading: image) else {
        continue
      }
      let (found, summary) = problems(of: image, superblock)
      #expect(found.count == summary.problems)
      let target = folder("tree-\(round)")
      if let (_, extracted) = try? extract(path, to: target), summary.problems == 0 {
        #expect(extracted.failures == 0)
      }
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      #expect(names.allSatisfy { $0 == "image" || $0.hasPrefix("tree-") })
      // No stage is left behind.
      let top = (try? FileManager.default.contentsOfDirectory(atPath: target)) ?? []
      #expect(!top.contains { $0.hasPrefix(".erofs-extract") })
    }
  }
}
