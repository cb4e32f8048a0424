// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

extension MicroLZMADecoder: Codec {
  /// With lc + lp = 3.
  @inlinable public static var usualWorkingBytes: Int { workingBytes(literalBits: 3) }
  @inlinable public static var tablesVary: Bool { true }
}
