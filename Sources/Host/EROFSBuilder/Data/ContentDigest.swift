// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Digests

/// 16 bytes of a SHA-256: enough that two different contents never share them.
struct ContentDigest: Hashable, Sendable {
  let high: UInt64
  let low: UInt64

  init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  init(_ bytes: UnsafeRawBufferPointer) {
    let hash = SHA256()
    hash.update(bytes)
    self.init(hash)
  }

  /// Of several parts that follow each other.
  init(_ parts: some Sequence<ContentDigest>) {
    let hash = SHA256()
    for part in parts { withUnsafeBytes(of: (part.high, part.low)) { hash.update($0) } }
    self.init(hash)
  }

  init(_ hash: SHA256) {
    let bytes = hash.finish()
    (high, low) = bytes.withUnsafeBytes {
      ($0.loadUnaligned(as: UInt64.self), $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }
  }
}
