// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// The entries that directories had when they were listed, those of the latest lists only.
struct ListedEntries {
  struct Entry {
    /// NID of the directory.
    let directory: UInt64
    /// The place of the next entry in it, as ``DirectoryCursor`` has it.
    let next: UInt64
    /// Counts the files in the order of the lists.
    let number: UInt64
    /// Whether its directory has no file before it.
    let isFirst: Bool
  }

  /// What a list has said, before it is known whether anyone wants it.
  struct List {
    let directory: UInt64
    /// Whether it began with the directory's first entry.
    let isWhole: Bool
    private(set) var entries: [(nid: UInt64, next: UInt64, isFile: Bool)] = []

    init(_ directory: UInt64, isWhole: Bool) {
      self.directory = directory
      self.isWhole = isWhole
    }

    mutating func append(_ nid: UInt64, next: UInt64, isFile: Bool) { entries.append((nid, next, isFile)) }
  }

  /// About 3 MB, when there are so many.
  private static let most = 1 << 14
  private var recent: [UInt64: Entry] = [:]
  private var older: [UInt64: Entry] = [:]
  private var files: UInt64 = 0
  /// Lists that nobody has asked about yet: most who list directories read no files.
  private var pending: [List] = []
  private var pendingCount = 0

  var count: Int { recent.count + older.count + pendingCount }

  /// What it knows since the latest ``settle()``.
  subscript(nid: UInt64) -> Entry? { recent[nid] ?? older[nid] }

  mutating func add(_ list: List) {
    if list.entries.isEmpty { return }
    // In the dictionaries, too many are forgotten.
    if pendingCount >= Self.most { settle() }
    pending.append(list)
    pendingCount += list.entries.count
  }

  /// Makes entries that were added known to the subscript.
  mutating func settle() {
    for list in pending { enter(list) }
    (pending, pendingCount) = ([], 0)
  }

  private mutating func enter(_ list: List) {
    var isFirst = list.isWhole
    for entry in list.entries {
      if recent.count >= Self.most { (recent, older) = ([:], recent) }
      // One that goes on where another list ended may begin with any file.
      recent[entry.nid] = Entry(
        directory: list.directory, next: entry.next, number: files, isFirst: entry.isFile && isFirst)
      if entry.isFile { (files, isFirst) = (files + 1, false) }
    }
  }
}
