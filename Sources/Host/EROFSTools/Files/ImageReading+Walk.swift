// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

extension ImageReading {
  /// The files whose paths match a pattern, of whatever kind, in the order of their names, each directory before what is in
  /// it. Symbolic links are not followed.
  ///
  /// - Parameter pattern: `/etc/*.conf`, `/usr/**/*.so`; see ``PathPattern``.
  /// - Throws: the first error.
  public func files(matching pattern: PathPattern) throws(TreeError) -> [TreeFile] {
    var files: [TreeFile] = []
    try forEachFile(matching: pattern, onError: { (error) throws(TreeError) in throw error }) {
      (file) throws(TreeError) in files.append(file)
    }
    return files
  }

  /// Visits the files whose paths match a pattern, of whatever kind, each directory before what is in it. Only directories
  /// in which something can match are read. Symbolic links are not followed.
  ///
  /// It ends on every image, even one whose directories contain each other.
  ///
  /// - Parameters:
  ///   - pattern: see ``PathPattern``; `**` matches every file.
  ///   - onError: called for what could not be read; the walk continues after it.
  ///   - body: called for each file.
  public func forEachFile<Failure: Error>(
    matching pattern: PathPattern = "**", onError: (TreeError) throws(Failure) -> Void,
    _ body: (TreeFile) throws(Failure) -> Void
  ) throws(Failure) {
    var visited: Set<Visit> = []
    var stack: [OpenDirectory] = []

    func visit(_ file: TreeFile, _ places: PathPattern.Places) throws(Failure) {
      if pattern.accepts(places) { try body(file) }
      guard file.kind == .directory, visited.insert(Visit(nid: file.inode.nid, places: places)).inserted else { return }
      let listing = listing(of: file.inode)
      if let problem = listing.problem { try onError(TreeError(path: file.path, error: problem)) }
      var entries: [(entry: ImageReader.Entry, places: PathPattern.Places)] = []
      for entry in listing.entries.reversed() where !entry.isDotOrDotDot {
        let next = pattern.advance(places, over: entry.name)
        if !next.isEmpty { entries.append((entry, next)) }
      }
      stack.append(
        OpenDirectory(path: file.path == [0x2F] ? [] : file.path, position: file.inode.position, entries: entries))
    }

    let root: TreeFile
    do throws(TreeError) { root = try self.root } catch { return try onError(error) }
    try visit(root, pattern.start)
    while let last = stack.indices.last {
      guard let (entry, places) = stack[last].entries.popLast() else {
        stack.removeLast()
        continue
      }
      let path = stack[last].path + [0x2F] + entry.name
      let inode: Inode
      do throws(EROFSError) {
        guard path.count <= ScannedTree.maximumPathBytes else {
          throw .unsupported(.pathLength, at: stack[last].position)
        }
        try limit?.spendName(pathBytes: path.count)
        inode = try volume.inode(entry.nid)
      } catch {
        try onError(TreeError(path: path, error: error))
        if limit?.isExceeded == true { return }
        continue
      }
      try visit(TreeFile(path: path, inode: inode), places)
    }
  }
}

/// A directory, and where in the pattern its path may be.
private struct Visit: Hashable {
  let nid: UInt64
  let places: PathPattern.Places
}

/// A directory in the middle of being walked.
private struct OpenDirectory {
  let path: [UInt8]
  let position: Position
  /// Those below which something can match; the last one comes next.
  var entries: [(entry: ImageReader.Entry, places: PathPattern.Places)]
}
