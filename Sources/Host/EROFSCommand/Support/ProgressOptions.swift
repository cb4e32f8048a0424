// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFSTools
import Synchronization

struct ProgressOptions: ParsableArguments {
  @Flag(
    name: .customLong("progress"), inversion: .prefixedNo,
    help: "Show a progress bar. (default: where standard error is a terminal)")
  var showsProgress: Bool?

  @Flag(name: .shortAndLong, help: "Say nothing but what is wrong.")
  var quiet = false

  func progress(_ label: String) -> Progress { Progress(label, isShown: quiet ? false : showsProgress) }
}

/// A list that threads add to.
final class Collected<Element: Sendable>: Sendable {
  private let elements = Mutex<[Element]>([])
  func append(_ element: Element) { elements.withLock { $0.append(element) } }
  var all: [Element] { elements.withLock { $0 } }
}
