// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// A sketch of a file system module for macOS, compiled only with -DEROFS_FSKIT, and so far parsed only. It shows which call of
// FSKit needs which one of FileSystemOperations. FSVolume.Operations also has calls that activate and mount, which need nothing
// of the image, and calls that change files, which fail with EROFS. A module that can be installed also needs an app around it,
// a signature, and an Info.plist with FSShortName and FSSupportsPathURLs.
#if canImport(FSKit) && EROFS_FSKIT
  import EROFS
  import FSKit
  import Foundation
  import SystemPackage

  /// What the extension's `fileSystem` returns.
  final class FSKitFileSystem: FSUnaryFileSystem, FSUnaryFileSystemOperations {
    func probeResource(resource: FSResource) async throws -> FSProbeResult {
      guard let image = resource as? FSPathURLResource, let storage = try? FileStorage(FilePath(image.url.path)),
        (try? Superblock(reading: storage)) != nil
      else { return .notRecognized }
      return .usable(name: image.url.lastPathComponent, containerID: FSContainerIdentifier(uuid: UUID()))
    }

    func loadResource(resource: FSResource, options: FSTaskOptions) async throws -> FSVolume {
      guard let image = resource as? FSPathURLResource else { throw POSIXError(.ENOTSUP) }
      let storage = try FileStorage(FilePath(image.url.path))
      let server = try ImageServer(storage, cacheBytes: 128 << 20) { line in NSLog("%@", line) }
      containerStatus = .ready
      return FSKitVolume(server, name: image.url.lastPathComponent)
    }

    func unloadResource(resource: FSResource, options: FSTaskOptions) async throws {}
  }

  /// An inode, by its number.
  final class FSKitItem: FSItem {
    let number: UInt64
    init(_ number: UInt64) { self.number = number }
  }

  /// Translates between FSKit and ``FileSystemOperations``, as `FuseOperations` does for libfuse.
  final class FSKitVolume: FSVolume, FSVolume.ReadWriteOperations {
    private let server: any FileSystemOperations

    init(_ server: any FileSystemOperations, name: String) {
      self.server = server
      super.init(volumeID: FSVolume.Identifier(uuid: UUID()), volumeName: FSFileName(string: name))
    }

    private func number(_ item: FSItem) -> UInt64 { (item as? FSKitItem)?.number ?? 1 }

    private func posix<Result>(_ body: () throws(SystemError) -> Result) throws -> Result {
      do throws(SystemError) { return try body() } catch { throw POSIXError(.init(rawValue: error.code) ?? .EIO) }
    }

    private func described(_ file: FileAttributes) -> FSItem.Attributes {
      let attributes = FSItem.Attributes()
      attributes.fileID = FSItem.Identifier(rawValue: file.inode) ?? .invalid
      attributes.mode = UInt32(file.permissions)
      attributes.linkCount = file.linkCount
      (attributes.uid, attributes.gid) = (file.userID, file.groupID)
      (attributes.size, attributes.allocSize) = (file.size, file.blocks * 512)
      attributes.type =
        switch file.kind {
        case .regular: .file
        case .directory: .directory
        case .symbolicLink: .symlink
        case .fifo: .fifo
        case .socket: .socket
        case .characterDevice: .charDevice
        case .blockDevice: .blockDevice
        }
      attributes.modifyTime = timespec(
        tv_sec: Int(file.modificationTime.seconds), tv_nsec: Int(file.modificationTime.nanoseconds))
      return attributes
    }

    func attributes(_ wanted: FSItem.GetAttributesRequest, of item: FSItem) async throws -> FSItem.Attributes {
      described(try posix { () throws(SystemError) in try server.attributes(of: number(item)) })
    }

    func lookupItem(named name: FSFileName, inDirectory directory: FSItem) async throws -> (FSItem, FSFileName) {
      let found = try name.data.withUnsafeBytes { bytes in
        try posix { () throws(SystemError) in try server.lookUp(bytes, in: number(directory)) }
      }
      guard let found else { throw POSIXError(.ENOENT) }
      return (FSKitItem(found.inode), name)
    }

    func readSymbolicLink(_ item: FSItem) async throws -> FSFileName {
      FSFileName(data: Data(try posix { () throws(SystemError) in try server.target(ofLink: number(item)) }))
    }

    /// The cookies of FSKit are those of ``FileSystemOperations``; an image never changes, so the verifier is constant.
    func enumerateDirectory(
      _ directory: FSItem, startingAt cookie: FSDirectoryCookie, verifier: FSDirectoryVerifier,
      attributes wanted: FSItem.GetAttributesRequest?, packer: FSDirectoryEntryPacker
    ) async throws -> FSDirectoryVerifier {
      try posix { () throws(SystemError) in
        try server.forEachEntry(
          of: number(directory), from: cookie.rawValue, withAttributes: wanted != nil
        ) { entry in
          packer.packEntry(
            name: FSFileName(data: Data(entry.name)), itemType: entry.kind == .directory ? .directory : .file,
            itemID: FSItem.Identifier(rawValue: entry.inode) ?? .invalid,
            nextCookie: FSDirectoryCookie(rawValue: entry.next), attributes: entry.attributes.map(described))
        }
      }
      return FSDirectoryVerifier(rawValue: 1)
    }

    func read(
      from item: FSItem, at offset: off_t, length: Int, into buffer: FSMutableFileDataBuffer
    ) async throws -> Int {
      try buffer.withUnsafeMutableBytes { target in
        var done = 0
        try posix { () throws(SystemError) in
          try server.read(number(item), at: UInt64(offset), count: min(length, target.count)) { pieces in
            for piece in pieces {
              target[done..<done + piece.count].copyBytes(from: piece)
              done += piece.count
            }
          }
        }
        return done
      }
    }

    func write(contents: Data, to item: FSItem, at offset: off_t) async throws -> Int { throw POSIXError(.EROFS) }
  }
#endif
