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
  /// What can still be written at most; nil where the file system says nothing of its size.
  let mostBytes: UInt64?

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
    mostBytes = status.f_blocks > 0 ? UInt64(status.f_bfree) * UInt64(status.f_frsize) : nil
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

  /// What opening it for writing opens or makes: without symbolic links, or if it does not exist, what the last link names.
  /// nil if links lead in a circle.
  package var destination: FilePath? {
    var path = self
    // As many as Linux follows.
    for _ in 0...40 {
      if let real = path.real { return real }
      guard let target = path.linkTarget else { return path }
      path = path.removingLastComponent().pushing(target)
    }
    return nil
  }

  /// The same for comparing: one path for one file, also if there is none yet.
  package var place: FilePath? {
    guard let path = destination, let name = path.lastComponent else { return nil }
    let folder = path.removingLastComponent()
    return (folder.isEmpty ? "." : folder).real?.appending(name)
  }

  private var linkTarget: FilePath? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX) + 1) { buffer in
      let count = withPlatformString { readlink($0, buffer.baseAddress!, Int(PATH_MAX)) }
      guard count > 0 else { return nil }
      buffer[count] = 0
      return FilePath(platformString: buffer.baseAddress!)
    }
  }
}
