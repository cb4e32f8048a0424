// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// The order in which files are read first, one path a line, with the quotes and escapes of `ListOrigin`. If a path comes
/// again, its first place counts. Lines that start with `#` and empty lines do not.
public struct FileOrder: Sendable {
  private var paths: [(path: [UInt8], line: Int)] = []
  private let name: String

  public init(_ text: [UInt8], name: String) throws(TreeError) {
    self.name = name
    for line in LineReader.lines(of: text) {
      do throws(LineError) {
        var reader = LineReader(line.bytes)
        paths.append((try reader.word("a path"), line.number))
        try reader.end()
      } catch { throw .line(line.number, of: name, error.fault) }
    }
  }

  /// The entries of `tree` that are listed, in the list's order, each inode once; and what the tree does not have.
  public func entries(in tree: Tree) -> (entries: [Tree.EntryID], missing: [TreeError]) {
    var entries: [Tree.EntryID] = []
    var missing: [TreeError] = []
    var seen: Set<Tree.InodeID> = []
    for (path, line) in paths {
      guard let entry = tree.entry(at: path) else {
        missing.append(.line(line, of: name, .failed(.noSuchEntry(path: path))))
        continue
      }
      if seen.insert(tree.inode(of: entry)).inserted { entries.append(entry) }
    }
    return (entries, missing)
  }
}
