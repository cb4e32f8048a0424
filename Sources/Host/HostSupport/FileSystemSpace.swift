// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import SystemPackage

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The file system that a file is in, or would be in.
struct FileSystemSpace {
  /// The directory at which it begins.
  let mountPoint: FilePath
  /// What a user without privileges may still write.
  let freeBytes: UInt64

  /// - Parameter path: need not exist, if its directory does. nil if that cannot be looked at.
  init?(holding path: FilePath) {
    let folder = path.removingLastComponent()
    guard var place = path.real ?? (folder.isEmpty ? "." : folder).real else { return nil }
    var status = statvfs()
    guard place.withPlatformString({ statvfs($0, &status) }) == 0, let own = Self.device(place) else { return nil }
    // The last directory on the way up that is on the same device.
    while !place.removingLastComponent().isEmpty, place.lastComponent != nil {
      let above = place.removingLastComponent()
      if Self.device(above) != own { break }
      place = above
    }
    mountPoint = place
    freeBytes = UInt64(status.f_bavail) * UInt64(status.f_frsize)
  }

  private static func device(_ path: FilePath) -> dev_t? {
    var status = stat()
    return path.withPlatformString { stat($0, &status) } == 0 ? status.st_dev : nil
  }
}

extension FilePath {
  /// Without symbolic links; nil for what does not exist.
  package var real: FilePath? {
    guard let real = withPlatformString({ realpath($0, nil) }) else { return nil }
    defer { free(real) }
    return FilePath(platformString: real)
  }
}
