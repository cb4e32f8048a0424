// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

/// A file of an image's tree, of whatever kind, with the path that leads to it.
public struct TreeFile: Sendable {
  /// From the root, with `/` in front and between names; `/` alone is the root.
  public let path: [UInt8]
  public let inode: Inode

  public init(path: [UInt8], inode: Inode) {
    self.path = path
    self.inode = inode
  }
}

extension ImageReader {
  /// What `path` leads to and everything below it; see ``forEachNode(from:path:onError:_:)``. What cannot be read is an
  /// error.
  public func files(below path: [UInt8] = [0x2F]) throws(EROFSError) -> [TreeFile] {
    var names = path[...]
    while names.first == 0x2F { names = names.dropFirst() }
    while names.last == 0x2F { names = names.dropLast() }
    var files: [TreeFile] = []
    try forEachNode(
      from: try inode(at: path), path: Array(names), onError: { (_, error) throws(EROFSError) in throw error }
    ) { (node) throws(EROFSError) in files.append(TreeFile(path: [0x2F] + node.path, inode: node.inode)) }
    return files
  }
}
