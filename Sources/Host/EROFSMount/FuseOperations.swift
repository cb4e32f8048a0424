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

  /// What libfuse passes back with each request.
  final class FuseContext {
    let server: any FileSystemOperations
    /// Whether the kernel can do without opening files and directories; set once, before the first request.
    fileprivate var opensNoFiles = false
    fileprivate var opensNoDirectories = false

    init(_ server: any FileSystemOperations) { self.server = server }

    fileprivate static func of(_ pointer: UnsafeMutableRawPointer?) -> FuseContext? {
      pointer.map { Unmanaged<FuseContext>.fromOpaque($0).takeUnretainedValue() }
    }

    fileprivate static func of(_ request: fuse_req_t?) -> FuseContext {
      Unmanaged<FuseContext>.fromOpaque(fuse_req_userdata(request)).takeUnretainedValue()
    }

    fileprivate static func server(of request: fuse_req_t?) -> any FileSystemOperations { of(request).server }
  }

  /// Seconds for which the kernel may keep names, attributes and data: an image does not change.
  private let forever = 1e9

  /// Runs a body that replies to a request; if it throws, the error is the reply.
  private func replying(_ request: fuse_req_t?, _ body: () throws(SystemError) -> Void) {
    do throws(SystemError) { try body() } catch { fuse_reply_err(request, error.code) }
  }

  extension FileAttributes {
    fileprivate var status: stat {
      var status = stat()
      status.st_ino = ino_t(inode)
      status.st_mode = mode_t(kind.mode | permissions)
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

  /// The most bytes of a read, which libfuse and the kernel agree on.
  private let longestRead = 1 << 20

  /// The most pieces of a reply: systems take 1024, of which libfuse uses one for its header.
  private let mostPieces = 1000

  private let wantedCapabilities = [
    FUSE_CAP_ASYNC_READ, FUSE_CAP_PARALLEL_DIROPS, FUSE_CAP_CACHE_SYMLINKS, FUSE_CAP_NO_OPEN_SUPPORT,
    FUSE_CAP_NO_OPENDIR_SUPPORT, FUSE_CAP_READDIRPLUS, FUSE_CAP_READDIRPLUS_AUTO, FUSE_CAP_EXPORT_SUPPORT,
    // Permissions are those of the image, with the access control lists among its attributes.
    FUSE_CAP_POSIX_ACL,
  ]

  func makeFuseOperations() -> fuse_lowlevel_ops {
    var operations = fuse_lowlevel_ops()
    operations.`init` = { user, connection in
      guard let connection else { return }
      if let context = FuseContext.of(user) {
        context.opensNoFiles = connection.pointee.capable & UInt32(FUSE_CAP_NO_OPEN_SUPPORT) != 0
        context.opensNoDirectories = connection.pointee.capable & UInt32(FUSE_CAP_NO_OPENDIR_SUPPORT) != 0
      }
      for capability in wantedCapabilities {
        connection.pointee.want |= connection.pointee.capable & UInt32(capability)
      }
      // Nothing is changed behind the kernel's back, so it need not look for that.
      connection.pointee.want &= ~UInt32(FUSE_CAP_AUTO_INVAL_DATA)
      connection.pointee.max_readahead = UInt32(longestRead)
    }
    operations.lookup = { request, parent, name in
      replying(request) { () throws(SystemError) in
        guard let name else { throw SystemError(code: EINVAL) }
        let count = strlen(name)
        guard count <= 255 else { throw SystemError(code: ENAMETOOLONG) }
        let found = try FuseContext.server(of: request).lookUp(
          UnsafeRawBufferPointer(start: name, count: count), in: parent)
        // Inode 0 means that there is no such entry, which the kernel may keep as well.
        var entry = fuse_entry_param()
        entry.entry_timeout = forever
        if let found { entry = found.entry }
        fuse_reply_entry(request, &entry)
      }
    }
    operations.getattr = { request, inode, _ in
      replying(request) { () throws(SystemError) in
        var status = try FuseContext.server(of: request).attributes(of: inode).status
        fuse_reply_attr(request, &status, forever)
      }
    }
    operations.readlink = { request, inode in
      replying(request) { () throws(SystemError) in
        let target = try FuseContext.server(of: request).target(ofLink: inode)
        _ = (target + [0]).withUnsafeBytes {
          fuse_reply_readlink(request, $0.baseAddress!.assumingMemoryBound(to: CChar.self))
        }
      }
    }
    operations.open = { request, _, file in
      guard let file else { return }
      guard file.pointee.flags & O_ACCMODE == O_RDONLY else {
        fuse_reply_err(request, EROFS)
        return
      }
      // A kernel that can do without takes this as the answer for all files, and keeps what it has read of them.
      if FuseContext.of(request).opensNoFiles {
        fuse_reply_err(request, ENOSYS)
      } else {
        erofs_fuse_keep(file, 0)
        fuse_reply_open(request, file)
      }
    }
    operations.opendir = { request, _, file in
      guard let file else { return }
      if FuseContext.of(request).opensNoDirectories {
        fuse_reply_err(request, ENOSYS)
      } else {
        erofs_fuse_keep(file, 1)
        fuse_reply_open(request, file)
      }
    }
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
        let value = try FuseContext.server(of: request).attribute(named: bytes, of: inode)
        try replyBytes(request, value, size)
      }
    }
    operations.listxattr = { request, inode, size in
      replying(request) { () throws(SystemError) in
        try replyBytes(request, try FuseContext.server(of: request).attributeNames(of: inode), size)
      }
    }
    operations.statfs = { request, _ in
      let statistics = FuseContext.server(of: request).statistics
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

  /// Replies with a value, or with its size if the caller has no buffer.
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
    // Pieces are sent from where they are.
    try FuseContext.server(of: request).read(inode, at: offset, count: count) { pieces in
      if pieces.count <= 1 {
        let piece = pieces.first
        fuse_reply_buf(request, piece?.baseAddress?.assumingMemoryBound(to: CChar.self), piece?.count ?? 0)
      } else if pieces.count <= mostPieces {
        let parts = pieces.map {
          iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count)
        }
        fuse_reply_iov(request, parts, Int32(parts.count))
      } else {
        let whole = pieces.flatMap { $0 }
        _ = whole.withUnsafeBytes {
          fuse_reply_buf(request, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
        }
      }
    }
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
    try FuseContext.server(of: request).forEachEntry(
      of: directory, from: UInt64(max(offset, 0)), withAttributes: plus
    ) { entry in
      name.withUnsafeMutableBytes {
        $0.copyMemory(from: entry.name)
        $0[entry.name.count] = 0
      }
      var status = stat()
      status.st_ino = ino_t(entry.inode)
      if let kind = entry.kind { status.st_mode = mode_t(kind.mode) }
      let needed: Int
      if plus {
        // Without attributes, the kernel takes the name only, and requests the rest when it needs it.
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
