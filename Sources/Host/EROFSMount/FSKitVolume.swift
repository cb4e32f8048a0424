// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

#if canImport(FSKit) && EROFS_FSKIT
  import EROFS
  import FSKit
  import Foundation
  import Synchronization

  /// An inode, by its number.
  ///
  /// FSKit wants one object for an inode, whatever its name was, until it reclaims it.
  final class FSKitItem: FSItem, @unchecked Sendable {
    let number: UInt64
    /// The directory in which it was found first; nil for the root.
    let directory: UInt64?

    init(_ number: UInt64, in directory: UInt64?) {
      self.number = number
      self.directory = directory
      super.init()
    }
  }

  /// Translates between FSKit and ``FileSystemOperations``, as `FuseOperations` does for libfuse.
  public final class FSKitVolume: FSVolume {
    private let server: any FileSystemOperations
    private let root = FSKitItem(1, in: nil)
    /// The items that FSKit has, without the root.
    private let items = Mutex<[UInt64: FSKitItem]>([:])
    private weak var fileSystem: FSUnaryFileSystem?

    public init(_ server: any FileSystemOperations, identifier: UUID, name: String, of fileSystem: FSUnaryFileSystem?) {
      self.server = server
      self.fileSystem = fileSystem
      super.init(volumeID: FSVolume.Identifier(uuid: identifier), volumeName: FSFileName(string: name))
    }

    // MARK: Translation

    /// FSKit has numbers of its own for no item, for the root's parent and for the root: 0, 1 and 2. In
    /// ``FileSystemOperations`` the root is 1 and all others are more, so one more than that is FSKit's number of each
    /// inode, of the root too. It cannot overflow: an inode's number has 63 bits.
    private func identifier(_ number: UInt64) -> FSItem.Identifier {
      FSItem.Identifier(rawValue: number + 1) ?? .invalid
    }

    private func known(_ item: FSItem) throws -> FSKitItem {
      guard let item = item as? FSKitItem else { throw POSIXError(.EINVAL) }
      return item
    }

    private func posix<Result>(_ body: () throws(SystemError) -> Result) throws -> Result {
      do throws(SystemError) { return try body() } catch { throw POSIXError(.init(rawValue: error.code) ?? .EIO) }
    }

    private var isReadOnly: POSIXError { POSIXError(.EROFS) }

    private func type(_ kind: InodeKind?) -> FSItem.ItemType {
      switch kind {
      case .regular: .file
      case .directory: .directory
      case .symbolicLink: .symlink
      case .fifo: .fifo
      case .socket: .socket
      case .characterDevice: .charDevice
      case .blockDevice: .blockDevice
      case nil: .unknown
      }
    }

    /// FSKit has no place for the numbers of a device.
    private func described(_ file: FileAttributes, in directory: UInt64?) -> FSItem.Attributes {
      let attributes = FSItem.Attributes()
      attributes.fileID = identifier(file.inode)
      attributes.parentID = file.inode == 1 ? .parentOfRoot : directory.map(identifier) ?? .invalid
      attributes.type = type(file.kind)
      attributes.mode = UInt32(file.kind.mode | file.permissions)
      attributes.linkCount = file.linkCount
      (attributes.uid, attributes.gid) = (file.userID, file.groupID)
      (attributes.size, attributes.allocSize) = (file.size, file.blocks &* 512)
      attributes.flags = 0
      let time = timespec(
        tv_sec: Int(file.modificationTime.seconds), tv_nsec: Int(file.modificationTime.nanoseconds))
      // An image has one time for an inode.
      (attributes.modifyTime, attributes.changeTime) = (time, time)
      (attributes.accessTime, attributes.birthTime) = (time, time)
      return attributes
    }
  }

  extension FSKitVolume: FSVolume.PathConfOperations {
    public var maximumLinkCount: Int { Int(UInt32.max) }
    public var maximumNameLength: Int { 255 }
    public var restrictsOwnershipChanges: Bool { true }
    public var truncatesLongNames: Bool { false }
    /// A file offset is signed.
    public var maximumFileSizeInBits: Int { 63 }
    /// The size of a value is stored in 16 bits.
    public var maximumXattrSize: Int { Int(UInt16.max) }
  }

  extension FSKitVolume: FSVolume.Operations {
    public var supportedVolumeCapabilities: FSVolume.SupportedCapabilities {
      let capabilities = FSVolume.SupportedCapabilities()
      capabilities.caseFormat = .sensitive
      capabilities.supportsHardLinks = true
      capabilities.supportsSymbolicLinks = true
      capabilities.supportsPersistentObjectIDs = true
      capabilities.supports64BitObjectIDs = true
      capabilities.supports2TBFiles = true
      capabilities.supportsFastStatFS = true
      capabilities.doesNotSupportSettingFilePermissions = true
      return capabilities
    }

    public var volumeStatistics: FSStatFSResult {
      let statistics = server.statistics
      let result = FSStatFSResult(fileSystemTypeName: "erofs")
      (result.blockSize, result.ioSize) = (statistics.blockSize, 1 << 20)
      (result.totalBlocks, result.usedBlocks) = (statistics.blocks, statistics.blocks)
      (result.freeBlocks, result.availableBlocks) = (0, 0)
      (result.totalFiles, result.freeFiles) = (statistics.inodes, 0)
      return result
    }

    @available(macOS 26.4, *)
    public var requestedMountOptions: FSVolume.MountOptions { .readOnly }

    public func activate(options: FSTaskOptions) async throws -> FSItem {
      // An error of the root is one of the volume.
      _ = try posix { () throws(SystemError) in try server.attributes(of: root.number) }
      fileSystem?.containerStatus = .active
      return root
    }

    public func deactivate(options: FSDeactivateOptions = []) async throws {
      items.withLock { $0 = [:] }
      fileSystem?.containerStatus = .ready
    }

    public func mount(options: FSTaskOptions) async throws {}
    public func unmount() async {}
    public func synchronize(flags: FSSyncFlags) async throws {}

    public func attributes(_ wanted: FSItem.GetAttributesRequest, of item: FSItem) async throws -> FSItem.Attributes {
      let item = try known(item)
      return described(
        try posix { () throws(SystemError) in try server.attributes(of: item.number) }, in: item.directory)
    }

    public func lookupItem(
      named name: FSFileName, inDirectory directory: FSItem
    ) async throws -> (FSItem, FSFileName) {
      let directory = try known(directory).number
      let found = try name.data.withUnsafeBytes { bytes in
        try posix { () throws(SystemError) in try server.lookUp(bytes, in: directory) }
      }
      guard let number = found?.inode else { throw POSIXError(.ENOENT) }
      if number == root.number { return (root, name) }
      let item = items.withLock { items in
        if let item = items[number] { return item }
        let item = FSKitItem(number, in: directory)
        items[number] = item
        return item
      }
      return (item, name)
    }

    public func reclaimItem(_ item: FSItem) async throws {
      let item = try known(item)
      items.withLock { if $0[item.number] === item { $0[item.number] = nil } }
    }

    public func readSymbolicLink(_ item: FSItem) async throws -> FSFileName {
      let number = try known(item).number
      return FSFileName(data: Data(try posix { () throws(SystemError) in try server.target(ofLink: number) }))
    }

    /// The cookies are those of ``FileSystemOperations``. An image never changes, so the verifier is always the same.
    public func enumerateDirectory(
      _ directory: FSItem, startingAt cookie: FSDirectoryCookie, verifier: FSDirectoryVerifier,
      attributes wanted: FSItem.GetAttributesRequest?, packer: FSDirectoryEntryPacker
    ) async throws -> FSDirectoryVerifier {
      let directory = try known(directory).number
      try posix { () throws(SystemError) in
        try server.forEachEntry(
          of: directory, from: cookie == .initial ? 0 : cookie.rawValue, withAttributes: wanted != nil
        ) { entry in
          // FSKit wants the entries of the directory itself and of its parent only without attributes.
          if wanted != nil, entry.name.elementsEqual([0x2E]) || entry.name.elementsEqual([0x2E, 0x2E]) { return true }
          return packer.packEntry(
            name: FSFileName(data: Data(entry.name)), itemType: type(entry.kind), itemID: identifier(entry.inode),
            nextCookie: FSDirectoryCookie(entry.next),
            attributes: entry.attributes.map { described($0, in: directory) })
        }
      }
      // 0 would mean that nothing has been enumerated yet.
      return FSDirectoryVerifier(1)
    }

    // MARK: What would change the image

    public func setAttributes(
      _ newAttributes: FSItem.SetAttributesRequest, on item: FSItem
    ) async throws -> FSItem.Attributes { throw isReadOnly }

    public func createItem(
      named name: FSFileName, type: FSItem.ItemType, inDirectory directory: FSItem,
      attributes newAttributes: FSItem.SetAttributesRequest
    ) async throws -> (FSItem, FSFileName) { throw isReadOnly }

    public func createSymbolicLink(
      named name: FSFileName, inDirectory directory: FSItem, attributes newAttributes: FSItem.SetAttributesRequest,
      linkContents contents: FSFileName
    ) async throws -> (FSItem, FSFileName) { throw isReadOnly }

    public func createLink(
      to item: FSItem, named name: FSFileName, inDirectory directory: FSItem
    ) async throws -> FSFileName { throw isReadOnly }

    public func removeItem(
      _ item: FSItem, named name: FSFileName, fromDirectory directory: FSItem
    ) async throws { throw isReadOnly }

    public func renameItem(
      _ item: FSItem, inDirectory sourceDirectory: FSItem, named sourceName: FSFileName, to destinationName: FSFileName,
      inDirectory destinationDirectory: FSItem, overItem: FSItem?
    ) async throws -> FSFileName { throw isReadOnly }
  }

  extension FSKitVolume: FSVolume.ReadWriteOperations {
    public func read(
      from item: FSItem, at offset: off_t, length: Int, into buffer: FSMutableFileDataBuffer
    ) async throws -> Int {
      let number = try known(item).number
      guard let start = UInt64(exactly: offset), length >= 0 else { throw POSIXError(.EINVAL) }
      return try buffer.withUnsafeMutableBytes { target in
        var done = 0
        try posix { () throws(SystemError) in
          try server.read(number, at: start, count: min(length, target.count)) { pieces in
            for piece in pieces {
              target[done..<done + piece.count].copyBytes(from: piece)
              done += piece.count
            }
          }
        }
        return done
      }
    }

    public func write(contents: Data, to item: FSItem, at offset: off_t) async throws -> Int { throw isReadOnly }
  }

  extension FSKitVolume: FSVolume.XattrOperations {
    public func xattr(named name: FSFileName, of item: FSItem) async throws -> Data {
      let number = try known(item).number
      return try name.data.withUnsafeBytes { bytes in
        Data(try posix { () throws(SystemError) in try server.attribute(named: bytes, of: number) })
      }
    }

    public func xattrs(of item: FSItem) async throws -> [FSFileName] {
      let number = try known(item).number
      let names = try posix { () throws(SystemError) in try server.attributeNames(of: number) }
      return names.split(separator: 0).map { FSFileName(data: Data($0)) }
    }

    public func setXattr(
      named name: FSFileName, to value: Data?, on item: FSItem, policy: FSVolume.SetXattrPolicy
    ) async throws { throw isReadOnly }
  }
#endif
