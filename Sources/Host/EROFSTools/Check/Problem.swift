// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

/// A fault that was found in an image.
public struct Problem: Sendable, CustomStringConvertible {
  /// The path from the root of the image, without a leading `/`; nil if the fault is not in the tree.
  public let path: [UInt8]?
  public let nid: UInt64?
  public let cause: Cause

  public enum Cause: Sendable, Equatable {
    /// The reader refused it.
    case image(EROFSError)
    /// The file has fewer bytes than the superblock announces.
    case cutOff(bytes: UInt64, announced: UInt64)
    case superblockChecksum
    case missingEntry(dots: Int)
    case unexpectedDot
    /// `.` or `..` leads to another NID.
    case dots(Int, target: UInt64, expected: UInt64)
    case entryKind(InodeKind, actual: InodeKind)
    /// A directory that the tree contains already, at another path.
    case secondParent(firstPath: [UInt8])
    case pathLength
    case linkCount(UInt32, found: Int)
    case nanoseconds(UInt32)
    case emptyTarget
    case zeroInTarget
    /// The inode has an attribute that its name filter says it does not have.
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
    case .cutOff(let bytes, let announced):
      return "the file is cut off: it has \(bytes.grouped) of \(announced.grouped) bytes"
    case .superblockChecksum: return "the superblock's checksum is wrong"
    case .missingEntry(let count): return "the directory has no `\(dots(count))` entry"
    case .unexpectedDot: return "the directory has a `.` entry, but its inode says that it has none"
    case .dots(let count, let target, let expected):
      return "the `\(dots(count))` entry refers to nid \(target) instead of \(expected)"
    case .entryKind(let kind, let actual):
      return "its directory entry says \(kind.word), its inode says \(actual.word)"
    case .secondParent(let path): return "the same directory is also at /\(path.printable)"
    case .pathLength: return "\(Feature.pathLength)"
    case .linkCount(let count, let found):
      return "its link count is \(count), but the tree has \(found.counting("link")) to it"
    case .nanoseconds(let count):
      return "its modification time has \(count.counting("nanosecond")); the most is 999999999"
    case .emptyTarget: return "the symbolic link has no target"
    case .zeroInTarget: return "the target of the symbolic link contains a zero byte"
    case .nameFilter(let name): return "the name filter hides the extended attribute \(name.printable)"
    case .digest(let stored, let actual):
      return "its content has the SHA-256 \(actual.hexadecimal), but the image records \(stored.hexadecimal)"
    case .digestForm(let value): return "its recorded digest has an unknown format (\(value.count.counting("byte")))"
    }
  }

  /// A stable identifier for programs.
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
    case .cutOff: "cut-off"
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
