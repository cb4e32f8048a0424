// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Testing

@testable import EROFSMount

/// Which files are expected after those that have been read.
@Suite struct ListedFilesTests {
  @Test func theNextFilesAreNamedOnce() {
    var files = ListedFiles()
    files.list([10, 11, 12, 13, 14, 15])
    // One file is no order yet.
    #expect(files.begin(10, count: 2) == [])
    #expect(files.begin(11, count: 2) == [12, 13])
    #expect(files.begin(12, count: 2) == [14])
    #expect(files.begin(12, count: 2) == [])
    // 13 was empty, or in the kernel's cache.
    #expect(files.begin(14, count: 2) == [15])
    #expect(files.begin(15, count: 2) == [])
    #expect(files.begin(99, count: 2) == [])
  }

  @Test func noOrderExpectsNothing() {
    var files = ListedFiles()
    files.list((0..<100).map { $0 })
    for nid in stride(from: 90, through: 0, by: -10) as StrideThrough<Int> {
      #expect(files.begin(UInt64(nid), count: 3) == [])
    }
    // A list with the same files does not begin anew.
    files.list((0..<100).map { $0 })
    #expect(files.begin(0, count: 3) == [])
    #expect(files.begin(1, count: 3) == [2, 3, 4])
  }

  /// Many lists, some longer than what is kept, and lists that name a file twice.
  @Test func whatIsKeptIsBounded() {
    var files = ListedFiles()
    for start in 0..<20 as Range<UInt64> { files.list((0..<10_000).map { start * 10_000 + $0 }) }
    files.list((0..<200_000).map { $0 })
    _ = files.begin(0, count: 4)
    #expect(files.begin(1, count: 4) == [2, 3, 4, 5])
    files.list([1_000_000, 1_000_001, 1_000_000, 1_000_001])
    _ = files.begin(1_000_000, count: 8)
    #expect(files.begin(1_000_001, count: 8) == [])
  }
}
