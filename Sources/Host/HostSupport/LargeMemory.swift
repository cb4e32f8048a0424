// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Synchronization

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// How many bytes several users may have together.
package final class MemoryRoom: Sendable {
  private let free: Mutex<Int>

  package init(_ bytes: Int) { free = Mutex(bytes) }

  /// Whether there were as many, which then are the caller's.
  package func take(_ bytes: Int) -> Bool {
    free.withLock {
      guard bytes <= $0 else { return false }
      $0 -= bytes
      return true
    }
  }

  package func give(_ bytes: Int) { free.withLock { $0 += bytes } }
}

/// Some megabytes, which the system gets back at once when they are not needed any more.
package final class LargeMemory: @unchecked Sendable {
  package private(set) var bytes: UnsafeMutableRawBufferPointer
  private let room: MemoryRoom
  private static let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))

  /// - Returns: nil if there is no such room, or no such memory. What is never written takes none.
  package init?(_ count: Int, in room: MemoryRoom) {
    guard count > 0, count < 1 << 46, room.take(Self.whole(count)) else { return nil }
    guard let place = mmap(nil, Self.whole(count), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0),
      place != MAP_FAILED
    else {
      room.give(Self.whole(count))
      return nil
    }
    #if os(Linux)
      // A page of 4 KiB costs as much as to decompress into it.
      madvise(place, Self.whole(count), Int32(MADV_HUGEPAGE))
    #endif
    bytes = UnsafeMutableRawBufferPointer(start: place, count: count)
    self.room = room
  }

  private static func whole(_ count: Int) -> Int { (count + pageSize - 1) / pageSize * pageSize }

  /// Gives back what is behind the first `count` bytes.
  package func shorten(to count: Int) {
    precondition(count > 0 && count <= bytes.count)
    let (old, new) = (Self.whole(bytes.count), Self.whole(count))
    if new < old {
      munmap(bytes.baseAddress! + new, old - new)
      room.give(old - new)
    }
    bytes = UnsafeMutableRawBufferPointer(rebasing: bytes[..<count])
  }

  deinit {
    munmap(bytes.baseAddress, Self.whole(bytes.count))
    room.give(Self.whole(bytes.count))
  }
}
