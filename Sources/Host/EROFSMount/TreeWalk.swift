// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

/// A place in a tree, from which the files are visited as `tar` does: the entries of a directory in their order, and what is
/// in a directory when it is met.
struct TreeCursor {
  /// An extent that is decoded when a part of a file is read.
  struct Part {
    /// NID of the file, and the part of it.
    let file: UInt64
    let range: Range<UInt64>
    /// Where it is stored: in the file itself, or in the packed inode.
    let inode: Inode
    let extent: Extent
  }

  private struct Directory {
    let nid: UInt64
    var place: UInt64
  }

  private var directories: [Directory] = []
  /// The file that is being visited, and the first byte of it that is not yet.
  private var file: (inode: Inode, offset: UInt64)?
  /// Whether directories are visited when they are met, or not at all.
  private let entersDirectories: Bool

  /// An image with a circle of directories has no end.
  private static let mostDirectories = 64
  /// Entries of directories, and extents, that are looked at for the next part. More that are not compressed are not worth
  /// the search, and a hostile image has files with as many as it likes.
  static let mostEntries = 4096
  /// The same for a thread that others wait for.
  static let fewEntries = 64

  /// Begins after an entry, as far as it is known in which directories that is.
  init(after entry: ListedEntries.Entry, _ listed: ListedEntries, entersDirectories: Bool) {
    self.entersDirectories = entersDirectories
    var above: ListedEntries.Entry? = entry
    while let entry = above, directories.count < Self.mostDirectories {
      directories.append(Directory(nid: entry.directory, place: entry.next))
      above = entersDirectories ? listed[entry.directory] : nil
    }
    directories.reverse()
  }

  /// Whether nothing follows.
  var isAtEnd: Bool { file == nil && directories.isEmpty }

  /// The next part that is compressed; nil at the end, or if it is none of the next `most` entries and extents. Files and
  /// directories that cannot be read are left out.
  mutating func next(_ reader: MountReader, most: Int = mostEntries) -> Part? {
    var entries = 0
    while entries < most {
      entries += 1
      if let (inode, offset) = file {
        do throws(EROFSError) {
          if let part = try part(of: inode, offset, reader) { return part }
        } catch { file = nil }
        continue
      }
      guard let last = directories.indices.last else { return nil }
      do throws(EROFSError) {
        let inode = try reader.inode(directories[last].nid)
        var cursor = DirectoryCursor(place: directories[last].place)
        guard inode.kind == .directory, let entry = try reader.volume.nextEntry(of: inode, &cursor) else {
          directories.removeLast()
          continue
        }
        directories[last].place = cursor.place
        let (nid, kind) = (entry.nid, entry.kind)
        if entry.isDotOrDotDot { continue }
        if kind == .directory {
          if entersDirectories, directories.count < Self.mostDirectories {
            directories.append(Directory(nid: nid, place: 0))
          }
        } else if kind == .regular, let inode = try? reader.inode(nid), inode.kind == .regular,
          inode.isDecoded
        {
          file = (inode, 0)
        }
      } catch { directories.removeLast() }
    }
    return nil
  }

  /// The part of a file that begins at `offset`, unless it is not compressed; the file goes on after it.
  private mutating func part(
    of inode: Inode, _ offset: UInt64, _ reader: MountReader
  ) throws(EROFSError) -> Part? {
    guard let extent = try reader.volume.extent(of: inode, at: offset), extent.end > offset else {
      file = nil
      return nil
    }
    var found = (inode: inode, extent: extent, end: extent.end)
    if case .packed(let start) = extent.place {
      let place = start &+ (offset - extent.start)
      guard let packed = try reader.volume.packedInode(), let part = try reader.volume.extent(of: packed, at: place),
        part.end > place
      else {
        file = nil
        return nil
      }
      found = (packed, part, min(extent.end, offset &+ (part.end - place)))
    }
    file = found.end > offset && found.end < inode.size ? (inode, found.end) : nil
    guard case .compressed = found.extent.encoding, found.end > offset else { return nil }
    return Part(file: inode.nid, range: offset..<found.end, inode: found.inode, extent: found.extent)
  }
}

/// A reader that reads one file after the other, and what it will need next. Protected by the lock of ``Prefetcher``.
final class TreeWalk {
  struct Step {
    let part: TreeCursor.Part
    /// Whether a thread decodes it, or has, or need not.
    var isTaken: Bool
    /// Whether it is decoded, or was, before anyone read it.
    var isAhead = false
  }

  /// The latest file that was read from its beginning.
  private var latest: ListedEntries.Entry
  /// What is being read, and what follows.
  private(set) var steps: [Step] = []
  /// How many of the steps have been reached by the reader.
  private var reached = 0
  private var cursor: TreeCursor?
  private var isPlanning = false
  /// Whether what follows is so far away that the thread that serves has given up the search.
  private(set) var isFar = false
  /// Changes when what is planned meanwhile is of no use.
  private var generation = 0
  /// Grows when the reader goes where it was expected, and shrinks when it does not.
  private(set) var credit = 0
  /// Whether the reader seems to enter directories when it meets them.
  private var entersDirectories = true

