// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

#if canImport(CFuse)
  import EROFS
  import SystemPackage

  /// Mounts an image by FUSE and serves it until it is unmounted: all that `erofs mount` does.
  public struct Mounting: Sendable {
    public var image: FilePath
    public var devices: [FilePath] = []
    /// Where the image starts in its file, in bytes.
    public var offset: UInt64 = 0
    /// The most bytes of decoded extents that are kept.
    public var cacheBytes = 128 << 20
    /// Threads that decode ahead of sequential readers.
    public var prefetchers = 1
    /// Where the paths of the files that are read are written, in the order of their first reads.
    public var trace: FilePath?
    public var session = FuseSession.Options()
    public var foreground = false
    /// Seconds without a request after which the mount ends, unless it is in use; 0 for never.
    public var idleSeconds = 0

    public init(_ image: FilePath) { self.image = image }

    /// Mounts, and returns when the mount has ended. In the background, the calling process ends as soon as the mount is
    /// there, and it is another one that returns.
    ///
    /// - Parameter log: gets a line for each file that cannot be read.
    /// - Returns: the signal that ended it, or 0.
    public func run(on directory: FilePath, log: @escaping @Sendable (String) -> Void) throws(MountError) -> Int32 {
      let storage = try FileStorage(image, devices: devices, offset: offset)
      let trace = try trace.map { (path) throws(MountError) in try AccessTrace(path) }
      let server: ImageServer
      do throws(EROFSError) {
        server = try ImageServer(storage, cacheBytes: cacheBytes, prefetchers: prefetchers, trace: trace, log: log)
      } catch { throw .image(image.string, error) }
      var options = session
      options.name = image.string
      // Resolved while the process is where it was started: in the background it is in the root directory.
      let place = UnmountTool.absolute(directory)
      let session = try FuseSession(server, options)
      try session.mount(on: place)
      try session.daemonize(foreground: foreground)
      let watch = idleSeconds > 0 ? IdleWatch(server.counters, place, seconds: idleSeconds) : nil
      defer { watch?.stop() }
      return try session.serve()
    }
  }
#endif
