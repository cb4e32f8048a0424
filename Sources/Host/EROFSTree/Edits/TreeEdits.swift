// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// All that can be done to a tree before an image is made of it, in the order in which it is done, which is that of the
/// properties here.
///
/// Exclusion is first, so that nothing else complains about what is left out. Hard links are separated before owners and
/// labels are set, so that each name gets its own. Owners that apply to all override those of a table. Labels come after
/// capabilities, and attributes are dropped last, whoever set them.
public struct TreeEdits: Sendable {
  public var exclusions = Exclusions()
  /// Whether whiteouts and the attributes of overlayfs are removed.
  public var stripsOverlayMetadata = false
  /// Whether every name gets an inode of its own.
  public var separatesHardLinks = false
  public var ownerTable: OwnerTable?
  public var owners = OwnerRule()
  public var times = TimeRule.keep
  public var labels: FileContexts?
  public var attributes = AttributeRule.keep

  public init() {}

  public func apply(to tree: inout Tree) throws(TreeError) {
    exclusions.apply(to: &tree)
    if stripsOverlayMetadata { tree.stripOverlayMetadata() }
    if separatesHardLinks { try tree.separateHardLinks() }
    try ownerTable?.apply(to: &tree)
    try owners.apply(to: &tree)
    times.apply(to: &tree)
    labels?.apply(to: &tree)
    attributes.apply(to: &tree)
  }
}

extension Tree {
  /// Gives every name an inode of its own. Contents are shared still.
  public mutating func separateHardLinks() throws(TreeError) {
    for entry in liveEntries { try separate(entry) }
  }

  /// In no particular order, but the same for the same changes.
  var liveEntries: [EntryID] {
    (0..<entries.count).lazy.filter { entries[$0].inode != Self.none }.map { EntryID(UInt32($0)) }
  }

  /// The first name of every inode in the order of `walk`, with its path.
  func forEachInode(_ body: (InodeID, [UInt8]) throws(TreeError) -> Void) throws(TreeError) {
    var seen = [Bool](repeating: false, count: inodes.count)
    for (entry, path) in walk() {
      let inode = inode(of: entry)
      if seen[Int(inode.number)] { continue }
      seen[Int(inode.number)] = true
      try body(inode, path)
    }
  }
}

/// What happens to extended attributes.
public enum AttributeRule: Sendable, Hashable {
  case keep
  case dropAll
  /// Those whose names start with one of these, as `trusted.overlay.`.
  case drop(prefixes: [[UInt8]])

  public func apply(to tree: inout Tree) {
    if self == .keep { return }
    for entry in tree.liveEntries {
      let inode = tree.inode(of: entry)
      let old = tree.attributes(of: inode)
      if old.isEmpty { continue }
      switch self {
      case .keep: break
      case .dropAll: tree.setAttributes([], of: inode)
      case .drop(let prefixes):
        tree.setAttributes(old.filter { one in !prefixes.contains { one.name.starts(with: $0) } }, of: inode)
      }
    }
  }
}
