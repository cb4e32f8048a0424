// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import FuzzKit

/// A distance of 0 is against the format. liblz4 takes it for a match with whatever is in the output.
func lz4Target() -> any FuzzTarget {
  DecoderTarget("lz4", .lz4, LZ4Decoder.self, mayBeStricter: { hasZeroDistance($0.stream) }) { _ in
    LZ4Decoder.workingBytes
  }
}

private func hasZeroDistance(_ block: ArraySlice<UInt8>) -> Bool {
  var bytes = block.makeIterator()
  func length(_ nibble: UInt8) -> Int {
    var count = Int(nibble)
    while nibble == 15, let more = bytes.next() {
      count += Int(more)
      if more != 255 { break }
    }
    return count
  }
  while let token = bytes.next() {
    for _ in 0..<length(token >> 4) where bytes.next() == nil { return false }
    guard let low = bytes.next(), let high = bytes.next() else { return false }
    if low == 0, high == 0 { return true }
    _ = length(token & 15)
  }
  return false
}
