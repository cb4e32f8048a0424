// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors
import TestSupport
import Testing

@Suite struct PageVectorTests {
  static let layouts: [(shift: Int, offset: Int, count: Int)] = [
    (0, 0, 7), (3, 5, 40), (4, 0, 16), (6, 63, 200), (9, 511, 1025), (12, 0, 4096), (12, 100, 9000), (16, 1, 70000),
  ]

  @Test(arguments: layouts)
  func holdsWhatWasWrittenAndNothingElse(layout: (shift: Int, offset: Int, count: Int)) {
    var generator = SplitMix64(seed: UInt64(layout.count))
    let bytes = (0..<layout.count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    let pages = ScatteredPages(bytes, pageShift: layout.shift, offset: layout.offset)
    #expect(pages.bytes == bytes)
    #expect(pages.guardsAreIntact)
    for _ in 0..<50 {
      let start = Int.random(in: -3...layout.count + 3, using: &generator)
      let length = Int.random(in: -3...layout.count + 3, using: &generator)
      let low = min(max(start, 0), layout.count)
      let high = min(low + max(length, 0), layout.count)
      #expect(pages.vector.readOnly.slice(at: start, count: length).gathered == Array(bytes[low..<high]))
    }
    let wide = pages.vector.readOnly.load(at: layout.count / 2, as: UInt32.self)
    let at = layout.count / 2
    let want = at + 4 <= layout.count ? (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[at + $1]) << (8 * $1) } : nil
    #expect(wide == want)
    pages.vector.fill(0xA5)
    #expect(pages.guardsAreIntact)
  }

  @Test func neverLeavesTheVector() {
    let pages = ScatteredPages([1, 2, 3], pageShift: 1)
    let vector = pages.vector
    #expect(vector.readOnly.byte(at: -1) == nil)
    #expect(vector.readOnly.byte(at: 3) == nil)
    #expect(vector.readOnly.run(at: 3).isEmpty)
    #expect(vector.readOnly.run(at: Int.min).isEmpty)
    #expect(vector.readOnly.load(at: Int.max, as: UInt64.self) == nil)
    #expect(!vector.set(9, at: 3))
    #expect(vector.readOnly.dropFirst(Int.max).isEmpty)
    #expect(vector.readOnly.prefix(Int.min).isEmpty)
    #expect(PageVector().isContiguous)
    #expect(PageVector().contiguousAddress == nil)
  }

  @Test func knowsContiguousMemory() {
    var bytes = [UInt8](0..<64)
    bytes.withUnsafeMutableBytes { buffer in
      let base = buffer.baseAddress!
      var frames = [base, base + 16, base + 32, base + 48]
      #expect(
        PageVector(unsafeFrames: &frames, pageShift: 4, offset: 3, count: 50).contiguousAddress
          == UnsafeRawPointer(base + 3))
      frames.swapAt(1, 2)
      let swapped = PageVector(unsafeFrames: &frames, pageShift: 4, offset: 3, count: 50)
      #expect(swapped.contiguousAddress == nil)
      #expect(swapped.prefix(13).isContiguous)
      #expect(!swapped.elementsEqual(PageVector(unsafeContiguous: base + 3, count: 50)))
      #expect(swapped.prefix(13).elementsEqual(PageVector(unsafeContiguous: base + 3, count: 13)))
    }
  }

  @Test(arguments: layouts)
  func copiesBetweenLayouts(layout: (shift: Int, offset: Int, count: Int)) {
    let bytes = (0..<layout.count).map { UInt8(truncatingIfNeeded: $0 &* 37) }
    let source = ScatteredPages(bytes, pageShift: layout.shift, offset: layout.offset)
    for target in Self.layouts {
      let copy = ScatteredPages(count: target.count, pageShift: target.shift, offset: target.offset, seed: 9)
      let copied = copy.vector.copy(from: source.vector.readOnly)
      #expect(copied == min(target.count, layout.count))
      #expect(Array(copy.bytes.prefix(copied)) == Array(bytes.prefix(copied)))
      #expect(copy.guardsAreIntact)
    }
  }
}
