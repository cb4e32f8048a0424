// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSFormatWriting
import EROFSTools
import Foundation
import SystemPackage
import TestSupport

/// A reference image whose bytes are changed in chosen places.
struct ImagePatch {
  private let reader: ImageReader
  private(set) var bytes: [UInt8]

  /// An image in which directories are stored as they are.
  init(_ name: String = "plain-512") throws {
    reader = try ImageReader(try ReferenceImages.open(name))
    bytes = Array(try ReferenceImages.image(name))
  }

  func inode(_ path: String) throws -> EROFS.Inode { try reader.inode(at: path.utf8) }

  var rootNID: UInt64 { reader.superblock.rootNID }

  /// Where the entry of `name` lies in a directory of one extent of one block, and where its name does.
  func entry(_ name: String, in path: String) throws -> (offset: Int, name: Int) {
    let directory = try inode(path)
    guard let extent = try reader.volume.extent(of: directory, at: 0), extent.length == directory.size,
      extent.length <= 512
    else { throw CocoaError(.featureUnsupported) }
    let base: Int
    switch extent.place {
    case .device(0, let address): base = Int(address)
    case .metadata(.device, let offset): base = Int(offset)
    default: throw CocoaError(.featureUnsupported)
    }
    let count = Int(bytes[.nameOffset, of: DirectoryRecord.self, at: base]) / DirectoryRecord.byteCount
    for index in 0..<count {
      let at = base + DirectoryRecord.byteCount * index
      let start = Int(bytes[.nameOffset, of: DirectoryRecord.self, at: at])
      let text = bytes[(base + start)...].prefix(name.utf8.count)
      if text.elementsEqual(name.utf8) { return (at, base + start) }
    }
    throw CocoaError(.fileNoSuchFile)
  }

  /// The bytes with a checksum that is right.
  var sealed: [UInt8] {
    var copy = bytes
    StoredRecord<SuperblockRecord>.seal(&copy)
    return copy
  }

  /// Replaces a field of the record that starts at byte `start`.
  mutating func set<Owner: Record, Value>(_ field: Field<Owner, Value>, _ value: Value, at start: Int) {
    bytes[field, of: Owner.self, at: start] = value
  }

  mutating func point(_ name: String, in path: String, to nid: UInt64) throws {
    set(Field<DirectoryRecord, UInt64>.nid, nid, at: try entry(name, in: path).offset)
  }

  mutating func rename(_ name: String, in path: String, to newName: String) throws {
    precondition(name.utf8.count == newName.utf8.count)
    let at = try entry(name, in: path).name
    bytes.replaceSubrange(at..<at + newName.utf8.count, with: newName.utf8)
  }
}
