// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import PageVectors

/// What reads the files of an image: an ``ImageReader``, of an image in a file or in memory, or a ``StorageReader``, of an
/// image in any storage. Its methods are the same for both.
///
/// A reader is for one task at a time; see <doc:ReadingInParallel>.
public protocol ImageReading: AnyObject {
  /// Where the image's bytes come from.
  associatedtype Source: Storage

  /// The image's superblock: block size, features, counts.
  var superblock: Superblock { get }
  /// The reader of module EROFS that this one supplies with memory.
  var volume: Volume<Source> { get set }
  /// The limit that the methods count their work against; nil for none.
  var limit: WorkLimit? { get }
}

extension ImageReading {
  /// The directory that everything is in.
  public var root: TreeFile {
    get throws(TreeError) {
      try TreeError.naming([0x2F]) { () throws(EROFSError) in
        TreeFile(path: [0x2F], inode: try volume.inode(superblock.rootNID))
      }
    }
  }

  /// The file at a path, of whatever kind. Symbolic links are followed inside the image: its root is theirs.
  ///
  /// - Parameters:
  ///   - path: names with `/` between them, from the root; `..` is the directory above.
  ///   - followsLast: whether the last name is followed too if it is a symbolic link.
  /// - Throws: ``TreeError`` with `notFound` if there is none, or if more than 40 links would have to be followed, and
  ///   with any other `EROFSError` if the image is damaged.
  public func file(at path: String, followsLast: Bool = true) throws(TreeError) -> TreeFile {
    try file(at: Array(path.utf8), followsLast: followsLast)
  }

  /// As ``file(at:followsLast:)-(String,_)``, for a path of bytes, which need not be UTF-8.
  ///
  /// - Parameters:
  ///   - path: names with `/` between them, from the root.
  ///   - followsLast: whether the last name is followed too if it is a symbolic link.
  public func file(at path: [UInt8], followsLast: Bool = true) throws(TreeError) -> TreeFile {
    try TreeError.naming(path) { () throws(EROFSError) in
      TreeFile(path: path.first == 0x2F ? path : [0x2F] + path, inode: try follow(path, followsLast: followsLast))
    }
  }

  /// The inode that a path leads to; see ``file(at:followsLast:)-(String,_)``.
  func follow(_ path: [UInt8], followsLast: Bool) throws(EROFSError) -> Inode {
    func names(_ path: [UInt8]) -> [[UInt8]] { path.split(separator: 0x2F).map { Array($0) }.reversed() }
    var rest = names(path)
    var way = [try volume.inode(superblock.rootNID)]
    var links = 0
    // A path that ends with a slash means a directory, also behind a link.
    let followsLast = followsLast || path.last == 0x2F
    while let name = rest.popLast() {
      let folder = way[way.count - 1]
      guard folder.kind == .directory else { throw .notADirectory }
      if name == [0x2E] { continue }
      if name == [0x2E, 0x2E] {
        if way.count > 1 { way.removeLast() }
        continue
      }
      try limit?.spendName(pathBytes: 0)
      guard name.count <= 255, let inode = try inode(named: name, in: folder) else { throw .notFound }
      guard inode.kind == .symbolicLink, followsLast || !rest.isEmpty else {
        // A directory that contains itself has paths of any length.
        guard way.count <= ScannedTree.maximumPathBytes / 2 else {
          throw .unsupported(.pathLength, at: inode.position)
        }
        way.append(inode)
        continue
      }
      links += 1
      guard links <= 40 else { throw .notFound }
      let target = try target(of: inode)
      if target.first == 0x2F { way.removeLast(way.count - 1) }
      rest += names(target)
    }
    let last = way[way.count - 1]
    if path.last == 0x2F, last.kind != .directory { throw .notADirectory }
    return last
  }

  private func inode(named name: [UInt8], in folder: Inode) throws(EROFSError) -> Inode? {
    let entry = try name.withUnsafeBufferPointer { (bytes) throws(EROFSError) in
      try volume.entry(named: PageVector(unsafeContiguous: UnsafeRawBufferPointer(bytes)), in: folder)
    }
    guard let entry else { return nil }
    return try volume.inode(entry.nid)
  }

  /// The target of a symbolic link.
  ///
  /// - Parameter link: the link's inode.
  /// - Throws: `notAFile` if it is something else.
  public func target(of link: Inode) throws(EROFSError) -> [UInt8] {
    guard link.kind == .symbolicLink else { throw .notAFile }
    // No system follows a longer target.
    guard link.size <= 65536 else { throw .corrupt(.linkTarget, at: link.position) }
    return try bytes(Int(link.size)) { (part) throws(EROFSError) in try volume.read(link, at: 0, into: part) }
  }

  /// An array of at most `count` bytes that `body` fills; it returns how many it has filled.
  func bytes(
    _ count: Int, _ body: (MutablePageVector) throws(EROFSError) -> Int
  ) throws(EROFSError) -> [UInt8] {
    var failure: EROFSError?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      do throws(EROFSError) {
        initialized = try body(
          MutablePageVector(
            unsafeContiguous: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count])))
      } catch { failure = error }
    }
    if let failure { throw failure }
    return bytes
  }

  /// The extended attributes of a file, by their names: `user.comment`, `security.selinux`. Bytes of a name that are not
  /// UTF-8 become U+FFFD.
  ///
  /// - Parameter file: the file.
  public func extendedAttributes(of file: TreeFile) throws(TreeError) -> [String: [UInt8]] {
    try TreeError.naming(file.path) { () throws(EROFSError) in
      var found: [String: [UInt8]] = [:]
      for attribute in try attributes(of: file.inode, includingHidden: false) {
        found[String(decoding: attribute.name, as: UTF8.self)] = attribute.value
      }
      return found
    }
  }

  /// The extended attributes of an inode, with `includingHidden` also the hidden ones.
  ///
  /// - Parameters:
  ///   - inode: the inode.
  ///   - includingHidden: whether attributes without a namespace are included, which systems do not list.
  public func attributes(
    of inode: Inode, includingHidden: Bool = false
  ) throws(EROFSError) -> [ImageReader.AttributeText] {
    var found: [ImageReader.AttributeText] = []
    var cursor = AttributeCursor()
    while let attribute = try volume.nextAttribute(of: inode, &cursor) {
      try limit?.spend(readingAttribute: attribute.nameBytes + attribute.valueBytes)
      let isHidden = attribute.namespace == .hidden
      if isHidden, !includingHidden { continue }
      found.append(
        ImageReader.AttributeText(
          name: try bytes(attribute.nameBytes) { (part) throws(EROFSError) in
            _ = try volume.copyName(of: attribute, into: part)
            return part.count
          },
          value: try bytes(attribute.valueBytes) { (part) throws(EROFSError) in
            _ = try volume.copyValue(of: attribute, into: part)
            return part.count
          },
          isHidden: isHidden,
          isDigest: superblock.compatible.contains(.imageShareXattrs)
            && attribute.isWholePrefix(Int(superblock.imageSharePrefix))))
    }
    return found
  }
}
