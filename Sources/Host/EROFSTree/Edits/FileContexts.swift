// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

/// SELinux labels by path: the text form of a `file_contexts` file.
///
/// A line is `PATTERN [TYPE] CONTEXT`. The pattern must match the whole path, with a slash in front; TYPE is one of `--`,
/// `-d`, `-l`, `-c`, `-b`, `-p`, `-s` and restricts the line to a kind of file; the context `<<none>>` means no label. As
/// libselinux does, lines without an operator of regular expressions are considered before all others, and of each sort
/// the last line that matches counts. The operators that matter for this are `. ^ $ ? * + | [ ( {` without a backslash in
/// front; so `/dev/tty\d` is among the lines without one.
///
/// libselinux takes patterns as Perl's. Here they are brought into the form that the C library takes (`PerlPattern`); what
/// has none is an error with its line. Compiled files, and the files `.local`, `.homedirs` and `.subs` beside, are not read.
public struct FileContexts: Sendable {
  private struct Rule: Sendable {
    let pattern: TreePattern
    let kind: InodeKind?
    /// Nil: no label.
    let context: [UInt8]?
    /// What every path that matches starts with.
    let prefix: [UInt8]
    let number: Int
  }

  private struct Literal: Sendable {
    let kind: InodeKind?
    let context: [UInt8]?
    let number: Int
  }

  /// Lines that stand for one path, found at once.
  private var literals: [[UInt8]: [Literal]] = [:]
  /// Other lines without an operator.
  private var exact: [Rule] = []
  private var rules: [Rule] = []
  private var count = 0
  /// Where the tree will be mounted: put in front of its paths.
  public var mountPoint: [UInt8] = []

  public init() {}

  public init(_ text: [UInt8], name: String) throws(TreeError) { try add(text, name: name) }

  /// Adds the lines of one more file, after those that are there.
  public mutating func add(_ text: [UInt8], name: String) throws(TreeError) {
    for line in LineReader.lines(of: text) {
      do throws(LineError) { try add(line.bytes) } catch { throw .line(line.number, of: name, error.fault) }
    }
  }

  private mutating func add(_ line: ArraySlice<UInt8>) throws(LineError) {
    let words = line.split(whereSeparator: { $0 == 0x20 || $0 == 0x09 })
    guard words.count >= 2 else { throw LineError(.missing("a context")) }
    if words.count > 3 { throw LineError(.unexpected(words[3].printable)) }
    var kind: InodeKind?
    if words.count == 3 {
      guard let known = Self.kind(words[1]) else { throw LineError(.unexpected(words[1].printable)) }
      kind = known
    }
    count += 1
    let last = words[words.count - 1]
    let context = last.elementsEqual("<<none>>".utf8) ? nil : Array(last)
    switch PerlPattern.parse(words[0]) {
    case .failure(let error): throw LineError(.pattern(words[0].printable, reason: error.reason))
    case .success(let parsed):
      if let literal = parsed.literal, !Self.hasOperator(words[0]) {
        literals[literal, default: []].append(Literal(kind: kind, context: context, number: count))
        return
      }
      do throws(TreeError) {
        let pattern = try TreePattern(
          bytes: Array("^(".utf8) + parsed.extended + Array(")$".utf8), text: words[0].printable)
        let rule = Rule(pattern: pattern, kind: kind, context: context, prefix: parsed.prefix, number: count)
        if Self.hasOperator(words[0]) { rules.append(rule) } else { exact.append(rule) }
      } catch {
        guard case .pattern(let pattern, let reason) = error else { throw LineError(.failed(error)) }
        throw LineError(.pattern(pattern, reason: reason))
      }
    }
  }

  private static func hasOperator(_ pattern: ArraySlice<UInt8>) -> Bool {
    var rest = pattern
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\\") { _ = rest.popFirst() } else if ".^$?*+|[({".utf8.contains(byte) { return true }
    }
    return false
  }

  private static func kind(_ word: ArraySlice<UInt8>) -> InodeKind? {
    switch String(decoding: word, as: UTF8.self) {
    case "--": .regular
    case "-d": .directory
    case "-l": .symbolicLink
    case "-c": .characterDevice
    case "-b": .blockDevice
    case "-p": .fifo
    case "-s": .socket
    default: nil
    }
  }

  /// The label of a path in the tree (without a slash in front), without a zero byte at the end; nil for none.
  public func context(of path: [UInt8], kind: InodeKind) -> [UInt8]? {
    let names = mountPoint.split(separator: 0x2F) + path.split(separator: 0x2F)
    let whole = [0x2F] + names.joined(separator: [0x2F])
    func last(of rules: [Rule]) -> Rule? {
      rules.last {
        ($0.kind == nil || $0.kind == kind) && whole.starts(with: $0.prefix) && $0.pattern.matches(whole)
      }
    }
    let literal = literals[whole]?.last { $0.kind == nil || $0.kind == kind }
    let exact = last(of: exact)
    if let literal, literal.number > exact?.number ?? 0 { return literal.context }
    return exact.map(\.context) ?? last(of: rules)?.context
  }

  /// Sets or removes `security.selinux` of every inode. One with several names takes the label of the first in the order
  /// of `Tree.walk`.
  public func apply(to tree: inout Tree) {
    let before = tree
    // The body throws nothing.
    try? before.forEachInode { (inode, path) throws(TreeError) in
      let old = before.attributes(of: inode)
      let rest = old.filter { !$0.name.elementsEqual("security.selinux".utf8) }
      if let context = context(of: path, kind: before.kind(of: inode)) {
        tree.setAttributes(rest + [ExtendedAttribute("security.selinux", context)], of: inode)
      } else if rest.count != old.count {
        tree.setAttributes(rest, of: inode)
      }
    }
  }
}
