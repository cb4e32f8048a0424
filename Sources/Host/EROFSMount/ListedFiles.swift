// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// The files of the directories that were listed last, in the order of the lists: who reads one after the other will read the next.
struct ListedFiles {
  private struct File {
    var previous: UInt64?
    var next: UInt64?
    var isBegun = false
    /// Whether it was named by ``begin(_:)`` before.
    var isExpected = false
  }

  private var files: [UInt64: File] = [:]
  /// About 4 MB.
  private static let most = 1 << 16
  /// Empty files are not read, and some may be in the kernel's cache.
  private static let largestGap = 4

  /// Learns that a list, or a part of one, has these files; by their NIDs.
  mutating func list(_ nids: [UInt64]) {
    guard nids.count > 1 else { return }
    if files.count + nids.count > Self.most { files = [:] }
    for (at, nid) in nids.prefix(Self.most).enumerated() where files[nid] == nil {
      files[nid] = File(previous: at > 0 ? nids[at - 1] : nil, next: at + 1 < nids.count ? nids[at + 1] : nil)
    }
  }

  /// Learns that a file is read from its beginning.
  ///
  /// - Parameter count: how many files to look ahead.
  /// - Returns: the files that will probably be read next, each of them once.
  mutating func begin(_ nid: UInt64, count: Int) -> [UInt64] {
    guard var file = files[nid], !file.isBegun else { return [] }
    file.isBegun = true
    files[nid] = file
    var before = file.previous
    var gap = 1
    while let at = before, let other = files[at], !other.isBegun, gap < Self.largestGap {
      before = other.previous
      gap += 1
    }
    guard let before, files[before]?.isBegun == true else { return [] }
    var found: [UInt64] = []
    var next = file.next
    for _ in 0..<count {
      guard let at = next, let other = files[at] else { break }
      if !other.isBegun, !other.isExpected {
        files[at]?.isExpected = true
        found.append(at)
      }
      next = other.next
    }
    return found
  }
}
