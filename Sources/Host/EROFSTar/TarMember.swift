// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTree

/// What the headers of a member say.
struct TarMember {
  var header: TarHeader
  var fields: PaxFields
  var name: [UInt8]
  /// Of a link.
  var target: [UInt8]

  /// Bytes after the headers, if there is content.
  func storedSize() throws -> UInt64 {
    if let size = fields.size { return size }
    guard let size = UInt64(exactly: try header.size()) else { throw TarFault(.fieldNumber) }
    return size
  }

  /// What is known of the inode.
  func metadata(_ kind: InodeKind) throws -> Metadata {
    func identifier(_ value: Int64) throws(TarFault) -> UInt32 {
      guard let id = UInt32(exactly: value) else { throw TarFault(.fieldNumber) }
      return id
    }
    var metadata = Metadata(kind: kind, permissions: try header.permissions())
    // bsdtar writes the group's own in the mode. Linux keeps there what the list allows at most.
    if let bits = fields.accessBits { metadata.permissions = metadata.permissions & ~0o777 | bits }
    if let user = fields.user {
      metadata.user = try identifier(user)
    } else {
      metadata.user = try identifier(try header.user())
    }
    if let group = fields.group {
      metadata.group = try identifier(group)
    } else {
      metadata.group = try identifier(try header.group())
    }
    if let time = fields.time { metadata.time = time } else { metadata.time = Time(seconds: try header.seconds()) }
    if kind == .characterDevice || kind == .blockDevice {
      if let major = fields.device.major, let minor = fields.device.minor {
        metadata.device = DeviceNumber(major: major, minor: minor)
      } else {
        let (major, minor) = try header.device()
        metadata.device = DeviceNumber(major: try identifier(major), minor: try identifier(minor))
      }
    }
    return metadata
  }
}