  /// Two files one after the other may be chance.
  private static let enough = 2
  private static let mostCredit = 8
  /// Empty files are not read, and some may be in the kernel's cache.
  private static let largestGap: UInt64 = 8
  private static let mostSteps = 32
  /// Bytes that may be decoded ahead even if they are many extents: small ones come fast.
  private static let fewBytes: UInt64 = 512 << 10
  private let threads: Int
  private let mostBytes: UInt64

  /// - Parameters:
  ///   - threads: that decode ahead. Each may have an extent, however long it is.
  ///   - mostBytes: to decode ahead, beside one extent.
  init(after entry: ListedEntries.Entry, threads: Int, mostBytes: UInt64) {
    latest = entry
    self.threads = threads
    self.mostBytes = mostBytes
  }

  /// Notes that a part of a file is being read; false if that was not expected.
  func reach(_ file: UInt64, _ range: Range<UInt64>) -> Bool {
    let isIn = { (step: Step) in step.part.file == file && step.part.range.overlaps(range) }
    guard let first = steps.firstIndex(where: isIn) else { return false }
    // Parts of the same file may be read at once, in any order. What is left out of other files was decoded in vain.
    let passed = steps[..<first].dropFirst(reached).count { $0.isAhead && $0.part.file != file }
    if first >= reached { credit = max(0, min(credit + 1, Self.mostCredit) - 2 * passed) }
    steps.removeFirst(first)
    // Not all up to the last: a file with several names is planned at each of them.
    reached = max(reached - first, steps.prefix(while: isIn).count)
    // The reader itself begins with this one.
    steps[0].isTaken = true
    return true
  }

  /// Whether a file that was not expected is where this reader would be next.
  func isFollowed(by entry: ListedEntries.Entry) -> Bool {
    entry.number > latest.number && entry.number - latest.number <= Self.largestGap
      && (entry.directory == latest.directory || entry.isFirst)
  }

  /// Goes on after a file that was not expected.
  func move(to entry: ListedEntries.Entry, _ listed: ListedEntries) {
    if entry.directory == latest.directory {
      credit = min(credit + 1, Self.mostCredit)
      // It was expected in a directory that the reader has left out.
      if let next = steps.dropFirst(reached).first, let place = listed[next.part.file],
        place.directory != entry.directory
      {
        entersDirectories = false
      }
    }
    latest = entry
    generation += 1
    (steps, reached, isFar) = ([], 0, false)
    cursor = credit >= Self.enough ? TreeCursor(after: entry, listed, entersDirectories: entersDirectories) : nil
  }

  /// Notes the file that is being read, as expected.
  func note(_ entry: ListedEntries.Entry) { latest = entry }

  /// Whether so much is planned that this is enough; a thread that sleeps is woken when it is no more than a `part` of that.
  private func isFull(part: Int = 1) -> Bool {
    let ahead = steps.dropFirst(reached)
    let bytes = ahead.reduce(0) { $0 + $1.part.extent.length }
    if bytes >= mostBytes { return true }
    return ahead.count > threads
      && (ahead.count * part >= Self.mostSteps || bytes * UInt64(part) >= Self.fewBytes)
  }

  /// Whether a thread should be woken for it.
  var wantsThread: Bool {
    credit >= Self.enough
      && (steps.contains { !$0.isTaken } || cursor != nil && !isPlanning && !isFull(part: 2))
  }

  /// What ``take()`` would give.
  var next: TreeCursor.Part? { steps.first { !$0.isTaken }?.part }

  /// The next step to decode; the caller has taken it.
  func take() -> TreeCursor.Part? {
    guard credit >= Self.enough, let index = steps.firstIndex(where: { !$0.isTaken }) else { return nil }
    (steps[index].isTaken, steps[index].isAhead) = (true, true)
    return steps[index].part
  }

  /// Where the plan ends, for one that has no more steps to take; nil if it needs no more, or another thread plans.
  func beginPlanning() -> (cursor: TreeCursor, generation: Int)? {
    guard credit >= Self.enough, !isPlanning, !isFull(), let cursor else { return nil }
    isPlanning = true
    return (cursor, generation)
  }

  /// - Parameter goesOn: whether another thread shall search on if there is no step.
  func endPlanning(_ step: Step?, _ cursor: TreeCursor, goesOn: Bool, generation: Int) {
    isPlanning = false
    guard generation == self.generation else { return }
    if let step { steps.append(step) }
    isFar = step == nil && goesOn && !cursor.isAtEnd
    self.cursor = step == nil && !isFar ? nil : cursor
  }
}
