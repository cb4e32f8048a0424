// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

// A frame that comes next is nowhere near the one before: what the processor learned there does not help, and until it
// has learned anew, each line and the address translation itself are waited for. Copying by hand has the same trouble;
// a decoder has something to do in the meantime.

#if canImport(CPrefetch)
  private import CPrefetch

  /// Fetches the first 512 bytes at `start`, which will be written soon, into the cache. It cannot fault.
  @inline(__always)
  func prefetchForWriting(_ start: MutableBytes) {
    var line = 0
    while line < 512 {
      unsafe prefetch_for_writing(Bytes(start) + line)
      line &+= 64
    }
  }
#else
  /// Nothing: where the header is not there, Core is built for a machine without such a cache.
  @inline(__always)
  func prefetchForWriting(_ start: MutableBytes) {}
#endif
