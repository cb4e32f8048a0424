// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import PageVectors

/// A walk through all that lies below a directory: each entry once, a directory before what is in it.
///
/// It takes memory for each level of directories, and for the path if that is wanted; it does not recurse, and it ends on
/// any image.
@safe
public struct TreeWalk {
  /// A directory that the walk is in the middle of.
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
  /// The most levels that were in use, or had to be.
  public private(set) var deepest = 0

  /// - Parameters:
  ///   - root: NID of the directory to start at.
  ///   - levels: memory for Level values, aligned to 8: a tree of more levels than it holds is an error.
  ///   - path: memory for the longest path; empty where nobody asks for paths.
  public init(
    from root: UInt64, unsafeLevels levels: UnsafeMutableRawBufferPointer,
    path: UnsafeMutableRawBufferPointer = unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0)
  ) {
    self.root = root
    unsafe self.levels = levels.bindMemory(to: Level.self)
    unsafe self.path = path
  }

  /// The path of what `next` returned, from the walk's root on: empty for the root itself.
  public var currentPath: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(path)[..<pathBytes])
  }

  /// The next inode, the root first; nil behind the last.
  ///
  /// - Throws: what reading directories gives cause for; `memory(.directory, …)` where the tree is deeper, or a path
  ///   longer, than the memory given allows; `corrupt` for a directory that lies in itself.
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
      // Directories may be entered by many ways in an image that lies; each entry takes at least a byte of it.
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

  /// Goes on with other memory for the levels, which may overlap the old one.
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
      throw .corrupt(.entryTarget, at: inode.position)
    }
    deepest = max(deepest, depth + 1)
    guard unsafe depth < levels.count else {
      throw .memory(.directory, bytes: (depth + 1) * MemoryLayout<Level>.stride)
    }
    unsafe levels[depth] = Level(nid: inode.nid, cursor: DirectoryCursor(), pathBytes: pathBytes)
    depth += 1
  }
}
