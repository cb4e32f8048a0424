// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import HostSupport

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Readers for the threads that serve a mount: one for each thread that is working, created when it is first needed.
final class ReaderPool: @unchecked Sendable {
  private let storage: FileStorage
  let superblock: Superblock
  private let monitor = Monitor()
  /// Protected by the lock.
  private var free: [MountReader] = []

  init(_ storage: FileStorage, _ superblock: Superblock) {
    self.storage = storage
    self.superblock = superblock
  }

  /// Runs `body` with a reader that no other thread uses meanwhile.
  func withReader<Result, Failure: Error>(_ body: (MountReader) throws(Failure) -> Result) throws(Failure) -> Result {
    let reader = monitor.withLock { free.popLast() } ?? MountReader(storage, superblock)
    defer { if !reader.holdsMuch { monitor.withLock { free.append(reader) } } }
    return try body(reader)
  }
}

/// A clock that never goes back.
func monotonicNanoseconds() -> UInt64 {
  var now = timespec()
  clock_gettime(CLOCK_MONOTONIC, &now)
  return UInt64(now.tv_sec) &* 1_000_000_000 &+ UInt64(now.tv_nsec)
}
