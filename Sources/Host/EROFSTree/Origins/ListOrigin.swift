// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A tree from a text that lists its entries, so that a tree with any owners and devices is made without privileges. It
/// takes what Linux's gen_init_cpio takes, except variables, and more. One line an entry:
///
///     dir   NAME MODE UID GID
///     file  NAME LOCATION MODE UID GID [HARDLINK...]
///     slink NAME TARGET MODE UID GID
///     nod   NAME MODE UID GID c|b MAJOR MINOR
///     pipe  NAME MODE UID GID
///     sock  NAME MODE UID GID
///     link  NAME EARLIER-NAME
///
/// Names start at the root, with or without a slash in front; `dir /` states the root's own metadata. MODE is octal, other
/// numbers are decimal. LOCATION is a path from the directory that the list is read for (or absolute). After its fields any
/// line but `link` may have `mtime=SECONDS[.FRACTION]`, `xattr=NAME=VALUE` and `xattrhex=NAME=DIGITS`. Without `mtime` a
/// file has the time of its content, all else `time`.
///
/// Words are separated by blanks and tabs. Double quotes keep blanks; a backslash, also in quotes, stands before `\`, `"`,
/// `#` and a blank, or starts `\n`, `\t`, `\r`, `\xNN` or three octal digits. Lines that start with `#` and empty lines do
/// not count. If a name comes twice, the last one counts; directories that are not listed are made (see `Tree.isImplied`).
public struct ListOrigin {
  private let text: [UInt8]
  private let name: String
  private let base: OpenFile
  /// Of entries without a time.
  public var time = Time(seconds: 0)
  private var tree = Tree()

  /// - Parameters:
  ///   - name: Of the list, for messages.
  ///   - base: The directory that locations start from.
  public init(_ text: [UInt8], name: String, base: OpenFile) {
    self.text = text
    self.name = name
    self.base = base
  }

  public consuming func read() throws(TreeError) -> Tree {
    for line in LineReader.lines(of: text) {
      do throws(LineError) { try add(line.bytes) } catch { throw .line(line.number, of: name, error.fault) }
    }
    tree.sort()
    return tree
  }

  private mutating func add(_ line: ArraySlice<UInt8>) throws(LineError) {
    var reader = LineReader(line)
    let keyword = String(decoding: try reader.word("the kind of entry"), as: UTF8.self)
    let known = ["dir", "file", "slink", "nod", "pipe", "sock", "link"]
    guard known.contains(keyword) else { throw LineError(.unknownKeyword(keyword)) }
    let path = try self.path(try reader.word("the name"))
    if keyword == "link" {
      let target = try reader.word("the earlier name")
      try reader.end()
      try link(path, to: target)
      return
    }
    let other: [UInt8] =
      switch keyword {
      case "file": try reader.word("the location of the content")
      case "slink": try reader.word("the target")
      default: []
      }
    var metadata = Metadata(kind: .regular, permissions: 0, time: time)
    metadata.permissions = UInt16(try reader.number("a mode", radix: 8, limit: 0o7777))
    metadata.user = try reader.number("a user ID")
    metadata.group = try reader.number("a group ID")
    var content: Content?
    switch keyword {
    case "dir": metadata.kind = .directory
    case "pipe": metadata.kind = .fifo
    case "sock": metadata.kind = .socket
    case "slink": metadata.kind = .symbolicLink
    case "nod":
      let kind = try reader.word("b or c")
      switch kind {
      case [UInt8(ascii: "b")]: metadata.kind = .blockDevice
      case [UInt8(ascii: "c")]: metadata.kind = .characterDevice
      default: throw LineError(.unexpected(kind.printable))
      }
      metadata.device.major = try reader.number("a major device number")
      metadata.device.minor = try reader.number("a minor device number")
    default:
      let state: FileState
      (state, metadata.time) = try examine(other)
      content = .path(other, from: base, state)
    }
    var attributes: [ExtendedAttribute] = []
    var links: [[UInt8]] = []
    while let word = try reader.word() {
      if keyword == "file", word.first == 0x2F {
        links.append(word)
      } else {
        try option(word, &metadata, &attributes)
      }
    }
    try put(path, metadata, content: content, target: keyword == "slink" ? other : [], attributes)
    for word in links { try link(try self.path(word), to: Array(path.joined(separator: [0x2F]))) }
  }

