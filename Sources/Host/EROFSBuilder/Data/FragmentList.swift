// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree
import HostSupport

/// What goes to the packed inode: first collected in a spool, then put in an order.
struct FragmentList: Sendable {
  private struct Fragment: Sendable {
    /// Byte of the spool.
    var start: UInt64
    var length: UInt64
    let owner: Int
    let kind: ContentKind
    /// Byte of the packed inode.
    var offset: UInt64 = 0
  }

  /// Bytes of the packed inode.
  private(set) var size: UInt64 = 0
  /// Bytes that were there already.
  private(set) var sharedBytes: UInt64 = 0
  private let spool: SpoolFile
  private var fragments: [Fragment] = []
  /// Numbers of the fragments in the order in which they are packed.
  private var order: [Int] = []
  private var known: [ContentDigest: Int] = [:]

  init(_ spool: SpoolFile) { self.spool = spool }

  /// Keeps what a job has for the packed inode.
  ///
  /// - Parameter extending: whether it follows what the job before had, of the same file.
  /// - Returns: the fragment's number.
  mutating func add(_ result: ContentResult, owner: Int, extending: Bool) throws -> Int {
    // Equal ones of several segments are equal files; those were found before.
    let isComplete = result.job.isLast && !extending
    if isComplete, let digest = result.packedDigest, let same = known[digest] {
      sharedBytes += UInt64(result.packed.count)
      return same
    }
    let start = try result.packed.withUnsafeBytes { try spool.append($0) }
    if extending {
      fragments[fragments.count - 1].length += UInt64(result.packed.count)
      return fragments.count - 1
    }
    fragments.append(Fragment(start: start, length: UInt64(result.packed.count), owner: owner, kind: result.kind))
    if isComplete, let digest = result.packedDigest { known[digest] = fragments.count - 1 }
    return fragments.count - 1
  }

  /// Makes room for bytes that come later, by ``fill(_:with:)``.
  mutating func reserve(_ count: Int, owner: Int) -> Int {
    fragments.append(Fragment(start: 0, length: UInt64(count), owner: owner, kind: .directory))
    return fragments.count - 1
  }

  mutating func fill(_ fragment: Int, with bytes: [UInt8]) throws {
    precondition(UInt64(bytes.count) == fragments[fragment].length)
    fragments[fragment].start = try bytes.withUnsafeBytes { try spool.append($0) }
  }

  /// Decides where each fragment goes: those of listed files in the list's order; then by kind; then text by path, and the
  /// rest by the suffix of the file's name, then by length. So what a compressor sees at once is alike: the texts of a source
  /// tree have most in common with those of their own directory.
  ///
  /// It may be done again when the contents of all fragments are there: it depends on none of them.
  mutating func arrange(_ build: BuildContext) throws {
    try spool.flush()
    var suffixes: [String: Int] = [:]
    let keys = fragments.map { fragment in
      let name = build.tree.name(of: build.order.entries[fragment.owner])
      let suffix = name.lastIndex(of: 0x2E).map { String(decoding: name[($0 + 1)...].prefix(16), as: UTF8.self) } ?? ""
      return suffixes[suffix]
        ?? {
          suffixes[suffix] = suffixes.count; return suffixes.count - 1
        }()
    }
    let ranks = Dictionary(
      uniqueKeysWithValues: suffixes.sorted { $0.key < $1.key }.enumerated().map { ($1.value, $0) })
    let places = fragments.map { build.storage.rank(of: $0.owner) }
    order = Array(fragments.indices)
    order.sort { left, right in
      let (a, b) = (fragments[left], fragments[right])
      if places[left] != places[right] { return places[left] < places[right] }
      if a.kind != b.kind { return a.kind < b.kind }
      if a.kind != .text {
        if keys[left] != keys[right] { return ranks[keys[left]]! < ranks[keys[right]]! }
        if a.length != b.length { return a.length < b.length }
      }
      if a.owner != b.owner { return a.owner < b.owner }
      return left < right
    }
    size = 0
    for number in order {
      fragments[number].offset = size
      size += fragments[number].length
    }
  }

  /// Byte of the packed inode where a fragment starts.
  func offset(of fragment: Int) -> UInt64 { fragments[fragment].offset }

  /// Fills `buffer` with the packed inode's bytes from `offset` on.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws {
    var low = 0
    var high = order.count
    while low < high {
      let middle = (low + high) / 2
      let fragment = fragments[order[middle]]
      if fragment.offset + fragment.length > offset { high = middle } else { low = middle + 1 }
    }
    var done = 0
    while done < buffer.count {
      let fragment = fragments[order[low]]
      let skipped = offset + UInt64(done) - fragment.offset
      let part = Int(min(fragment.length - skipped, UInt64(buffer.count - done)))
      try spool.read(
        into: UnsafeMutableRawBufferPointer(rebasing: buffer[done..<done + part]), at: fragment.start + skipped)
      done += part
      low += 1
    }
  }
}
