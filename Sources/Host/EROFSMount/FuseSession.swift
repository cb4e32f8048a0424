// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

#if canImport(CFuse)
  import CFuse
  import HostSupport
  import SystemPackage

  /// A mount by libfuse.
  public final class FuseSession {
    public struct Options: Sendable {
      /// Shown as the mount's source.
      public var name = "erofs"
      /// As for `-o`: those of libfuse and the kernel, such as `allow_other`. Images are read-only, whatever they say.
      public var mountOptions: [String] = []
      /// Threads that serve requests: two more than processors, unless set, because some of them wait for the disk.
      public var threads = Threads.available + 2
      /// Whether libfuse shows each request on standard error.
      public var debug = false
      public init() {}
    }

    private let server: any FileSystemOperations
    private let session: OpaquePointer
    private let options: Options
    private var isMounted = false
    private var signals: SignalPipe?
    private let context: Unmanaged<FuseContext>

    /// - Throws: if libfuse refuses the options; it prints why on standard error.
    public init(_ server: any FileSystemOperations, _ options: Options) throws(MountError) {
      self.server = server
      self.options = options
      // A comma would begin another option, and a backslash takes the next character as it is.
      let name = options.name.replacing("\\", with: "\\\\").replacing(",", with: "\\,")
      var words = ["erofs", "-o", "ro,default_permissions,subtype=erofs,fsname=\(name)"]
      for option in options.mountOptions where option != "" && option != "rw" { words += ["-o", option] }
      if options.debug { words.append("-d") }
      context = Unmanaged.passRetained(FuseContext(server))
      var operations = makeFuseOperations()
      var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
      defer { for pointer in pointers { free(pointer) } }
      let made = erofs_fuse_new(Int32(words.count), &pointers, &operations, context.toOpaque())
      guard let made else {
        context.release()
        throw .fuse("starting FUSE")
      }
      session = made
    }

    deinit {
      unmount()
      fuse_session_destroy(session)
      context.release()
    }

    /// Mounts on a directory. SIGINT, SIGTERM and SIGHUP end the mount from here on.
    public func mount(on directory: FilePath) throws(MountError) {
      // Linux mounts on files too, and then takes the root, a directory, for broken.
      var status = stat()
      if directory.withPlatformString({ stat($0, &status) }) == 0, status.st_mode & S_IFMT != S_IFDIR {
        throw .notADirectory(directory.string)
      }
      guard let pipe = SignalPipe() else { throw .fuse("setting signal handlers") }
      signals = pipe
      erofs_fuse_unblock_signals()
      guard directory.withPlatformString({ fuse_session_mount(session, $0) }) == 0 else {
        restoreSignals()
        throw .fuse("mounting on \(directory)")
      }
      isMounted = true
    }

    /// Goes to the background, unless `foreground`: the calling process ends with status 0, as the mount is ready.
    ///
    /// Must be called while the process has only one thread.
    public func daemonize(foreground: Bool) throws(MountError) {
      guard fuse_daemonize(foreground ? 1 : 0) == 0 else { throw .fuse("going to the background") }
    }

    /// Lets the mount end with this process, even if that is killed: another process waits for its end, and unmounts.
    ///
    /// Must be called while the process has only one thread.
    public func endWithProcess(_ directory: FilePath) throws(MountError) {
      let result = directory.withPlatformString { erofs_fuse_watch($0) }
      guard result == 0 else {
        throw .system("starting a process that unmounts it", directory.string, Errno(rawValue: -result))
      }
    }

    /// Serves the mount until it is unmounted or a signal arrives.
    ///
    /// - Returns: the signal, or 0.
    public func serve() throws(MountError) -> Int32 {
      guard let signals, isMounted else { throw .fuse("serving what is not mounted") }
      let result = RequestLoop(session, server, threads: options.threads, signals).run()
      guard result >= 0 else { throw .system("serving", options.name, Errno(rawValue: -result)) }
      return result
    }

    /// Ends the mount from another thread, as a signal does.
    public func stop() { signals?.send() }

    public func unmount() {
      guard isMounted else { return }
      isMounted = false
      fuse_session_unmount(session)
      restoreSignals()
    }

    /// The pipe stays until the session ends, because another thread may want to write into it.
    private func restoreSignals() { signals?.restore() }
  }
#endif
