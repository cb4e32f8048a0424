// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Owners that apply to all entries: first set, then moved by an offset.
public struct OwnerRule: Sendable, Hashable {
  public var user: UInt32?
  public var group: UInt32?
  public var userOffset: Int64 = 0
  public var groupOffset: Int64 = 0

  public init() {}

  /// Everything belongs to the superuser.
  public static var allRoot: OwnerRule {
    var rule = OwnerRule()
    (rule.user, rule.group) = (0, 0)
    return rule
  }

  /// An owner that would be out of range is an error with the path, and the tree is then changed in part.
  public func apply(to tree: inout Tree) throws(TreeError) {
    if self == OwnerRule() { return }
    let before = tree
    try before.forEachInode { (inode, path) throws(TreeError) in
      var metadata = before[inode]
      metadata.user = try Self.moved(user ?? metadata.user, by: userOffset, isGroup: false, path)
      metadata.group = try Self.moved(group ?? metadata.group, by: groupOffset, isGroup: true, path)
      tree[inode] = metadata
    }
  }

  private static func moved(
    _ id: UInt32, by offset: Int64, isGroup: Bool, _ path: [UInt8]
  ) throws(TreeError) -> UInt32 {
    let (sum, overflow) = Int64(id).addingReportingOverflow(offset)
    guard !overflow, let moved = UInt32(exactly: sum) else {
      throw .idOutOfRange(path: path, isGroup: isGroup, id: id, offset: offset)
    }
    return moved
  }
}

/// What happens to the times of all entries.
public enum TimeRule: Sendable, Hashable {
  case keep
  /// Newer times become this one, older ones remain.
  case clamp(to: Time)
  /// All times become this one: also for images that keep no times, with the image's own.
  case setAll(Time)

  /// As mkfs.erofs decides: a build date from the environment clamps whatever else is given; a fixed time sets all times,
  /// or clamps if that is wanted.
  public init(sourceDate: Time?, fixed: Time?, clamps: Bool = false) {
    self =
      if let sourceDate {
        .clamp(to: sourceDate)
      } else if let fixed {
        clamps ? .clamp(to: fixed) : .setAll(fixed)
      } else {
        .keep
      }
  }

  public func apply(to tree: inout Tree) {
    if self == .keep { return }
    for entry in tree.liveEntries {
      let inode = tree.inode(of: entry)
      var metadata = tree[inode]
      switch self {
      case .keep: break
      case .clamp(let latest): metadata.time = min(metadata.time, latest)
      case .setAll(let time): metadata.time = time
      }
      tree[inode] = metadata
    }
  }
}
