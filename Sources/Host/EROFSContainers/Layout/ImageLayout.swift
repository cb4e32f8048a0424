// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Digests
import EROFSTar
import EROFSTools
import EROFSTree
import SystemPackage

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Container images on disk as OCI's image layout has them: a directory, or a tar archive of one. `docker save` makes such an
/// archive too. Blobs of other stores are taken one by one.
///
/// Nothing is believed that a digest can prove. It may be shared between threads.
public final class ImageLayout: Sendable {
  private enum Place: Sendable {
    case directory(FilePath)
    case archive(Tree)
    case files([BlobDigest: FilePath])
  }

  /// Where it is; the directory of its first blob if those are anywhere.
  public let path: FilePath
  private let place: Place

  /// Bytes of a document, which is read into memory.
  static let longestDocument: UInt64 = 4 << 20

  /// Opens a layout.
  ///
  /// - Parameters:
  ///   - path: a directory, or a tar archive of it.
  ///   - output: what will be made of it, beside which an archive waits, in a file without a name, that is compressed.
  /// - Throws: ``LayoutError``, `TreeError` if it is neither.
  public init(_ path: FilePath, besideOutputAt output: FilePath) throws {
    self.path = path
    var status = stat()
    guard path.withPlatformString({ stat($0, &status) }) == 0 else {
      throw LayoutError.unusable("\(path)", "\(Errno(rawValue: errno))")
    }
    if status.st_mode & S_IFMT == S_IFDIR {
      place = .directory(path)
    } else {
      place = .archive(try TarOrigin(OpenFile.file(path.string), besideOutputAt: output).read())
    }
  }

  /// Blobs that some other store has, each in a file. There is no index: images are asked for by the digests of their
  /// manifests, ``manifest(at:)``.
  ///
  /// - Parameter blobs: at least the manifest, its configuration and its layers.
  public init(blobs: [BlobDigest: FilePath]) {
    path = blobs.values.first?.removingLastComponent() ?? FilePath()
    place = .files(blobs)
  }

  // MARK: Blobs

  /// Bytes of a file.
  struct Blob: Sendable {
    let file: OpenFile
    let range: Range<UInt64>
  }

  private func blob(at name: String) throws -> Blob {
    switch place {
    case .directory(let directory): return try Self.blob(file: directory.appending(name))
    case .files:
      throw LayoutError.unusable(name, "these are blobs without an index")
    case .archive(let tree):
      guard let entry = tree.entry(at: name), tree.kind(of: entry) == .regular else {
        throw LayoutError.unusable(name, "the archive does not have it")
      }
      guard case .range(let file, let offset, let length)? = tree.content(of: tree.inode(of: entry)) else {
        throw LayoutError.unusable(name, "it is empty or sparse")
      }
      return Blob(file: file, range: offset..<offset + length)
    }
  }

  private static func blob(file path: FilePath) throws -> Blob {
    let file: OpenFile
    do { file = try OpenFile.file(path.string) } catch {
      throw LayoutError.unusable("\(path)", "\(Errno(rawValue: errno))")
    }
    var status = stat()
    guard fstat(file.descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw LayoutError.unusable("\(path)", "it is no regular file")
    }
    return Blob(file: file, range: 0..<UInt64(status.st_size))
  }

  private func blob(of digest: BlobDigest) throws -> Blob {
    guard case .files(let files) = place else { return try blob(at: "blobs/sha256/\(digest.digits)") }
    guard let path = files[digest] else { throw LayoutError.unusable("blob \(digest)", "it is not there") }
    return try Self.blob(file: path)
  }

  /// A blob of the size that its descriptor says; its digest is not checked.
  func blob(_ descriptor: BlobDescriptor) throws -> Blob {
    let blob = try blob(of: descriptor.digest)
    let size = UInt64(blob.range.count)
    guard size == descriptor.size else {
      throw LayoutError.size("\(descriptor.digest)", size, wanted: descriptor.size)
    }
    return blob
  }

  private func document(_ blob: Blob, _ name: String) throws -> [UInt8] {
    guard blob.range.count <= Self.longestDocument else {
      throw LayoutError.unusable(name, "it is too long: \(blob.range.count) bytes")
    }
    var bytes: [UInt8] = []
    try blob.forEachPart { bytes += $0 }
    return bytes
  }

  /// A blob that is JSON, and what its digest says.
  private func document(_ descriptor: BlobDescriptor) throws -> JSON {
    let name = "blob \(descriptor.digest)"
    let bytes = try document(blob(descriptor), name)
    let found = BlobDigest.of(bytes)
    guard found == descriptor.digest else { throw LayoutError.digest("\(descriptor.digest)", found: "\(found)") }
    return try JSONParser.document(bytes, name)
  }

  // MARK: Images

  /// The image for a platform.
  ///
  /// - Parameters:
  ///   - platform: nil for ``ContainerPlatform/current`` if there are several.
  ///   - name: what the layout's index calls it; nil if it has one name only, or none.
  /// - Throws: ``LayoutError`` also if there is none, or several that could be meant.
  public func manifest(for platform: ContainerPlatform? = nil, named name: String? = nil) throws -> ImageManifest {
    let index = try JSONParser.document(document(blob(at: "index.json"), "index.json"), "index.json")
    var references = try ImageSelection.references(index, "index.json")
    let names = references.map { $0.name ?? "without a name" }
    if let name {
      references = references.filter { $0.name == name }
      guard !references.isEmpty else { throw LayoutError.noImage(wanted: "named \(name)", found: names) }
    }
    return try ImageSelection(place: "\(path)", document: document).manifest(of: references, for: platform)
  }

  /// The image of a manifest.
  ///
  /// - Parameter digest: the manifest's own, not that of an index.
  /// - Throws: ``LayoutError``.
  public func manifest(at digest: BlobDigest) throws -> ImageManifest {
    let size = UInt64(try blob(of: digest).range.count)
    let json = try document(BlobDescriptor(mediaType: "", digest: digest, size: size))
    let configuration = try ImageManifest.configuration(of: json, "manifest \(digest)")
    return try ImageManifest(digest, json, configuration: document(configuration))
  }
}

extension ImageLayout.Blob {
  /// All bytes, part by part.
  func forEachPart(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: min(1 << 20, max(1, range.count)), alignment: 64)
    defer { buffer.deallocate() }
    var at = 0
    while at < range.count {
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(range.count - at))
      let count = try read(some: part, at: at)
      try body(UnsafeRawBufferPointer(rebasing: part[..<count]))
      at += count
    }
  }

  /// Its first bytes, as many as there is room for; it must have them.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws {
    var done = 0
    while done < buffer.count {
      done += try read(some: UnsafeMutableRawBufferPointer(rebasing: buffer[done...]), at: done)
    }
  }

  func starts(with bytes: [UInt8]) throws -> Bool {
    guard range.count >= bytes.count else { return false }
    var first = bytes
    try first.withUnsafeMutableBytes { try read(into: $0) }
    return first == bytes
  }

  /// At least one byte.
  private func read(some buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws -> Int {
    while true {
      let count = pread(
        file.descriptor, buffer.baseAddress, buffer.count, off_t(range.lowerBound) + off_t(offset))
      if count > 0 { return count }
      if count < 0, errno == EINTR { continue }
      throw LayoutError.unusable("a blob", count == 0 ? "its file was cut short" : "\(Errno(rawValue: errno))")
    }
  }
}
