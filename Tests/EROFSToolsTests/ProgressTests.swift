// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Testing

@testable import EROFSTools

@Suite struct ProgressTests {
  private func speed(_ done: UInt64, _ total: UInt64, _ milliseconds: Int64, isLast: Bool = false) -> String {
    Progress.speed(done, of: total, milliseconds: milliseconds, isLast: isLast)
  }

  @Test func saysTheRateAndWhatRemains() {
    #expect(speed(10 << 20, 40 << 20, 2000) == ", 5.0 MiB/s, 6 s left")
    #expect(speed(10 << 20, 1000 << 20, 2000) == ", 5.0 MiB/s, 3 min 18 s left")
    #expect(speed(40 << 20, 40 << 20, 8000, isLast: true) == ", 5.0 MiB/s")
    // More than there was to be.
    #expect(speed(50 << 20, 40 << 20, 10_000) == ", 5.0 MiB/s, 0 s left")
  }

  @Test func saysNothingOfWhatIsNotKnown() {
    #expect(speed(10 << 20, 40 << 20, 499) == "" && speed(0, 40 << 20, 5000) == "")
    #expect(speed(1, .max, .max).hasSuffix("left"))
  }
}
