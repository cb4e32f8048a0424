// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import SystemPackage

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Ends mounts, and runs the system's programs for them.
public enum UnmountTool {
  /// Unmounts a directory, which must not be in use.
  ///
  /// Root does it directly; for other users, fusermount3 unmounts what they have mounted.
  ///
  /// - Returns: nil, or why not.
  public static func unmount(_ directory: FilePath) -> String? {
    #if os(Linux)
      if directory.withPlatformString({ umount2($0, Int32(UMOUNT_NOFOLLOW)) }) == 0 { return nil }
      let error = Errno(rawValue: errno)
      guard error == .notPermitted else { return "\(directory): unmounting failed: \(error)" }
      for program in ["fusermount3", "fusermount"] {
        if let status = run([program, "-u", "--", directory.string]) {
          return status == 0 ? nil : "\(directory): \(program) could not unmount it"
        }
      }
      return "\(directory): unmounting needs root, or fusermount3, which is not installed"
    #else
      if directory.withPlatformString({ Darwin.unmount($0, 0) }) == 0 { return nil }
      return "\(directory): unmounting failed: \(Errno(rawValue: errno))"
    #endif
  }

  /// Runs a program of PATH; nil if there is none, else its exit status, or 128 and the number of the signal that ended it.
  public static func run(_ words: [String]) -> Int32? {
    var process = pid_t()
    var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    guard posix_spawnp(&process, words[0], nil, nil, &pointers, environ) == 0 else { return nil }
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 { if errno != EINTR { return nil } }
    // As WIFEXITED and WEXITSTATUS, which are macros.
    let signal = status & 0x7F
    if signal != 0 { return 128 + signal }
    let code = status >> 8 & 0xFF
    return code == 127 ? nil : code
  }

  /// The path from the root, without symbolic links.
  static func absolute(_ path: FilePath) -> FilePath {
    guard let real = path.withPlatformString({ realpath($0, nil) }) else { return path }
    defer { free(real) }
    return FilePath(platformString: real)
  }
}
