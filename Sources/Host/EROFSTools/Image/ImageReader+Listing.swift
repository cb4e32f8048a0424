// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

/// The entries of a directory, as far as they can be read.
public struct DirectoryListing: Sendable {
  /// In the order in which they are stored, each name once.
  public internal(set) var entries: [ImageReader.Entry] = []
  /// What ended the reading, or `corrupt` with `nameOrder` if the names do not ascend; nil if nothing is wrong.
  public internal(set) var problem: EROFSError?
}

extension ImageReading {
  /// All entries of a directory, `.` and `..` included, in the order of their names.
  ///
  /// - Parameter directory: the directory's inode.
  /// - Throws: also `corrupt` with `nameOrder` if the names do not ascend. So no name occurs twice, and no directory
  ///   has more entries than are stored.
  public func entries(of directory: Inode) throws(EROFSError) -> [ImageReader.Entry] {
    let listing = listing(of: directory)
    if let problem = listing.problem { throw problem }
    return listing.entries
  }

  /// The entries of the directory at a path, without `.` and `..`, in the order of their names.
  ///
  /// - Parameter path: names with `/` between them, from the root; symbolic links are followed.
  /// - Throws: as ``file(at:followsLast:)-(String,_)`` and ``entries(of:)-(Inode)``.
  public func entries(of path: String) throws(TreeError) -> [ImageReader.Entry] {
    let directory = try file(at: path)
    return try TreeError.naming(directory.path) { () throws(EROFSError) in
      guard directory.kind == .directory else { throw .notADirectory }
      return try entries(of: directory.inode).filter { !$0.isDotOrDotDot }
    }
  }

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
        listing.entries.append(ImageReader.Entry(name: name, nid: entry.nid, kind: entry.kind))
      }
    } catch { listing.problem = error }
    guard !isOrdered else { return listing }
    listing.entries = Self.found(of: listing.entries, blocks)
    if listing.problem == nil { listing.problem = .corrupt(.nameOrder, at: directory.position) }
    return listing
  }

  /// Each name once, with the entry that a search for it finds.
  private static func found(of stored: [ImageReader.Entry], _ blocks: [Int]) -> [ImageReader.Entry] {
    var seen: Set<[UInt8]> = []
    return stored.filter { seen.insert($0.name).inserted }.map { entry in
      search(entry.name, in: stored, blocks).map { stored[$0] } ?? entry
    }
  }

  /// The number of the entry that `Volume.entry(named:in:)` finds.
  private static func search(_ name: [UInt8], in stored: [ImageReader.Entry], _ blocks: [Int]) -> Int? {
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
