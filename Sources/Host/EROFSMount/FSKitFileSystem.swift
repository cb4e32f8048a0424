// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// A file system module for macOS 26, compiled only with -DEROFS_FSKIT, so that nothing else depends on it. `Tools/run fskit`
// checks it on Linux against declarations of FSKit (Tests/FSKitShape) and runs it; nobody has run it on a Mac yet. A module
// that can be installed also needs an app around it, whose extension conforms to UnaryFileSystemExtension and returns an
// FSKitFileSystem, a signature, and an Info.plist with FSShortName and FSSupportsPathURLs. Images are files: those on block
// devices would need a storage that reads by FSBlockDeviceResource.
#if canImport(FSKit) && EROFS_FSKIT
  import EROFS
  import FSKit
  import Foundation
  import SystemPackage

  /// What the extension's `fileSystem` returns: image files, each of which becomes a volume.
  public final class FSKitFileSystem: FSUnaryFileSystem, FSUnaryFileSystemOperations {
    /// The most bytes of decoded extents that a volume keeps.
    private static let cacheBytes = 128 << 20

    /// Runs `body` while the process may open the file, which a sandbox allows only for so long.
    private func accessing<Result>(_ url: URL, _ body: (FilePath) throws -> Result) throws -> Result {
      let isScoped = url.startAccessingSecurityScopedResource()
      defer { if isScoped { url.stopAccessingSecurityScopedResource() } }
      return try body(FilePath(url.path))
    }

    public func probeResource(resource: FSResource) async throws -> FSProbeResult {
      guard let image = resource as? FSPathURLResource else { return .notRecognized }
      let superblock = try? accessing(image.url) { try Superblock(reading: FileStorage($0)) }
      guard let superblock else { return .notRecognized }
      return .usable(
        name: superblock.volumeLabel ?? image.url.lastPathComponent,
        containerID: FSContainerIdentifier(uuid: superblock.identifier))
    }

    public func loadResource(resource: FSResource, options: FSTaskOptions) async throws -> FSVolume {
      guard let image = resource as? FSPathURLResource else { throw POSIXError(.EOPNOTSUPP) }
      // The file stays open, so it need not be opened again.
      let server = try accessing(image.url) {
        try ImageServer(FileStorage($0), cacheBytes: Self.cacheBytes) { line in NSLog("%@", line) }
      }
      containerStatus = .ready
      let superblock = server.superblock
      return FSKitVolume(
        server, identifier: superblock.identifier, name: superblock.volumeLabel ?? image.url.lastPathComponent, of: self
      )
    }

    /// The volume closes its file when it is released.
    public func unloadResource(resource: FSResource, options: FSTaskOptions) async throws {}
  }

  extension Superblock {
    private static func bytes(_ words: (UInt64, UInt64)) -> [UInt8] {
      withUnsafeBytes(of: (words.0.littleEndian, words.1.littleEndian)) { Array($0) }
    }

    fileprivate var identifier: UUID {
      Self.bytes(uuid).withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
    }

    /// The image's own name, if it has one.
    fileprivate var volumeLabel: String? {
      let bytes = Self.bytes(volumeName).prefix { $0 != 0 }
      return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }
  }
#endif
