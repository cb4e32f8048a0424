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
  import EROFS

  /// What libfuse hands back with each request.
  final class FuseContext {
    let server: any FileSystemOperations
    init(_ server: any FileSystemOperations) { self.server = server }

    static func of(_ request: fuse_req_t?) -> any FileSystemOperations {
      Unmanaged<FuseContext>.fromOpaque(fuse_req_userdata(request)).takeUnretainedValue().server
    }
  }

  /// An image does not change: the kernel may keep names, attributes and data as long as it likes. In seconds.
  private let forever = 1e9

  /// Runs the body of a request that replies by itself; a system error becomes the reply.
  private func replying(_ request: fuse_req_t?, _ body: () throws(SystemError) -> Void) {
    do throws(SystemError) { try body() } catch { fuse_reply_err(request, error.code) }
  }

  extension InodeKind {
    /// As a POSIX mode has it.
    fileprivate var typeBits: mode_t {
      switch self {
      case .regular: 0o100000
      case .directory: 0o040000
      case .characterDevice: 0o020000
      case .blockDevice: 0o060000
      case .fifo: 0o010000
      case .socket: 0o140000
      case .symbolicLink: 0o120000
      }
    }
  }

  extension FileAttributes {
    fileprivate var status: stat {
      var status = stat()
      status.st_ino = ino_t(inode)
      status.st_mode = kind.typeBits | mode_t(permissions)
      status.st_nlink = .init(linkCount)
      status.st_uid = userID
      status.st_gid = groupID
      if let device {
        let (major, minor) = (UInt64(device.major), UInt64(device.minor))
        let low: UInt64 = (minor & 0xFF) | (major & 0xFFF) << 8
        let high: UInt64 = (minor & ~0xFF) << 12 | (major & ~0xFFF) << 32
        status.st_rdev = dev_t(low | high)
      }
      status.st_size = off_t(size)
      status.st_blocks = .init(blocks)
      status.st_blksize = 4096
      let time = timespec(tv_sec: time_t(modificationTime.seconds), tv_nsec: Int(modificationTime.nanoseconds))
      status.st_mtim = time
      status.st_ctim = time
      status.st_atim = time
      return status
    }

    fileprivate var entry: fuse_entry_param {
      var entry = fuse_entry_param()
      entry.ino = inode
      entry.attr = status
      entry.attr_timeout = forever
      entry.entry_timeout = forever
      return entry
    }
  }

  /// The most bytes that a reader may ask for at once.
  private let longestRead = 1 << 20

  private let wantedCapabilities = [
    FUSE_CAP_ASYNC_READ, FUSE_CAP_PARALLEL_DIROPS, FUSE_CAP_CACHE_SYMLINKS, FUSE_CAP_NO_OPEN_SUPPORT,
    FUSE_CAP_NO_OPENDIR_SUPPORT, FUSE_CAP_READDIRPLUS, FUSE_CAP_READDIRPLUS_AUTO, FUSE_CAP_EXPORT_SUPPORT,
  ]

  func makeFuseOperations() -> fuse_lowlevel_ops {
    var operations = fuse_lowlevel_ops()
    operations.`init` = { _, connection in
      guard let connection else { return }
      for capability in wantedCapabilities { connection.pointee.want |= connection.pointee.capable & UInt32(capability) }
      connection.pointee.max_readahead = UInt32(longestRead)
    }
    operations.lookup = { request, parent, name in
      replying(request) { () throws(SystemError) in
        guard let name else { throw SystemError(code: EINVAL) }
        let count = strlen(name)
        guard count <= 255 else { throw SystemError(code: ENAMETOOLONG) }
        let found = try FuseContext.of(request).lookUp(UnsafeRawBufferPointer(start: name, count: count), in: parent)
        // Inode 0 says, for as long, that there is nothing.
        var entry = fuse_entry_param()
        entry.entry_timeout = forever
        if let found { entry = found.entry }
        fuse_reply_entry(request, &entry)
      }
    }
    operations.getattr = { request, inode, _ in
      replying(request) { () throws(SystemError) in
        var status = try FuseContext.of(request).attributes(of: inode).status
        fuse_reply_attr(request, &status, forever)
      }
    }
    operations.readlink = { request, inode in
      replying(request) { () throws(SystemError) in
        let target = try FuseContext.of(request).target(ofLink: inode)
        _ = (target + [0]).withUnsafeBytes {
          fuse_reply_readlink(request, $0.baseAddress!.assumingMemoryBound(to: CChar.self))
        }
      }
    }
    operations.open = { request, _, file in
      guard let file else { return }
      // Kernels that know NO_OPEN_SUPPORT take this for "do not ask again", and keep what they have read.
      guard file.pointee.flags & O_ACCMODE == O_RDONLY else {
        fuse_reply_err(request, EROFS)
        return
      }
      fuse_reply_err(request, ENOSYS)
    }
    operations.opendir = { request, _, _ in _ = fuse_reply_err(request, ENOSYS) }
    operations.read = { request, inode, size, offset, _ in
      replying(request) { () throws(SystemError) in
        let count = min(size, longestRead)
        guard offset >= 0 else { throw SystemError(code: EINVAL) }
        try replyData(request, inode, UInt64(offset), count)
      }
    }
    operations.readdir = { request, inode, size, offset, _ in
      replying(request) { () throws(SystemError) in try replyEntries(request, inode, size, offset, plus: false) }
    }
    operations.readdirplus = { request, inode, size, offset, _ in
      replying(request) { () throws(SystemError) in try replyEntries(request, inode, size, offset, plus: true) }
    }
    operations.getxattr = { request, inode, name, size in
      replying(request) { () throws(SystemError) in
        guard let name else { throw SystemError(code: EINVAL) }
        let bytes = UnsafeRawBufferPointer(start: name, count: strlen(name))
        let value = try FuseContext.of(request).attribute(named: bytes, of: inode)
        try replyBytes(request, value, size)
      }
    }
    operations.listxattr = { request, inode, size in
      replying(request) { () throws(SystemError) in
        try replyBytes(request, try FuseContext.of(request).attributeNames(of: inode), size)
      }
    }
    operations.statfs = { request, _ in
      let statistics = FuseContext.of(request).statistics
      var status = statvfs()
      status.f_bsize = UInt(statistics.blockSize)
      status.f_frsize = UInt(statistics.blockSize)
      status.f_blocks = .init(statistics.blocks)
      status.f_files = .init(statistics.inodes)
      status.f_namemax = 255
      fuse_reply_statfs(request, &status)
    }
    return operations
  }

  /// Replies with a value, or with its size where the caller asks for that.
  private func replyBytes(_ request: fuse_req_t?, _ value: [UInt8], _ size: Int) throws(SystemError) {
    if size == 0 {
      fuse_reply_xattr(request, value.count)
    } else if size < value.count {
      throw SystemError(code: ERANGE)
    } else {
      _ = value.withUnsafeBytes {
        fuse_reply_buf(request, $0.baseAddress?.assumingMemoryBound(to: CChar.self), value.count)
      }
    }
  }

  private func replyData(
    _ request: fuse_req_t?, _ inode: UInt64, _ offset: UInt64, _ count: Int
  ) throws(SystemError) {
    // A read that lies in one piece goes out from where it is; others are gathered.
    var isReplied = false
    var gathered: UnsafeMutableRawPointer?
    var used = 0
    defer { free(gathered) }
    try FuseContext.of(request).read(inode, at: offset, count: count) { piece in
      if used == 0, piece.count == count {
        fuse_reply_buf(request, piece.baseAddress?.assumingMemoryBound(to: CChar.self), count)
        isReplied = true
        return
      }
      if gathered == nil { gathered = malloc(count) }
      guard let gathered, let start = piece.baseAddress, used + piece.count <= count else { return }
      memcpy(gathered + used, start, piece.count)
      used += piece.count
    }
    if !isReplied { fuse_reply_buf(request, gathered?.assumingMemoryBound(to: CChar.self), used) }
  }

  private func replyEntries(
    _ request: fuse_req_t?, _ directory: UInt64, _ size: Int, _ offset: off_t, plus: Bool
  ) throws(SystemError) {
    let size = min(size, longestRead)
    guard let buffer = malloc(max(size, 1))?.assumingMemoryBound(to: CChar.self) else {
      throw SystemError(code: ENOMEM)
    }
    defer { free(buffer) }
    var used = 0
    var name = [CChar](repeating: 0, count: 256)
    try FuseContext.of(request).forEachEntry(
      of: directory, from: UInt64(max(offset, 0)), withAttributes: plus
    ) { entry in
      name.withUnsafeMutableBytes {
        $0.copyMemory(from: entry.name)
        $0[entry.name.count] = 0
      }
      var status = stat()
      status.st_ino = ino_t(entry.inode)
      if let kind = entry.kind { status.st_mode = kind.typeBits }
      let needed: Int
      if plus {
        // Without attributes the kernel learns the name only, and asks when it wants more.
        var parameters = entry.attributes?.entry ?? fuse_entry_param()
        if entry.attributes == nil { parameters.attr = status }
        needed = fuse_add_direntry_plus(request, buffer + used, size - used, &name, &parameters, off_t(entry.next))
      } else {
        needed = fuse_add_direntry(request, buffer + used, size - used, &name, &status, off_t(entry.next))
      }
      if needed > size - used { return false }
      used += needed
      return true
    }
    fuse_reply_buf(request, buffer, used)
  }
#endif
