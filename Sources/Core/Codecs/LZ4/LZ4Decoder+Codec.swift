// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

extension LZ4Decoder: Codec {
  @inlinable
  public static func marginInPlace(storedBytes: Int) -> Int? { inPlaceMargin(storedBytes: storedBytes) }
}
