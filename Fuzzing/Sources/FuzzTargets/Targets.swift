// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import FuzzKit

/// All targets by name.
public let targetNames = decoderTargets.map(\.name) + ["image", "directory", "attributes"]

/// The target of that name, with its own memory.
public func makeTarget(_ name: String) -> (any FuzzTarget)? {
  switch name {
  case "image": imageTarget()
  case "directory": directoryTarget()
  case "attributes": attributesTarget()
  default: decoderTargets.first { $0.name == name }?.make()
  }
}
