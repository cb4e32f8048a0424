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
/// archive too.
///
/// Nothing is believed that a digest can prove. It may be shared between threads.
public final class ImageLayout: Sendable {
  private enum Place: Sendable {
    case directory(FilePath)
    case archive(Tree)
  }

  /// Where it is.
  public let path: FilePath
  private let place: Place

  /// Documents are read into memory.
  private static let longestDocument: UInt64 = 4 << 20
  /// Indexes in indexes, and references of all of them.
  private static let (deepest, mostReferences) = (4, 4096)

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

  // MARK: Blobs

  /// Bytes of a file.
  struct Blob: Sendable {
    let file: OpenFile
    let range: Range<UInt64>
  }

  private func blob(at name: String) throws -> Blob {
    switch place {
    case .directory(let directory):
      let file: OpenFile
      do { file = try OpenFile.file(directory.appending(name).string) } catch {
        throw LayoutError.unusable("\(directory.appending(name))", "\(Errno(rawValue: errno))")
      }
      var status = stat()
      guard fstat(file.descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
        throw LayoutError.unusable("\(directory.appending(name))", "it is no regular file")
      }
      return Blob(file: file, range: 0..<UInt64(status.st_size))
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

  /// A blob of the size that its descriptor says; its digest is not checked.
  func blob(_ descriptor: BlobDescriptor) throws -> Blob {
    let blob = try blob(at: "blobs/sha256/\(descriptor.digest.digits)")
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

  private func parsed(_ bytes: [UInt8], _ name: String) throws(LayoutError) -> JSON {
    do throws(JSONParser.Failure) { return try JSONParser.value(bytes) } catch { throw .unusable(name, "\(error)") }
  }

  /// A blob that is JSON, and what its digest says.
  private func document(_ descriptor: BlobDescriptor) throws -> JSON {
    let name = "blob \(descriptor.digest)"
    let bytes = try document(blob(descriptor), name)
    let sum = SHA256()
    bytes.withUnsafeBytes { sum.update($0) }
    let found = BlobDigest(sum.finish())
    guard found == descriptor.digest else { throw LayoutError.digest("\(descriptor.digest)", found: "\(found)") }
    return try parsed(bytes, name)
  }

  // MARK: Images

  /// The image for a platform.
  ///
  /// - Parameters:
  ///   - platform: nil for ``ContainerPlatform/current`` if there are several.
  ///   - name: what the layout's index calls it; nil if it has one name only, or none.
  /// - Throws: ``LayoutError`` also if there is none, or several that could be meant.
  public func manifest(for platform: ContainerPlatform? = nil, named name: String? = nil) throws -> ImageManifest {
    let index = try parsed(document(blob(at: "index.json"), "index.json"), "index.json")
    var references = try Self.references(index, "index.json")
    let names = references.map { $0.name ?? "without a name" }
    if let name {
      references = references.filter { $0.name == name }
      guard !references.isEmpty else { throw LayoutError.noImage(wanted: "named \(name)", found: names) }
    }
    var found: [(descriptor: BlobDescriptor, name: String?)] = []
    var seen = 0
    for reference in references { try collect(reference, reference.name, &found, &seen, depth: 0) }
    if found.count > 1 || platform != nil {
      let wanted = platform ?? .current
      let all = found.map { $0.descriptor.platform.map { "\($0)" } ?? "for no platform" }
      found = try found.filter { reference in
        guard let own = try reference.descriptor.platform ?? self.platform(of: reference.descriptor) else {
          return false
        }
        return wanted.accepts(own)
      }
      if found.isEmpty { throw LayoutError.noImage(wanted: "for \(wanted)", found: all) }
      let exact = found.filter { $0.descriptor.platform == wanted }
      if found.count > 1, !exact.isEmpty { found = exact }
    }
    // One image may have several names.
    guard let first = found.first else { throw LayoutError.noImage(wanted: "at all", found: []) }
    guard Set(found.map(\.descriptor.digest)).count == 1 else {
      throw LayoutError.ambiguous(found.map { $0.name ?? "\($0.descriptor.digest)" })
    }
    let json = try document(first.descriptor)
    guard let configuration = json["config"] else {
      throw LayoutError.unusable("manifest \(first.descriptor.digest)", "it has no configuration")
    }
    let descriptor = try BlobDescriptor(configuration, in: "manifest \(first.descriptor.digest)")
    return try ImageManifest(first.descriptor.digest, json, configuration: document(descriptor))
  }

  private static func references(_ index: JSON, _ name: String) throws(LayoutError) -> [BlobDescriptor] {
    guard let list = index["manifests"]?.elements else { throw .unusable(name, "it is no index: it has no manifests") }
    guard list.count <= mostReferences else { throw .unusable(name, "it lists \(list.count) manifests") }
    var references: [BlobDescriptor] = []
    for json in list { references.append(try BlobDescriptor(json, in: name)) }
    return references
  }

  private func collect(
    _ reference: BlobDescriptor, _ name: String?, _ found: inout [(descriptor: BlobDescriptor, name: String?)],
    _ seen: inout Int, depth: Int
  ) throws {
    seen += 1
    guard seen <= Self.mostReferences else {
      throw LayoutError.unusable("\(path)", "its indexes have more than \(Self.mostReferences) references")
    }
    if reference.isManifest {
      // Statements about an image are listed like images.
      if reference.annotations["vnd.docker.reference.type"] == nil { found.append((reference, name)) }
    } else if reference.isIndex {
      guard depth < Self.deepest else {
        throw LayoutError.unusable("index \(reference.digest)", "there are too many indexes in each other")
      }
      for inner in try Self.references(document(reference), "index \(reference.digest)") {
        try collect(inner, name, &found, &seen, depth: depth + 1)
      }
    }
  }

  /// As its configuration says.
  private func platform(of manifest: BlobDescriptor) throws -> ContainerPlatform? {
    guard let configuration = try document(manifest)["config"] else { return nil }
    return ContainerPlatform(try document(BlobDescriptor(configuration, in: "manifest \(manifest.digest)")))
  }
}

extension ImageLayout.Blob {
  /// All bytes, part by part.
  func forEachPart(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: min(1 << 20, max(1, range.count)), alignment: 64)
    defer { buffer.deallocate() }
    var at = range.lowerBound
    while at < range.upperBound {
      let part = UnsafeMutableRawBufferPointer(
        rebasing: buffer[..<min(buffer.count, Int(range.upperBound - at))])
      let count = pread(file.descriptor, part.baseAddress, part.count, off_t(at))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        throw LayoutError.unusable("a blob", count == 0 ? "its file was cut short" : "\(Errno(rawValue: errno))")
      }
      try body(UnsafeRawBufferPointer(rebasing: part[..<count]))
      at += UInt64(count)
    }
  }
}
