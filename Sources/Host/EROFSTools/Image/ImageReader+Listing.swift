// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

/// The entries of a directory, as far as they can be read.
public struct DirectoryListing: Sendable {
  /// In the order in which they are stored, each name once.
  public internal(set) var entries: [ImageReader.Entry] = []
  /// What ended the reading, or `corrupt` with `nameOrder` if the names do not ascend; nil if nothing is wrong.
  public internal(set) var problem: EROFSError?
}

extension ImageReader {
  /// The entries of a directory, `.` and `..` included, even if some of it cannot be read.
  ///
  /// Linux lists directories whose names are not sorted or come twice. So they are listed here too: of entries with the
  /// same name, the one that a search for the name finds, or else the first.
  public func listing(of directory: Inode) -> DirectoryListing { listing(of: directory, pathBytes: nil) }

  /// - Parameter pathBytes: bytes of the directory's path if the paths of its entries are kept; nil if they are not.
  func listing(of directory: Inode, pathBytes: Int?) -> DirectoryListing {
    var listing = DirectoryListing()
    /// Where each block's entries start.
    var blocks: [Int] = []
    var isOrdered = true
    var cursor = DirectoryCursor()
    var block: UInt64?
    do throws(EROFSError) {
      while let entry = try volume.nextEntry(of: directory, &cursor) {
        let name = entry.name.bytes
        try limit?.spendName(pathBytes: pathBytes.map { $0 + name.count + 1 } ?? 0)
        if block != cursor.place >> 16 {
          block = cursor.place >> 16
          blocks.append(listing.entries.count)
        }
        if let last = listing.entries.last, !last.name.lexicographicallyPrecedes(name) { isOrdered = false }
        listing.entries.append(Entry(name: name, nid: entry.nid, kind: entry.kind))
      }
    } catch { listing.problem = error }
    guard !isOrdered else { return listing }
    listing.entries = Self.found(of: listing.entries, blocks)
    if listing.problem == nil { listing.problem = .corrupt(.nameOrder, at: directory.position) }
    return listing
  }

  /// Each name once, with the entry that a search for it finds.
  private static func found(of stored: [Entry], _ blocks: [Int]) -> [Entry] {
    var seen: Set<[UInt8]> = []
    return stored.filter { seen.insert($0.name).inserted }.map { entry in
      search(entry.name, in: stored, blocks).map { stored[$0] } ?? entry
    }
  }

  /// The number of the entry that `Volume.entry(named:in:)` finds.
  private static func search(_ name: [UInt8], in stored: [Entry], _ blocks: [Int]) -> Int? {
    var low = 0
    var high = blocks.count
    while low < high {
      let middle = low + (high - low) / 2
      if name.lexicographicallyPrecedes(stored[blocks[middle]].name) { high = middle } else { low = middle + 1 }
    }
    guard low > 0 else { return nil }
    let start = blocks[low - 1]
    var first = 0
    var last = (low < blocks.count ? blocks[low] : stored.count) - start
    while first < last {
      let middle = (first + last) / 2
      let found = stored[start + middle].name
      if found == name { return start + middle }
      if found.lexicographicallyPrecedes(name) { first = middle + 1 } else { last = middle }
    }
    return nil
  }
}
