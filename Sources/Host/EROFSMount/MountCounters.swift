// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Synchronization

/// What a mount has done since its start.
final class MountCounters: Sendable {
  let operations = Atomic<UInt64>(0)
  let reads = Atomic<UInt64>(0)
  let readBytes = Atomic<UInt64>(0)
  let decodeNanoseconds = Atomic<UInt64>(0)
  let errors = Atomic<UInt64>(0)
  let pace = DecodingPace()
}

/// How long decoding takes here: the mean of the latest extents.
final class DecodingPace: Sendable {
  /// Nanoseconds for 1 KiB; 0 if nothing has been decoded yet.
  private let mean = Atomic<UInt64>(0)
  /// What is slow takes several times as long as to wake a thread.
  private static let slow: UInt64 = 150_000

  func note(bytes: Int, _ nanoseconds: UInt64) {
    let found = (nanoseconds << 10) / UInt64(max(1, bytes))
    let before = mean.load(ordering: .relaxed)
    mean.store(max(1, before == 0 ? found : (before * 7 + found) / 8), ordering: .relaxed)
  }

  /// Whether it will probably take so long that others should not wait for it.
  func isSlow(bytes: Int) -> Bool {
    let mean = mean.load(ordering: .relaxed)
    let (high, low) = mean.multipliedFullWidth(by: UInt64(bytes))
    return mean == 0 || high > 0 || low >> 10 > Self.slow
  }
}
