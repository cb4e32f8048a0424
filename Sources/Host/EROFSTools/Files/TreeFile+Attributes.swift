// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import SystemPackage

extension TreeFile: CustomStringConvertible {
  /// The path as text for people: what is not UTF-8 or would act on a terminal is written `\xNN`.
  public var description: String { path.printable }

  /// The path, from the image's root.
  public var filePath: FilePath {
    // No name in an image has a zero byte: the reader refuses it.
    (path + [0]).withUnsafeBytes {
      FilePath(platformString: $0.assumingMemoryBound(to: CInterop.PlatformChar.self).baseAddress!)
    }
  }

  /// The last name of the path; empty for the root. Bytes that are not UTF-8 become U+FFFD.
  public var name: String { String(decoding: path.split(separator: 0x2F).last ?? [], as: UTF8.self) }

  /// File, directory, symbolic link, and so on.
  public var kind: InodeKind { inode.kind }

  /// Bytes of content.
  public var size: UInt64 { inode.size }

  /// The twelve permission bits.
  public var permissions: FilePermissions { FilePermissions(rawValue: CInterop.Mode(inode.permissions & 0o7777)) }

  /// The owner's number.
  public var userID: UInt32 { inode.userID }

  /// The group's number.
  public var groupID: UInt32 { inode.groupID }

  /// The time of the last modification.
  public var modified: Moment { Moment(inode.modificationTime) }
}
