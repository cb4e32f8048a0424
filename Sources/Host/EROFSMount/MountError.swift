// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import SystemPackage

/// Why an image could not be mounted.
public enum MountError: Error, CustomStringConvertible {
  /// What was being done, with which file, and the system's error.
  case system(String, String, Errno)
  case notAFile(String)
  /// A mount point has to be one.
  case notADirectory(String)
  case offset(String, UInt64, fileSize: UInt64)
  case image(String, EROFSError)
  /// libfuse failed, and has printed why on standard error.
  case fuse(String)

  public var description: String {
    switch self {
    case .system(let action, let path, let errno): "\(path): \(action) failed: \(errno)"
    case .notAFile(let path): "\(path): not a file or block device"
    case .notADirectory(let path): "\(path): not a directory"
    case .offset(let path, let offset, let size):
      "\(path): the image is to start at byte \(offset), but the file has only \(size)"
    case .image(let path, let error): "\(path): \(error)"
    case .fuse(let action): "\(action) failed"
    }
  }
}
