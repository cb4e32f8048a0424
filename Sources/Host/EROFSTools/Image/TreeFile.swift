// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

/// A file of an image's tree, of whatever kind, with the path that leads to it.
public struct TreeFile: Sendable {
  /// From the root, with `/` in front and between names; `/` alone is the root.
  public let path: [UInt8]
  public let inode: Inode

  /// - Parameters:
  ///   - path: from the root, with `/` in front.
  ///   - inode: what is there.
  public init(path: [UInt8], inode: Inode) {
    self.path = path
    self.inode = inode
  }
}

/// What could not be read in a tree, and of which file.
public struct TreeError: Error, Equatable, CustomStringConvertible {
  /// As in ``TreeFile/path``; empty for what belongs to no file.
  public let path: [UInt8]
  public let error: EROFSError

  /// Runs `body` on behalf of a file: what it throws gets the file's path.
  static func naming<Result>(_ path: [UInt8], _ body: () throws(EROFSError) -> Result) throws(TreeError) -> Result {
    do throws(EROFSError) { return try body() } catch { throw TreeError(path: path, error: error) }
  }

  public var description: String {
    // Where a limit ends is no fault of the file that was looked at.
    if case .unsupported(.work, _) = error { return "\(error)" }
    return path.isEmpty ? "\(error)" : "\(path.printable): \(error)"
  }
}

extension ImageReader {
  /// What `path` leads to and everything below it; see ``forEachNode(from:path:onError:_:)``. What cannot be read is an
  /// error.
  public func files(below path: [UInt8] = [0x2F]) throws(TreeError) -> [TreeFile] {
    var names = path[...]
    while names.first == 0x2F { names = names.dropFirst() }
    while names.last == 0x2F { names = names.dropLast() }
    var files: [TreeFile] = []
    try forEachNode(
      from: try TreeError.naming(path) { () throws(EROFSError) in try inode(at: path) }, path: Array(names),
      onError: { (path, error) throws(TreeError) in throw TreeError(path: [0x2F] + path, error: error) }
    ) { (node) throws(TreeError) in files.append(TreeFile(path: [0x2F] + node.path, inode: node.inode)) }
    return files
  }
}
