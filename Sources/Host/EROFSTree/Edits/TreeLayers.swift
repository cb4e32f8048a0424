// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

extension Tree {
  /// Puts a tree over this one, as overlayfs does with layers: its names hide those of this tree, except that directories
  /// are merged and take its metadata, where it states any (see ``isImplied(_:)``). Its whiteouts (character devices 0, 0,
  /// and empty files with the attribute `trusted.overlay.whiteout`) hide what is here; its directories with
  /// `trusted.overlay.opaque` hide what directories here contain. Names that are hard links in it remain that.
  ///
  /// What only overlayfs understands stays in the tree, so that it can be put over others; ``stripOverlayMetadata()``
  /// removes it.
  ///
  /// - Parameter upper: the tree above this one. Extra devices that contents refer to keep their numbers.
  /// - Throws: ``TreeError`` if both are more than a tree can hold.
  public mutating func addLayer(_ upper: Tree) throws(TreeError) {
    if !upper.isImplied(Self.root) {
      replaceMetadata(of: Self.root, upper[Self.root], attributes: upper.attributes(of: upper.inode(of: Self.root)))
    }
    var directories: [EntryID: EntryID] = [Self.root: Self.root]
    var inodes: [InodeID: InodeID] = [:]
    for (entry, _) in upper.walk() where entry != Self.root {
      let (source, name) = (upper.inode(of: entry), upper.name(of: entry))
      let parent = directories[upper.parent(of: entry)]!
      let metadata = upper[source]
      if metadata.kind == .directory, upper.isImplied(entry), let old = child(name, of: parent),
        kind(of: old) == .directory
      {
        directories[entry] = old
      } else if metadata.kind == .directory {
        directories[entry] = try addDirectory(name, in: parent, metadata, upper.attributes(of: source))
      } else if let known = inodes[source] {
        try link(name, in: parent, to: known)
      } else if upper.isWhiteoutByAttribute(entry) {
        try put(name, in: parent, Metadata(kind: .characterDevice, permissions: 0))
      } else {
        let added = try put(
          name, in: parent, metadata, content: metadata.kind == .regular ? upper.content(of: source) : nil,
          target: metadata.kind == .symbolicLink ? upper.target(of: source) : [],
          attributes: upper.attributes(of: source))
        if upper.linkCount(of: source) > 1 { inodes[source] = inode(of: added) }
      }
    }
  }

  private mutating func addDirectory(
    _ name: ArraySlice<UInt8>, in parent: EntryID, _ metadata: Metadata, _ attributes: [ExtendedAttribute]
  ) throws(TreeError) -> EntryID {
    var attributes = attributes
    let opaque = ExtendedAttribute("trusted.overlay.opaque", [0x79])
    if let old = child(name, of: parent) {
      if kind(of: old) != .directory {
        // What hides something below goes on hiding it.
        attributes.append(opaque)
      } else if attributes.contains(opaque) {
        remove(old)
      } else if isOpaque(old) {
        attributes.append(opaque)
      }
    }
    return try put(name, in: parent, metadata, attributes: attributes)
  }

  /// The content of a regular file, for another tree; nil for an empty one. Of a file in a directory that the tree was read
  /// from, it is that at the path that it had then.
  public func content(of inode: InodeID) -> Content? {
    guard let record = contentRecord(of: inode) else { return nil }
    let state = FileState(size: record.size, inode: record.first, changeTime: record.second)
    switch stores[Int(record.store)] {
    case .bytes(let bytes): return .bytes(Array(bytes[Int(record.first)..<Int(record.first + record.size)]))
    case .file(let file): return .range(of: file, offset: record.first, length: record.size)
    case .sparse(let file): return .sparse(in: file, size: record.size, pieces: pieces[Int(record.second)])
    case .paths(let directory): return .path(Array(pool[record.place]), from: directory, state)
    case .entries(let directory): return .path(path(of: EntryID(record.place)), from: directory, state)
    case .device, .referred: return referred(of: inode).map { .referred($0) }
    case .foreign(let contents): return .foreign(contents, number: record.first, size: record.size)
    }
  }
}
