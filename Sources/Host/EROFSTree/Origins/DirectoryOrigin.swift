// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import HostSupport

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A tree from a directory on disk.
///
/// Only names are followed, never symbolic links, so nothing outside the directory is looked at, whatever changes it
/// meanwhile. The first thing that cannot be read ends it with an error; what is left out has to be excluded first. File
/// systems mounted inside are part of the tree. Depth takes no stack, and no more than 50 directories are open at a time.
public struct DirectoryOrigin {
  /// Whether extended attributes are read.
  public var readsAttributes = true
  /// Called with each path before anything is read of it: false leaves it out, and all that is in it. It may be asked twice.
  public var includes: ((_ path: [UInt8]) throws(TreeError) -> Bool)?
  /// Called with what is wrong when the attributes of a file cannot be listed, or one of them cannot be read: true leaves
  /// them, or that one, out. Without it, as with false, reading ends with the error.
  public var skipsAttribute: ((TreeError) -> Bool)?
  /// How many threads ask the system for what names are, at least 1. The tree does not depend on it.
  public var threads = Threads.available

  private let root: OpenFile
  private var tree = Tree()
  /// The directories of the tree, in the order in which they were listed.
  private var directories = [Tree.root]
  /// What may be left out, and need not be asked about again.
  private var permitted: [TreeError] = []
  private var isRepeated = false
  /// The first name of every inode on disk that has several.
  private var links: [Identity: Tree.EntryID] = [:]

  struct Identity: Hashable {
    let device: UInt64
    let inode: UInt64

    init(_ status: stat) {
      device = UInt64(truncatingIfNeeded: status.st_dev)
      inode = UInt64(status.st_ino)
    }
  }

  public init(_ root: OpenFile) { self.root = root }

  /// Reads all but contents.
  public consuming func read() throws(TreeError) -> Tree {
    // Where a directory does not say right what its names are, the system is asked for each.
    if try !fill(trustsDirectories: true) {
      (tree, directories, links, isRepeated) = (Tree(), [Tree.root], [:], true)
      _ = try fill(trustsDirectories: false)
    }
    tree.sort()
    return tree
  }

  /// The calling thread goes through the directories, and what is found is added in that order; what each name is, which
  /// takes most of the time, several threads find out side by side.
  ///
  /// - Returns: false if a name is a directory and its directory said otherwise, or the other way round. Then the tree is not
  ///   whole.
  private mutating func fill(trustsDirectories: Bool) throws(TreeError) -> Bool {
    guard let status = FileCall.status(root.descriptor) else { throw .system(.examine, path: [], errno: errno) }
    let own = try DirectoryEntry(status, of: [0x2E], in: root.descriptor, path: [], readsAttributes: readsAttributes)
    guard own.metadata.kind == .directory else { throw .rootIsDirectory }
    try judge(own)
    tree.replaceMetadata(of: Tree.root, own.metadata, attributes: own.attributes)

    var walk = try DirectoryWalk(root, trustsDirectories: trustsDirectories, includes: includes)
    // What cannot be listed is reported after what comes before it.
    var failure: TreeError?
    var isRight = true
    let readsAttributes = readsAttributes
    do {
      try OrderedWork<[DirectoryWalk.Part], [DirectoryWalk.Part.Found]>.run(
        threads: threads, limit: 8,
        next: {
          guard isRight, failure == nil else { return nil }
          var parts: [DirectoryWalk.Part] = []
          do throws(TreeError) { try walk.next(&parts) } catch { failure = error }
          return parts.isEmpty ? nil : (parts, 1)
        },
        worker: { { parts in parts.map { $0.examined(readsAttributes: readsAttributes) } } },
        take: { found in for part in found where isRight { isRight = try add(part) } })
    } catch let error as TreeError { throw error } catch { preconditionFailure("\(error)") }
    if !isRight, trustsDirectories { return false }
    if let failure { throw failure }
    return true
  }

  /// Adds what names of a directory are; false if one is a directory and the walk took it for something else, or the other
  /// way round.
  private mutating func add(_ found: DirectoryWalk.Part.Found) throws(TreeError) -> Bool {
    let part = found.part
    let parent = directories[part.number]
    for (name, result) in zip(part.names, found.entries) {
      let entry = try result.get()
      guard (entry.metadata.kind == .directory) == name.isDirectory else {
        if part.isTrusting { return false }
        throw .changed(.kind, path: part.path(of: name.bytes))
      }
      try add(entry, name.bytes, to: parent)
    }
    // A name that came or went meanwhile.
    if let before = part.stateBefore, FileCall.status(part.directory.descriptor)?.state.changeTime != before.changeTime
    {
      throw .changed(.modified, path: part.path)
    }
    return true
  }

  private mutating func add(_ entry: DirectoryEntry, _ name: [UInt8], to parent: Tree.EntryID) throws(TreeError) {
    let metadata = entry.metadata
    let hasLinks = metadata.kind != .directory && entry.status.st_nlink > 1
    if hasLinks, let first = links[Identity(entry.status)] {
      try tree.link(name, in: parent, to: tree.inode(of: first))
      return
    }
    try judge(entry)
    let content: Content? = metadata.kind == .regular ? .entry(in: root, entry.status.state) : nil
    let added = try tree.put(
      name, in: parent, metadata, content: content, target: entry.target, attributes: entry.attributes)
    if metadata.kind == .directory { directories.append(added) }
    if hasLinks { links[Identity(entry.status)] = added }
  }

  /// Whether what could not be read of attributes may be left out.
  private mutating func judge(_ entry: DirectoryEntry) throws(TreeError) {
    for fault in entry.faults where !isRepeated || !permitted.contains(fault) {
      guard skipsAttribute?(fault) == true else { throw fault }
      permitted.append(fault)
    }
  }
}
