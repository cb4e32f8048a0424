// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Owners, modes and capabilities by path: Android's canned `fs_config`.
///
/// A line is `PATH UID GID MODE [capabilities=NUMBER]`, where PATH has no slash in front (one there does not count), MODE
/// is octal and NUMBER is decimal, or hexadecimal after `0x`. A line that starts with a blank, or with `/` alone, is for the
/// root. If a path comes twice, the first line counts.
public struct OwnerTable: Sendable {
  struct Row: Sendable {
    let user, group: UInt32
    let permissions: UInt16
    let capabilities: UInt64
  }

  private var rows: [[UInt8]: Row] = [:]
  private let name: String
  /// What the tree's root is called in the table: its paths start there.
  public var mountPoint: [UInt8] = []
  /// Whether entries without a line keep what they have; otherwise they are an error.
  public var keepsUnlisted = false

  public init(_ text: [UInt8], name: String) throws(TreeError) {
    self.name = name
    for (index, line) in text.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
      let line = line.last == 0x0D ? line.dropLast() : line
      if line.first == 0x23 || line.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) { continue }
      do throws(LineError) { try add(line) } catch { throw .line(index + 1, of: name, error.fault) }
    }
  }

  private mutating func add(_ line: ArraySlice<UInt8>) throws(LineError) {
    var words = line.split(whereSeparator: { $0 == 0x20 || $0 == 0x09 })
    var path: [UInt8] = []
    if line.first != 0x20, line.first != 0x09 { path = Self.normal(words.removeFirst()) }
    let needed = ["a user ID", "a group ID", "a mode"]
    guard words.count >= 3 else { throw LineError(.missing(needed[words.count])) }
    let user = try LineReader.number(words[0], needed[0])
    let group = try LineReader.number(words[1], needed[1])
    let mode = try LineReader.number(words[2], needed[2], radix: 8, limit: 0o7777)
    var capabilities: UInt64 = 0
    for word in words.dropFirst(3) {
      let prefix = Array("capabilities=".utf8)
      guard word.starts(with: prefix) else { throw LineError(.unexpected(word.printable)) }
      let text = String(decoding: word.dropFirst(prefix.count), as: UTF8.self)
      let hexadecimal = text.hasPrefix("0x") || text.hasPrefix("0X")
      let digits = hexadecimal ? text.dropFirst(2) : text[...]
      guard digits.utf8.allSatisfy({ $0.hexadecimalDigit != nil }),
        let number = UInt64(digits, radix: hexadecimal ? 16 : 10)
      else { throw LineError(.number(text, of: "a set of capabilities")) }
      capabilities = number
    }
    if rows[path] == nil {
      rows[path] = Row(user: user, group: group, permissions: UInt16(mode), capabilities: capabilities)
    }
  }

  private static func normal(_ path: some Collection<UInt8>) -> [UInt8] {
    Array(path.split(separator: 0x2F).joined(separator: [0x2F]))
  }

  /// A hard link takes the line of its first name in the order of `Tree.walk`.
  public func apply(to tree: inout Tree) throws(TreeError) {
    let before = tree
    let start = Self.normal(mountPoint)
    try before.forEachInode { (inode, path) throws(TreeError) in
      // The root is called by no name, whatever the mount point is.
      let listed = path.isEmpty || start.isEmpty ? path : start + [0x2F] + path
      guard let row = rows[listed] else {
        if keepsUnlisted { return }
        throw .notListed(path: listed, in: name)
      }
      var metadata = before[inode]
      metadata.user = row.user
      metadata.group = row.group
      metadata.permissions = row.permissions
      tree[inode] = metadata
      if row.capabilities != 0 {
        tree.setAttribute("security.capability", Self.attribute(of: row.capabilities), of: inode)
      }
    }
  }

  /// The second version of the attribute: the version with the flag "effective", then two halves, each with what is
  /// permitted and what is inheritable, little-endian.
  static func attribute(of capabilities: UInt64) -> [UInt8] {
    let words = [0x0200_0001, UInt32(truncatingIfNeeded: capabilities), 0, UInt32(capabilities >> 32), 0]
    return words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
  }
}
