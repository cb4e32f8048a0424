// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Synchronization

/// What a mount has done since its start.
final class MountCounters: Sendable {
  let operations = Atomic<UInt64>(0)
  let reads = Atomic<UInt64>(0)
  let readBytes = Atomic<UInt64>(0)
  let decodeNanoseconds = Atomic<UInt64>(0)
  let errors = Atomic<UInt64>(0)
}
