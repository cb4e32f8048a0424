// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors
import TestSupport
import Testing

@testable import Codecs

/// The window against a plain array, over layouts from single bytes to one contiguous page, as a whole and as a ring.
@Suite struct OutputWindowTests {
  struct Layout: Sendable, CustomStringConvertible {
    var shift: Int
    var offset: Int
    var frames: Int
    var description: String { "pages of \(1 << shift), offset \(offset), \(frames) bytes" }
  }

  @Test(arguments: [
    Layout(shift: 0, offset: 0, frames: 6000), Layout(shift: 5, offset: 7, frames: 6000),
    Layout(shift: 8, offset: 255, frames: 6000), Layout(shift: 20, offset: 0, frames: 6000),
    Layout(shift: 5, offset: 3, frames: 500), Layout(shift: 8, offset: 0, frames: 1024),
    Layout(shift: 20, offset: 0, frames: 333),
  ])
  func matchesTheModel(layout: Layout) {
    for seed in 0..<20 {
      var generator = SplitMix64(seed: UInt64(seed))
      let pages = ScatteredPages(count: layout.frames, pageShift: layout.shift, offset: layout.offset, seed: 3)
      let literals = ScatteredPages(
        (0..<4000).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ ($0 >> 4)) }, pageShift: 6, seed: 5)
      let length = 6000
      var window = OutputWindow(pages.vector, length: length)
      var input = InputCursor(literals.vector.readOnly)
      var model: [UInt8] = []
      #expect(window.isUsable)
      while model.count < length {
        let left = length - model.count
        let count = min(left, Int.random(in: 1...90, using: &generator))
        switch Int.random(in: 0..<4, using: &generator) {
        case 0 where input.left > 0:
          let count = min(count, input.left)
          let from = input.offset
          let copied = window.appendLiterals(from: &input, count: count)
          #expect(copied)
          model += literals.bytes[from..<from + count]
        case 1:
          window.appendRun(of: 0x55, count: count)
          model += [UInt8](repeating: 0x55, count: count)
        case 2:
          let appended = window.append(UInt8(truncatingIfNeeded: model.count))
          #expect(appended)
          model.append(UInt8(truncatingIfNeeded: model.count))
        default:
          guard window.reach > 0 else { continue }
          let distance = min(
            window.reach,
            Bool.random(using: &generator)
              ? Int.random(in: 1...20, using: &generator) : Int.random(in: 1...window.reach, using: &generator))
          #expect(window.byte(back: distance) == model[model.count - distance])
          window.appendMatch(distance: distance, count: count)
          for _ in 0..<count { model.append(model[model.count - distance]) }
        }
        #expect(window.position == model.count)
      }
      let isFull = !window.hasRoom()
      #expect(isFull)
      if layout.frames >= length {
        #expect(pages.bytes == model)
      } else {
        let kept = window.reach
        #expect((1...kept).allSatisfy { window.byte(back: $0) == model[length - $0] })
      }
      #expect(pages.guardsAreIntact)
    }
  }
}
