// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTools

/// The messages of the programs of erofs-utils: on standard error, each with its level in front.
struct StandInMessages: Sendable {
  /// 0 ... 9, as -d sets it.
  var verbosity = 2

  func error(_ text: String) { write("<E> erofs: \(text)") }
  func warning(_ text: String) { if verbosity >= 2 { write("<W> erofs: \(text)") } }
  func information(_ text: String) { if verbosity >= 3 { write("<I> erofs: \(text)") } }

  func write(_ line: String) {
    StandardOutput.shared.flush()
    writeToStandardError(line + "\n")
  }
}
