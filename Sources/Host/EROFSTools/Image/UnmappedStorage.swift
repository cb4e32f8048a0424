// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import PageVectors

/// A storage that hides that its bytes are in memory: what a block device is to a reader.
public struct UnmappedStorage<Base: Storage>: Storage {
  public let base: Base

  public init(_ base: Base) { self.base = base }

  public func byteCount(ofDevice device: Int) -> UInt64 { base.byteCount(ofDevice: device) }

  public func read(device: Int, at offset: UInt64, into destination: MutablePageVector) throws(StorageError) {
    try base.read(device: device, at: offset, into: destination)
  }
}

extension UnmappedStorage: Sendable where Base: Sendable {}
