// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import Testing

@testable import EROFSBuilder

/// Where the extents of a segment are stored.
@Suite struct PlacedSegmentTests {
  /// A segment whose extents store so many bytes, each byte the number of its extent; each is shared by another one.
  private func segment(_ sizes: [Int], algorithm: Algorithm) -> EncodedSegment {
    var segment = EncodedSegment()
    for (number, size) in sizes.enumerated() {
      let extent = StoredExtent(
        length: UInt32(size * 2), storedBytes: UInt32(size), address: UInt64(segment.stored.count), form: .compressed,
        algorithm: algorithm.rawValue, isRelative: true)
      segment.extents.append(extent)
      segment.stored += [UInt8](repeating: UInt8(number + 1), count: size)
    }
    segment.extents += segment.extents.map {
      var shared = $0
      shared.isShared = true
      return shared
    }
    segment.extents.append(StoredExtent(length: 9000, storedBytes: 0, address: 0, form: .hole))
    return segment
  }

  private func check(_ segment: EncodedSegment, at base: UInt64, insertions: Int, blockSize: Int = 4096) {
    let (extents, stored) = segment.placed(at: base, blockSize: blockSize)
    #expect(stored.count == segment.stored.count + 2 * insertions)
    let count = segment.extents.count / 2
    for number in 0..<count {
      #expect(extents[number].address == extents[count + number].address)
      let place = Int(extents[number].address - base)
      #expect(stored[place..<place + Int(extents[number].storedBytes)].allSatisfy { $0 == UInt8(number + 1) })
    }
    #expect(extents.allSatisfy { !$0.isRelative } && extents.last!.address == 0)
  }

  /// Linux needs the last bytes of a DEFLATE stream in one page.
  @Test(arguments: [512, 1024, 2048, 4096, 65536]) func noDeflateStreamEndsJustBehindAPage(blockSize: Int) {
    let sizes = [4000, 97, 4094, 4096, 5000, 3287, 4095, 1]
    for base in UInt64(0)..<5000 {
      let segment = segment(sizes, algorithm: .deflate)
      let (extents, stored) = segment.placed(at: base, blockSize: blockSize)
      for extent in extents.prefix(sizes.count) {
        let pages = extent.address / UInt64(blockSize) * UInt64(blockSize)
        #expect(!(1...2).contains((extent.address + UInt64(extent.storedBytes) - pages) % 4096))
      }
      let insertions = (stored.count - segment.stored.count) / 2
      if base % 7 == 0 { check(segment, at: base, insertions: insertions, blockSize: blockSize) }
    }
    // The first ends 1 byte behind a page; all later ones move with it.
    check(segment([4097, 100, 100], algorithm: .deflate), at: 0, insertions: 1)
    check(segment([4099, 100, 100], algorithm: .deflate), at: 0, insertions: 0)
    check(segment([4097, 4096, 4096], algorithm: .zstandard), at: 0, insertions: 0)
  }
}
