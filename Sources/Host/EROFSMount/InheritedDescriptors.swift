// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import SystemPackage

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Descriptors that the process that started this one left open, beside the standard ones.
enum InheritedDescriptors {
  /// Those that are open now, from 3 on; none where the system does not list them.
  ///
  /// To be called before this process opens any.
  static var all: [FileDescriptor] {
    guard let folder = opendir("/proc/self/fd") else { return [] }
    defer { closedir(folder) }
    var found: [FileDescriptor] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard let number = Int32(name), number > 2, number != dirfd(folder) else { continue }
      found.append(FileDescriptor(rawValue: number))
    }
    return found
  }
}
