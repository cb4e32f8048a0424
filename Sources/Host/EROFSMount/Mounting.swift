// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

#if canImport(CFuse)
  import CFuse
  import EROFS
  import HostSupport
  import SystemPackage

  /// Mounts an image by FUSE and serves it until it is unmounted: all that `erofs mount` does.
  public struct Mounting: Sendable {
    public var image: FilePath
    public var devices: [FilePath] = []
    /// Offset of the image in its file, in bytes.
    public var offset: UInt64 = 0
    /// The most bytes of decoded extents that are kept.
    public var cacheBytes = 128 << 20
    /// Threads that decode ahead of sequential readers: as many as processors, at most 8, unless set.
    public var prefetchers = min(Threads.available, 8)
    /// A file for the paths of the files that are read, in the order of their first reads.
    public var trace: FilePath?
    public var session = FuseSession.Options()
    public var foreground = false
    /// Seconds without a request after which the mount ends, unless it is in use; 0 for never.
    public var idleSeconds = 0

    public init(_ image: FilePath) { self.image = image }

    /// Mounts, and returns when the mount has ended. Unless `foreground`, the calling process exits as soon as the mount is
    /// ready, and this function returns in another process.
    ///
    /// - Parameter log: receives one line for each file that cannot be read.
    /// - Returns: the signal that ended it, or 0.
    public func run(on directory: FilePath, log: @escaping @Sendable (String) -> Void) throws(MountError) -> Int32 {
      let inherited = foreground ? [] : InheritedDescriptors.all
      let storage = try FileStorage(image, devices: devices, offset: offset)
      let trace = try trace.map { (path) throws(MountError) in try AccessTrace(path) }
      let server: ImageServer
      do throws(EROFSError) {
        server = try ImageServer(storage, cacheBytes: cacheBytes, prefetchers: prefetchers, trace: trace, log: log)
      } catch { throw .image(image.string, error) }
      var options = session
      options.name = image.string
      // Resolved now: in the background, the working directory is the root.
      let place = UnmountTool.absolute(directory)
      let session = try FuseSession(server, options)
      try session.mount(on: place)
      try session.daemonize(foreground: foreground)
      // Whoever waits until they are closed waits for the end of the command, and not for that of the mount.
      for descriptor in inherited { try? descriptor.close() }
      try session.endWithProcess(place)
      erofs_fuse_return_memory()
      let watch = idleSeconds > 0 ? IdleWatch(server.counters, place, seconds: idleSeconds) : nil
      defer { watch?.stop() }
      return try session.serve()
    }
  }
#endif
