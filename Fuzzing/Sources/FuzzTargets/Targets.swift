// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import FuzzKit

/// All targets by name.
public let targetNames = ["lz4", "microlzma", "deflate", "zstandard", "image", "directory", "attributes"]

/// The target of that name, with its own memory.
public func makeTarget(_ name: String) -> (any FuzzTarget)? {
  switch name {
  case "lz4": lz4Target()
  case "microlzma": microLZMATarget()
  case "deflate": deflateTarget()
  case "zstandard": zstandardTarget()
  case "image": imageTarget()
  case "directory": directoryTarget()
  case "attributes": attributesTarget()
  default: nil
  }
}
