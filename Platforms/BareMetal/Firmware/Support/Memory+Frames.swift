// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Board
import EROFSFirmware

#if EROFS_CONTIGUOUS_MEMORY

  extension Memory {
    mutating func scattered(_ count: Int?, _ shift: Int) -> Arena {
      Console.line("refused: page frames, built with ContiguousMemory")
      Board.exit(2)
    }
  }

#else

  extension Memory {
    /// `count` bytes, or nearly all that is left, in frames of `1 << shift` bytes, no two neighbours in a row, and memory for the codecs' tables.
    mutating func scattered(_ count: Int?, _ shift: Int) -> Arena {
      let tables = take(4 * 32768)
      let size = 1 &<< shift
      let frames = (count ?? left - left / 16) &>> shift
      let table = take(frames * MemoryLayout<UnsafeMutableRawPointer>.size)
        .bindMemory(to: UnsafeMutableRawPointer.self)
      let start = take(frames &<< shift).baseAddress!
      // A walk in strides that have no factor in common with the number of frames visits each once, no two neighbours in
      // a row.
      var stride = frames / 3 | 1
      while common(stride, frames) != 1 { stride += 2 }
      var at = 0
      for index in 0..<frames {
        table[index] = start + at * size
        at += stride
        while at >= frames { at -= frames }
      }
      return Arena(
        unsafeFrames: table.baseAddress!, pageShift: shift, count: frames &<< shift, tables: tables)
    }

    private func common(_ a: Int, _ b: Int) -> Int {
      var (a, b) = (a, b)
      while b > 0 { (a, b) = (b, a % b) }
      return a
    }
  }

#endif
