// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// A vector's bytes are scattered over frames or in one piece; or, in the second form, always in one piece. Embedded
// programs that define `EROFS_CONTIGUOUS_MEMORY` have the second form. The compiler then removes all code for frames,
// which firmware does not need if its image and memory are not scattered.

#if EROFS_CONTIGUOUS_MEMORY && hasFeature(Embedded)

  @frozen
  @usableFromInline
  struct FramePlacement {
    @inlinable @inline(__always)
    init(shift: Int, offset: Int) {}

    @inlinable @inline(__always)
    static var hasFrames: Bool { false }

    @inlinable @inline(__always)
    var shift: Int { PageVector.contiguousShift }

    @inlinable @inline(__always)
    var offset: Int { 0 }
  }

#else

  @frozen
  @usableFromInline
  struct FramePlacement {
    /// log2 of the page size; `PageVector.contiguousShift` where there is no table.
    @usableFromInline let shift: Int
    /// Where the first byte is, counted from the start of frame 0; 0 where there is no table.
    @usableFromInline let offset: Int

    @inlinable @inline(__always)
    init(shift: Int, offset: Int) {
      self.shift = shift
      self.offset = offset
    }

    /// Whether a vector may be scattered over frames.
    @inlinable @inline(__always)
    static var hasFrames: Bool { true }
  }

#endif
