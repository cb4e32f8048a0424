// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import Foundation
import TestSupport
import Testing

@testable import EROFSTools

/// What each byte of an image is for, and pictures of that.
@Suite struct ImageMapTests {
  /// Runs cover each device from its first byte to its last; what files store is in runs of its use.
  @Test(arguments: ReferenceImages.names) func everyByteHasAUse(name: String) throws {
    let reader = try ReferenceImages.reader(name)
    let map = try ImageMap(of: reader)
    #expect(map.devices.count == 1 + reader.superblock.extraDevices)
    for (device, runs) in map.devices.enumerated() {
      #expect(runs.first?.start == 0 && runs.last?.end == reader.image.byteCount(ofDevice: device))
      for (left, right) in zip(runs, runs.dropFirst()) {
        #expect(left.end == right.start && left.use != right.use && right.byteCount > 0)
      }
    }
    func use(_ device: Int, _ offset: UInt64) -> ImageMap.Use? {
      map.devices[device].first { $0.start <= offset && offset < $0.end }?.use
    }
    #expect(use(0, 1024) == .superblock)
    for file in try reader.files() where file.inode.stream == .device {
      #expect(use(0, file.inode.offset) == .inodes)
      #expect(use(0, file.inode.offset + 31) == .inodes)
    }
    // By another way: what the statistics say is stored of regular files.
    let statistics = try ImageStatistics(of: reader)
    for algorithm in Algorithm.allCases {
      let stored = statistics.extents[.compressed(algorithm)]?.storedBytes ?? 0
      let drawn = map.bytes[.compressed(algorithm)] ?? 0
      #expect(drawn <= stored, "\(algorithm.name)")
    }
  }

  @Test(arguments: ReferenceImages.among("plain-512"))
  func ofAnUncompressedImageAllIsKnown(name: String) throws {
    let map = try ImageMap(of: try ReferenceImages.reader(name))
    let statistics = try ImageStatistics(of: try ReferenceImages.reader(name))
    let plain = try #require(statistics.extents[.plain])
    let inline = try #require(statistics.extents[.inline])
    let known = [.plain, .directories, .links, .tails].reduce(UInt64(0)) { $0 + (map.bytes[$1] ?? 0) }
    #expect(known == plain.storedBytes + inline.storedBytes)
    // Blocks of 512 bytes leave little unused: what is not full at their ends, and the boot loader's KiB.
    #expect(map.bytes[.unused]! < statistics.imageBytes / 5)
    #expect(map.bytes[.tables] == nil && map.bytes[.packed] == nil)
  }

  @Test(arguments: ReferenceImages.oneOfEachKind) func picturesAreXMLAndAlwaysTheSame(name: String) throws {
    let svg = try ImagePicture(of: try ReferenceImages.reader(name), title: Array("a<b>&\u{7}c".utf8)).svg
    #expect(svg == (try ImagePicture(of: try ReferenceImages.reader(name), title: Array("a<b>&\u{7}c".utf8)).svg))
    #expect(svg.contains("a&lt;b&gt;&amp;"))
    let folder = TemporaryFolder()
    let path = try folder.write(svg.utf8, "picture.svg")
    let outcome = try Command.run(
      "/usr/bin/env", ["python3", "-c", "import sys, xml.dom.minidom as x; x.parse(sys.argv[1])", path])
    #expect(outcome.status == 0, "\(outcome.errors)")
    // The cells are all in the picture, and as many as the bytes need.
    let cells = svg.matches(of: /width="(\d+)" height="6"/).reduce(0) { $0 + Int($1.1)! / 6 }
    let reader = try ReferenceImages.reader(name)
    let wanted = (0...reader.superblock.extraDevices).reduce(0) { sum, device in
      let size = reader.image.byteCount(ofDevice: device)
      let each = max(1, (size + 8191) / 8192)
      return sum + Int((size + each - 1) / each)
    }
    #expect(cells == wanted)
  }
}
