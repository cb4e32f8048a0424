// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

#if os(Linux)
  import SystemPackage

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// Mounts images with the kernel's own EROFS.
  public enum KernelMount {
    /// How the kernel reads the image.
    public enum Way: String, Sendable {
      case blockDevice = "a block device"
      case file = "the file itself"
      case loop = "a loop device"
    }

    /// Mounts an image; it is read-only whatever the options say.
    ///
    /// - Parameters:
    ///   - options: of EROFS, such as `cache_strategy=disabled`.
    ///   - offset: where the image starts in its file, in bytes.
    /// - Throws: what the kernel said to the last way that was tried. What it does not like of an image is in its log.
    public static func mount(
      _ image: FilePath, devices: [FilePath] = [], offset: UInt64 = 0, options: [String] = [], on directory: FilePath
    ) throws(MountError) -> Way {
      var words = options.filter { !["ro", "rw", "loop", ""].contains($0) } + devices.map { "device=\($0)" }
      if offset > 0 { words.append("fsoffset=\(offset)") }
      if attempt(image, directory, words) { return isBlockDevice(image) ? .blockDevice : .file }
      let first = errno
      // From Linux 6.12 on it takes a file; before, it wants a block device, as it does where that is left out.
      guard first == ENOTBLK || offset > 0 else {
        throw .system("mounting with the kernel's EROFS", image.string, Errno(rawValue: first))
      }
      words = options.filter { !["rw", "loop", ""].contains($0) } + ["ro", "loop"]
      words += devices.map { "device=\($0)" }
      if offset > 0 { words.append("offset=\(offset)") }
      let command = ["mount", "-t", "erofs", "-o", words.joined(separator: ","), "--", image.string, directory.string]
      guard let status = UnmountTool.run(command) else {
        throw .system("mounting with the kernel's EROFS", image.string, Errno(rawValue: first))
      }
      guard status == 0 else { throw .fuse("mount -t erofs -o loop \(image)") }
      return .loop
    }

    private static func attempt(_ image: FilePath, _ directory: FilePath, _ options: [String]) -> Bool {
      image.withPlatformString { source in
        directory.withPlatformString { target in
          options.joined(separator: ",").withCString { Glibc.mount(source, target, "erofs", UInt(MS_RDONLY), $0) == 0 }
        }
      }
    }

    private static func isBlockDevice(_ path: FilePath) -> Bool {
      var status = stat()
      return path.withPlatformString { stat($0, &status) } == 0 && status.st_mode & S_IFMT == S_IFBLK
    }
  }
#endif
