// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Synchronization

/// An array that several threads append to.
package final class SynchronizedArray<Element: Sendable>: Sendable {
  private let elements = Mutex<[Element]>([])

  package init() {}

  package func append(_ element: Element) { elements.withLock { $0.append(element) } }

  /// All elements so far.
  package var all: [Element] { elements.withLock { $0 } }
}
