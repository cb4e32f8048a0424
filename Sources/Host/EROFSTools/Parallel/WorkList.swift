// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Synchronization

/// A list that threads take from, each element once.
final class WorkList<Element: Sendable>: Sendable {
  let elements: [Element]
  private let next = Atomic<Int>(0)

  init(_ elements: [Element]) { self.elements = elements }

  /// The next elements that are not taken, at most `count`; empty when there are none.
  func take(_ count: Int) -> ArraySlice<Element> {
    let start = min(next.wrappingAdd(count, ordering: .relaxed).oldValue, elements.count)
    return elements[start..<min(start + count, elements.count)]
  }
}
