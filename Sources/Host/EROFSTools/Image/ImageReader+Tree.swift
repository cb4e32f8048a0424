// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

/// An inode that a walk over a tree visits.
public struct TreeNode: Sendable {
  /// The path from the root of the walk, without a leading `/`; empty for the root itself.
  public let path: [UInt8]
  public let inode: Inode
  /// NID of the directory that it was found in; for the root of the walk, its own.
  public let parent: UInt64
  /// Names in the path.
  public let depth: Int

  public var name: ArraySlice<UInt8> {
    path.lastIndex(of: 0x2F).map { path[($0 + 1)...] } ?? path[...]
  }
}

extension ImageReading {
  /// Visits an inode and everything below it: each directory before its entries, which are in the order of their names.
  ///
  /// A file with several names is visited once for each. The entries of a directory are visited only the first time, so
  /// that the walk ends even if directories contain each other.
  ///
  /// - Parameters:
  ///   - root: where to start.
  ///   - path: the prefix of all paths.
  ///   - onError: called for what could not be read; the walk continues after it.
  ///   - body: called for each inode.
  public func forEachNode<Failure: Error>(
    from root: Inode, path: [UInt8] = [], onError: ([UInt8], EROFSError) throws(Failure) -> Void,
    _ body: (TreeNode) throws(Failure) -> Void
  ) throws(Failure) {
    var visited: Set<UInt64> = []
    var stack: [OpenDirectory] = []

    func visit(_ inode: Inode, _ path: [UInt8], _ parent: UInt64, _ depth: Int) throws(Failure) {
      try body(TreeNode(path: path, inode: inode, parent: parent, depth: depth))
      guard inode.kind == .directory, visited.insert(inode.nid).inserted else { return }
      let listing = listing(of: inode)
      if let problem = listing.problem { try onError(path, problem) }
      stack.append(
        OpenDirectory(
          path: path, depth: depth, parent: inode.nid,
          entries: listing.entries.filter { !$0.isDotOrDotDot }.reversed()))
    }

    try visit(root, path, root.nid, 0)
    while let last = stack.indices.last {
      guard let entry = stack[last].entries.popLast() else {
        stack.removeLast()
        continue
      }
      let folder = (path: stack[last].path, depth: stack[last].depth, parent: stack[last].parent)
      let path = folder.path.isEmpty ? entry.name : folder.path + [0x2F] + entry.name
      let inode: Inode
      do throws(EROFSError) {
        guard path.count <= ScannedTree.maximumPathBytes else { throw .unsupported(.pathLength, at: root.position) }
        try limit?.spendName(pathBytes: path.count)
        inode = try volume.inode(entry.nid)
      } catch {
        try onError(path, error)
        if limit?.isExceeded == true { return }
        continue
      }
      try visit(inode, path, folder.parent, folder.depth + 1)
    }
  }
}

/// A directory in the middle of being walked.
private struct OpenDirectory {
  let path: [UInt8]
  let depth: Int
  let parent: UInt64
  /// The last one comes next.
  var entries: [ImageReader.Entry]
}
