// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A compression algorithm, by its id on disk.
@frozen
public enum Algorithm: UInt8, Sendable, CaseIterable {
  case lz4 = 0
  case microLZMA = 1
  case deflate = 2
  case zstandard = 3
}
