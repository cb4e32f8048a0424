// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

#if os(Linux)
  import SystemPackage

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// mount(2), by a name that ``KernelMount`` does not hide.
  private func systemMount(
    _ source: UnsafePointer<CChar>, _ target: UnsafePointer<CChar>, _ flags: UInt, _ options: UnsafePointer<CChar>
  ) -> Int32 { mount(source, target, "erofs", flags, options) }

  /// Mounts images by the kernel's own EROFS.
  public enum KernelMount {
    /// How the kernel reads the image.
    public enum Way: String, Sendable {
      case blockDevice = "a block device"
      case file = "the file itself"
      case loop = "a loop device"
    }

    /// Mounts an image, read-only whatever the options say.
    ///
    /// - Parameters:
    ///   - options: of EROFS, such as `cache_strategy=disabled`, and of mount(8), such as `nosuid`.
    ///   - offset: of the image in its file, in bytes.
    /// - Throws: the kernel's error. What is wrong with an image is in the kernel's log.
    public static func mount(
      _ image: FilePath, devices: [FilePath] = [], offset: UInt64 = 0, options: [String] = [], on directory: FilePath
    ) throws(MountError) -> Way {
      var flags = UInt(MS_RDONLY)
      var words: [String] = []
      for option in options where !["ro", "rw", "loop", ""].contains(option) {
        if let flag = Self.flags[option] {
          flags |= flag
        } else if !Self.defaults.contains(option) {
          words.append(option)
        }
      }
      words += devices.map { "device=\($0)" }
      if offset > 0 { words.append("fsoffset=\(offset)") }
      if attempt(image, directory, flags, words) { return isBlockDevice(image) ? .blockDevice : .file }
      let first = errno
      // Linux before 6.12, and a kernel built without it, mounts block devices only.
      guard first == ENOTBLK || offset > 0 else {
        throw .system("mounting by the kernel", image.string, Errno(rawValue: first))
      }
      words = options.filter { !["ro", "rw", "loop", ""].contains($0) } + ["ro", "loop"]
      words += devices.map { "device=\($0)" }
      if offset > 0 { words.append("offset=\(offset)") }
      let command = ["mount", "-t", "erofs", "-o", words.joined(separator: ","), "--", image.string, directory.string]
      guard let status = UnmountTool.run(command) else {
        throw .system("mounting by the kernel", image.string, Errno(rawValue: first))
      }
      guard status == 0 else { throw .fuse("mounting by the kernel, with mount -t erofs -o loop \(image),") }
      return .loop
    }

    /// Options that are flags of mount(2), and not options of EROFS.
    private static let flags: [String: UInt] = [
      "nosuid": UInt(MS_NOSUID), "nodev": UInt(MS_NODEV), "noexec": UInt(MS_NOEXEC), "noatime": UInt(MS_NOATIME),
      "nodiratime": UInt(MS_NODIRATIME), "relatime": UInt(MS_RELATIME), "strictatime": UInt(MS_STRICTATIME),
      "silent": UInt(MS_SILENT), "sync": UInt(MS_SYNCHRONOUS), "dirsync": UInt(MS_DIRSYNC),
    ]
    /// What holds anyway.
    private static let defaults: Set = ["suid", "dev", "exec", "atime", "diratime", "async", "loud", "norelatime"]

    private static func attempt(
      _ image: FilePath, _ directory: FilePath, _ flags: UInt, _ options: [String]
    ) -> Bool {
      image.withPlatformString { source in
        directory.withPlatformString { target in
          options.joined(separator: ",").withCString { systemMount(source, target, flags, $0) == 0 }
        }
      }
    }

    private static func isBlockDevice(_ path: FilePath) -> Bool {
      var status = stat()
      return path.withPlatformString { stat($0, &status) } == 0 && status.st_mode & S_IFMT == S_IFBLK
    }
  }
#endif
