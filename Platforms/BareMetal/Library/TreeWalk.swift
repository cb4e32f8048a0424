// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import PageVectors

/// A walk over everything below a directory: each entry once, a directory before its entries.
///
/// It needs memory for each level of directories, and for the path if that is wanted. It does not recurse, and it ends
/// on every image.
@safe
public struct TreeWalk {
  /// A directory whose entries are being visited.
  public struct Level {
    var nid: UInt64
    var cursor: DirectoryCursor
    /// Bytes of its path, without a `/` at the end.
    var pathBytes: Int
  }

  private var levels: UnsafeMutableBufferPointer<Level>
  private let path: UnsafeMutableRawBufferPointer
  private var depth = 0
  private var pathBytes = 0
  private var root: UInt64?
  private var entries: UInt64 = 0
  /// The most levels that were used, or needed.
  public private(set) var deepest = 0

  /// - Parameters:
  ///   - root: NID of the directory to start at.
  ///   - levels: memory for ``Level`` values, aligned to 8; a tree with more levels is an error.
  ///   - path: memory for the longest path; empty if paths are not needed.
  public init(
    from root: UInt64, unsafeLevels levels: UnsafeMutableRawBufferPointer,
    path: UnsafeMutableRawBufferPointer = unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0)
  ) {
    self.root = root
    unsafe self.levels = levels.bindMemory(to: Level.self)
    unsafe self.path = path
  }

  /// The path of the inode that ``next(in:)`` returned, from the root of the walk; empty for the root itself.
  public var currentPath: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(path)[..<pathBytes])
  }

  /// The next inode, the root first; nil after the last.
  ///
  /// - Throws: errors of reading directories; `memory(.directory, …)` if the tree is deeper, or a path longer, than the
  ///   supplied memory allows; `corrupt` for a directory that contains itself.
  public mutating func next<Source: Storage>(
    in volume: inout Volume<Source>
  ) throws(EROFSError) -> Inode? {
    if let start = root {
      root = nil
      let inode = try volume.inode(start)
      try enter(inode)
      return inode
    }
    while depth > 0 {
      let directory = try unsafe volume.inode(levels[depth - 1].nid)
      guard let entry = try unsafe volume.nextEntry(of: directory, &levels[depth - 1].cursor) else {
        depth -= 1
        continue
      }
      if entry.isDotOrDotDot { continue }
      // In a hostile image a directory may have many parents; each entry takes at least a byte of the image.
      entries += 1
      guard entries <= volume.storage.byteCount(ofDevice: 0) else {
        throw .corrupt(.directoryEntries, at: directory.position)
      }
      try append(entry.name)
      let inode = try volume.inode(entry.nid)
      if inode.kind == .directory { try enter(inode) }
      return inode
    }
    return nil
  }

  /// Continues with other memory for the levels, which may overlap the old memory.
  mutating func move(to memory: UnsafeMutableRawBufferPointer) throws(EROFSError) {
    let target = unsafe memory.bindMemory(to: Level.self)
    guard target.count >= depth else { throw .memory(.directory, bytes: depth * MemoryLayout<Level>.stride) }
    unsafe target.baseAddress?.update(from: levels.baseAddress!, count: depth)
    unsafe levels = target
  }

  private mutating func append(_ name: PageVector) throws(EROFSError) {
    guard unsafe path.baseAddress != nil else { return }
    let start = unsafe levels[depth - 1].pathBytes
    guard unsafe start + 1 + name.count <= path.count else { throw .memory(.directory, bytes: start + 1 + name.count) }
    unsafe path[start] = 0x2F
    unsafe name.copyBytes(into: UnsafeMutableRawBufferPointer(rebasing: path[(start + 1)...]))
    pathBytes = start + 1 + name.count
  }

  private mutating func enter(_ inode: Inode) throws(EROFSError) {
    guard inode.kind == .directory else { return }
    for level in 0..<depth where unsafe levels[level].nid == inode.nid {
      throw .corrupt(.entryType, at: inode.position)
    }
    deepest = max(deepest, depth + 1)
    guard unsafe depth < levels.count else {
      throw .memory(.directory, bytes: (depth + 1) * MemoryLayout<Level>.stride)
    }
    unsafe levels[depth] = Level(nid: inode.nid, cursor: DirectoryCursor(), pathBytes: pathBytes)
    depth += 1
  }
}
