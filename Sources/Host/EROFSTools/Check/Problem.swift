// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

/// Something that is wrong with an image.
public struct Problem: Sendable, CustomStringConvertible {
  /// Where in the tree, from the root, with `/` between the names; nil for what is nowhere in the tree.
  public let path: [UInt8]?
  public let nid: UInt64?
  public let cause: Cause

  public enum Cause: Sendable, Equatable {
    /// The reader refused it.
    case image(EROFSError)
    case superblockChecksum
    case missingEntry(dots: Int)
    case unexpectedDot
    /// `.` or `..` leads to another NID.
    case dots(Int, target: UInt64, expected: UInt64)
    case entryKind(InodeKind, actual: InodeKind)
    /// A directory that is somewhere else in the tree as well.
    case secondParent(firstPath: [UInt8])
    case pathLength
    case linkCount(UInt32, found: Int)
    case nanoseconds(UInt32)
    case emptyTarget
    case zeroInTarget
    /// The name filter denies an attribute that the inode has.
    case nameFilter([UInt8])
    case digest(stored: [UInt8], actual: [UInt8])
    case digestForm([UInt8])
  }

  public init(path: [UInt8]?, nid: UInt64?, _ cause: Cause) {
    self.path = path
    self.nid = nid
    self.cause = cause
  }

  public var description: String {
    var place = path.map { "/" + $0.printable } ?? ""
    if let nid { place += place.isEmpty ? "nid \(nid)" : " (nid \(nid))" }
    return place.isEmpty ? cause.description : "\(place): \(cause)"
  }
}

extension Problem.Cause: CustomStringConvertible {
  public var description: String {
    func dots(_ count: Int) -> String { String(repeating: ".", count: count) }
    switch self {
    case .image(let error): return "\(error)"
    case .superblockChecksum: return "the superblock's checksum is wrong"
    case .missingEntry(let count): return "the directory has no entry `\(dots(count))`"
    case .unexpectedDot: return "the directory has an entry `.` although its inode says that it has none"
    case .dots(let count, let target, let expected):
      return "its entry `\(dots(count))` leads to nid \(target) instead of \(expected)"
    case .entryKind(let kind, let actual):
      return "the directory says that it is a \(kind.word), its inode a \(actual.word)"
    case .secondParent(let path): return "the directory is at /\(path.printable) already"
    case .pathLength: return "its path is longer than \(ScannedTree.maximumPathBytes) bytes; what is below is left out"
    case .linkCount(let count, let found): return "its link count is \(count), but \(found) was found"
    case .nanoseconds(let count): return "its time has \(count.counting("nanosecond"))"
    case .emptyTarget: return "a symbolic link without a target"
    case .zeroInTarget: return "the target of a symbolic link has a zero byte in it"
    case .nameFilter(let name): return "the name filter denies the extended attribute \(name.printable)"
    case .digest(let stored, let actual):
      return "its content has the digest \(actual.hexadecimal), but \(stored.hexadecimal) is recorded"
    case .digestForm(let value): return "its recorded digest is of an unknown form (\(value.count.counting("byte")))"
    }
  }

  /// A word for it that does not change, for programs.
  public var code: String {
    switch self {
    case .image(let error):
      switch error {
      case .corrupt(let defect, _): "corrupt-\(defect)"
      case .unsupported(.work, _): "work-limit"
      case .unsupported(.pathLength, _): "path-length"
      case .unsupported: "unsupported"
      case .undecodable: "undecodable"
      case .storage: "storage"
      case .memory: "memory"
      case .notFound: "not-found"
      case .notADirectory: "not-a-directory"
      case .notAFile: "not-a-file"
      }
    case .superblockChecksum: "superblock-checksum"
    case .missingEntry: "missing-entry"
    case .unexpectedDot: "unexpected-dot"
    case .dots: "dots"
    case .entryKind: "entry-kind"
    case .secondParent: "second-parent"
    case .pathLength: "path-length"
    case .linkCount: "link-count"
    case .nanoseconds: "nanoseconds"
    case .emptyTarget: "empty-target"
    case .zeroInTarget: "zero-in-target"
    case .nameFilter: "name-filter"
    case .digest: "digest"
    case .digestForm: "digest-form"
    }
  }
}
