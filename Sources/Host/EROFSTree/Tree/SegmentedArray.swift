// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// An array that grows by whole segments: no element is moved, and at most one segment's room is unused.
///
/// An ordinary array doubles, so that a million entries would take up to three times their size while it grows.
struct SegmentedArray<Element: Sendable>: Sendable {
  private static var shift: Int { 12 }
  private static var length: Int { 1 << shift }

  private var segments: [[Element]] = []
  private(set) var count = 0

  subscript(index: Int) -> Element {
    get { segments[index >> Self.shift][index & (Self.length - 1)] }
    _modify { yield &segments[index >> Self.shift][index & (Self.length - 1)] }
  }

  mutating func append(_ element: Element) {
    if count & (Self.length - 1) == 0 {
      var segment: [Element] = []
      // A small tree takes little.
      if count > 0 { segment.reserveCapacity(Self.length) }
      segments.append(segment)
    }
    segments[segments.count - 1].append(element)
    count += 1
  }
}
