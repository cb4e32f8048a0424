// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTree

/// The name of an attribute as an image has it: the number of a namespace, and the rest.
struct AttributeName: Hashable {
  let namespace: UInt8
  let rest: ArraySlice<UInt8>

  /// Nil for a name of which images have no namespace.
  init?(_ name: some Collection<UInt8>) {
    let name = Array(name)[...]
    for (number, prefix) in Self.prefixes where name.starts(with: prefix) {
      namespace = number
      rest = name.dropFirst(prefix.count)
      return
    }
    return nil
  }

  /// From the longest on, so that the two that are names of their own come first.
  private static let prefixes: [(UInt8, [UInt8])] = ([2, 3, 1, 4, 6] as [UInt8]).map { number in
    let prefix = Attribute.Namespace(rawValue: number)!.prefix
    return (number, Array(UnsafeBufferPointer(start: prefix.utf8Start, count: prefix.utf8CodeUnitCount)))
  }
}

extension Collection<UInt8> {
  /// A path in a tree as a message shows it.
  var printablePath: String { "/" + printable }
}