  private func option(
    _ word: [UInt8], _ metadata: inout Metadata, _ attributes: inout [ExtendedAttribute]
  ) throws(LineError) {
    let parts = word.split(separator: 0x3D, maxSplits: 2, omittingEmptySubsequences: false)
    switch String(decoding: parts[0], as: UTF8.self) {
    case "mtime" where parts.count == 2:
      guard let time = Time(parsing: String(decoding: parts[1], as: UTF8.self)) else {
        throw LineError(.number(parts[1].printable, of: "a time in seconds"))
      }
      metadata.time = time
    case "xattr" where parts.count == 3:
      attributes.append(ExtendedAttribute(name: try Self.attributeName(parts[1]), value: Array(parts[2])))
    case "xattrhex" where parts.count == 3:
      var value: [UInt8] = []
      var digits = parts[2]
      while let high = digits.popFirst() {
        guard let high = high.hexadecimalDigit, let low = digits.popFirst()?.hexadecimalDigit else {
          throw LineError(.number(parts[2].printable, of: "pairs of hexadecimal digits"))
        }
        value.append(high << 4 | low)
      }
      attributes.append(ExtendedAttribute(name: try Self.attributeName(parts[1]), value: value))
    default: throw LineError(.unexpected(word.printable))
    }
  }

  private static func attributeName(_ name: ArraySlice<UInt8>) throws(LineError) -> [UInt8] {
    if name.isEmpty { throw LineError(.badName(.empty, "")) }
    if name.count > 255 { throw LineError(.badName(.tooLong, name.printable)) }
    if name.contains(0) { throw LineError(.badName(.zero, name.printable)) }
    return Array(name)
  }

  private func examine(_ location: [UInt8]) throws(LineError) -> (FileState, Time) {
    if location.contains(0) { throw LineError(.badName(.zero, location.printable)) }
    guard location.count <= 4095 else { throw LineError(.badName(.tooLong, location.printable)) }
    guard let status = FileCall.status(at: base.descriptor, location, following: true) else {
      throw LineError(.failed(.system(.examine, path: location, errno: errno)))
    }
    guard status.isRegular else {
      throw LineError(.failed(.unknownKind(path: location, mode: UInt32(status.st_mode))))
    }
    return (status.state, status.modified)
  }

  private func path(_ word: [UInt8]) throws(LineError) -> [ArraySlice<UInt8>] {
    let names = word.split(separator: 0x2F).filter { !$0.elementsEqual([0x2E]) }
    if word.isEmpty { throw LineError(.badName(.empty, "")) }
    for name in names {
      if let fault = Tree.fault(ofName: name) { throw LineError(.badName(fault, name.printable)) }
    }
    return names
  }

  private mutating func put(
    _ path: [ArraySlice<UInt8>], _ metadata: Metadata, content: Content?, target: [UInt8],
    _ attributes: [ExtendedAttribute]
  ) throws(LineError) {
    do throws(TreeError) {
      guard let last = path.last else {
        guard metadata.kind == .directory else { throw .rootIsDirectory }
        tree.replaceMetadata(of: Tree.root, metadata, attributes: attributes)
        return
      }
      let parent = try tree.directory(at: path.dropLast(), time: time)
      try tree.put(last, in: parent, metadata, content: content, target: target, attributes: attributes)
    } catch { throw LineError(.failed(error)) }
  }

  private mutating func link(_ path: [ArraySlice<UInt8>], to target: [UInt8]) throws(LineError) {
    do throws(TreeError) {
      guard let earlier = tree.entry(at: target) else { throw .noSuchEntry(path: target) }
      guard let last = path.last else { throw .rootIsDirectory }
      let parent = try tree.directory(at: path.dropLast(), time: time)
      try tree.link(last, in: parent, to: tree.inode(of: earlier))
    } catch { throw LineError(.failed(error)) }
  }
}
