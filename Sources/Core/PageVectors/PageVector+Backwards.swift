// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

extension PageVector {
  /// How many bytes of the vector directly precede `position` (0 ... `count`) in the same frame: what a reader that
  /// goes backwards may take without another look at the table.
  @inlinable
  package func bytesBefore(_ position: Int) -> Int {
    guard shift != Self.contiguousShift else { return position }
    let inPage = (offset &+ position) & ((1 &<< shift) &- 1)
    return min(position, inPage)
  }
}
