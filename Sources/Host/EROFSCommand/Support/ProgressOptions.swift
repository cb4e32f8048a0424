// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import ArgumentParser
import EROFSTools

struct ProgressOptions: ParsableArguments {
  @Flag(
    name: .customLong("progress"), inversion: .prefixedNo,
    help: "Show a progress bar. (default: if standard error is a terminal)")
  var showsProgress: Bool?

  @Flag(name: .shortAndLong, help: "Print errors only.")
  var quiet = false

  func progress(_ label: String) -> Progress { Progress(label, isShown: quiet ? false : showsProgress) }
}
