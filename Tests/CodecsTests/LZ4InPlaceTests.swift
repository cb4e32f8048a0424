// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors
import TestSupport
import Testing

@testable import Codecs

/// The stored bytes in the tail of the memory that they are decoded to.
@Suite struct LZ4InPlaceTests {
  /// Decodes with exactly the margin that is asked for.
  func decodeInPlace(_ block: [UInt8], length: Int, layout: PageLayout, step: Int?) throws -> [UInt8] {
    let total = length + LZ4Decoder.inPlaceMargin(storedBytes: block.count)
    let pages = layout.pages(total, seed: 31)
    let stored = pages.vector.dropFirst(total - block.count)
    block.withUnsafeBytes { _ = stored.copy(from: PageVector(unsafeContiguous: $0)) }
    let output = pages.vector.prefix(length)
    var decoder = try LZ4Decoder(input: stored.readOnly, output: output, length: length, memory: WorkingMemory())
    while decoder.produced < length { try decoder.decode(to: decoder.produced + (step ?? length)) }
    try decoder.finish()
    #expect(pages.guardsAreIntact)
    return output.readOnly.gathered
  }

  @Test(arguments: PageLayout.all, [nil, 1000])
  func decodesWithTheMargin(layout: PageLayout, step: Int?) throws {
    for kind in DataKind.allCases {
      for size in [1, 14, 15, 16, 33, 270, 271, 4096, 20_000] {
        let bytes = kind.bytes(size)
        let block = Liblz4.compress(bytes, level: 9)
        #expect(try decodeInPlace(block, length: size, layout: layout, step: step) == bytes, "\(kind) \(size)")
      }
    }
  }

  /// Blocks as long as they can be for what they hold, and a tail of each length, which is what the margin is for.
  @Test(arguments: [PageLayout.contiguous, PageLayout(shift: 5, offset: 3), PageLayout(shift: 12, offset: 0)])
  func decodesWhatGrewWhenItWasStored(layout: PageLayout) throws {
    for run in [15, 16, 30, 269, 270, 525, 1000] {
      for rest in Array(5...66) + [254, 255, 256, 269, 270, 271, 524, 525, 526] {
        var writer = LZ4BlockWriter()
        for i in 0..<3 {
          writer.sequence((0..<run).map { UInt8(truncatingIfNeeded: $0 &* 29 &+ i) }, distance: 9, match: 4)
        }
        // Copies go by 16 or 32 bytes: these end one past that, so that as much as possible is written too much.
        writer.sequence((0..<14).map { UInt8($0) }, distance: 14, match: 17)
        writer.sequence((0..<3).map { UInt8($0) }, distance: 20, match: 33)
        writer.sequence((0..<17).map { UInt8($0) }, distance: 8, match: 65)
        writer.end((0..<rest).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        let length = writer.bytes.count
        #expect(try decodeInPlace(writer.block, length: length, layout: layout, step: nil) == writer.bytes)
      }
    }
  }

  @Test(arguments: 0..<20)
  func decodesOddBlocks(seed: Int) throws {
    let odd = LZ4BlockWriter.random(length: 5000, seed: UInt64(seed))
    for layout in PageLayout.all {
      #expect(try decodeInPlace(odd.block, length: odd.bytes.count, layout: layout, step: nil) == odd.bytes)
    }
  }
}
