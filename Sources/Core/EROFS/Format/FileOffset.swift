// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// An offset or a count of bytes in an image or a file.
///
/// The reader works with values below half its range, so that two of them can be added. Embedded builds for 32-bit
/// machines that define `EROFS_NARROW_OFFSETS` have the narrow form, which is smaller: addresses and sizes of 2 GiB and
/// more are `unsupported(.size)` there.
#if EROFS_NARROW_OFFSETS && hasFeature(Embedded) && _pointerBitWidth(_32)
  public typealias FileOffset = UInt32
#else
  public typealias FileOffset = UInt64
#endif

extension FileOffset {
  /// The largest value that the reader takes from an image.
  static var limit: FileOffset { .max &>> 1 }

  /// The next multiple of a power of two.
  @inline(__always)
  func aligned(to alignment: FileOffset) -> FileOffset { (self &+ alignment &- 1) & ~(alignment &- 1) }

  static var isNarrow: Bool { bitWidth < 64 }
}
