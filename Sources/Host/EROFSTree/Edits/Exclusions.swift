// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// What is left out of a tree, by path or by pattern. What a directory holds is left out with it; the root cannot be.
///
/// Paths are relative to the root, without a slash in front, as mkfs.erofs matches them: a literal path must be the whole
/// path, a pattern may match any part of it.
public struct Exclusions: Sendable {
  private var paths: Set<[UInt8]> = []
  private var patterns: [TreePattern] = []

  public init() {}

  public var isEmpty: Bool { paths.isEmpty && patterns.isEmpty }

  /// Slashes in front and at the end do not count.
  public mutating func add(path: [UInt8]) {
    var path = path[...]
    while path.first == 0x2F { path.removeFirst() }
    while path.last == 0x2F { path.removeLast() }
    if !path.isEmpty { paths.insert(Array(path)) }
  }

  public mutating func add(path: String) { add(path: Array(path.utf8)) }

  public mutating func add(pattern: String) throws(TreeError) { patterns.append(try TreePattern(pattern)) }

  public mutating func add(pattern: [UInt8]) throws(TreeError) {
    patterns.append(try TreePattern(bytes: pattern, text: pattern.printable))
  }

  /// One literal path a line, each taken as it is; empty lines and lines that start with `#` do not count.
  public mutating func add(pathsFrom text: [UInt8]) {
    for line in Self.lines(text) { add(path: Array(line.bytes)) }
  }

  /// One pattern a line; empty lines and lines that start with `#` do not count.
  public mutating func add(patternsFrom text: [UInt8], name: String) throws(TreeError) {
    for line in Self.lines(text) {
      do throws(TreeError) {
        patterns.append(try TreePattern(bytes: Array(line.bytes), text: line.bytes.printable))
      } catch { throw .inLine(line.number, of: name, error) }
    }
  }

  private static func lines(_ text: [UInt8]) -> [(number: Int, bytes: ArraySlice<UInt8>)] {
    text.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated()
      .map { ($0 + 1, $1.last == 0x0D ? $1.dropLast() : $1) }.filter { !$0.1.isEmpty && $0.1.first != 0x23 }
  }

  public func matches(_ path: [UInt8]) -> Bool {
    !path.isEmpty && (paths.contains(path) || patterns.contains { $0.matches(path) })
  }

  public func apply(to tree: inout Tree) {
    if isEmpty { return }
    var excluded: [Tree.EntryID] = []
    // What is inside an excluded directory need not be looked at, but costs little.
    for (entry, path) in tree.walk() where matches(path) { excluded.append(entry) }
    // Backwards, so that what is inside is removed before its directory.
    for entry in excluded.reversed() { tree.remove(entry) }
  }
}

extension TreeError {
  /// The same, in a line of a text.
  static func inLine(_ line: Int, of name: String, _ error: TreeError) -> TreeError {
    if case .pattern(let pattern, let reason) = error {
      return .line(line, of: name, .pattern(pattern, reason: reason))
    }
    return .line(line, of: name, .failed(error))
  }
}
