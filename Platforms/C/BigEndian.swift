// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// What the standard library's members of the same names do on a big-endian processor. Its module was made for a little-endian
/// one, where they do nothing; these are part of each of Core's modules when C for big-endian processors is made of it.
extension FixedWidthInteger {
  @inlinable
  @inline(__always)
  init(littleEndian value: Self) { self = value.byteSwapped }

  @inlinable
  var littleEndian: Self {
    @inline(__always) get { byteSwapped }
  }
}
