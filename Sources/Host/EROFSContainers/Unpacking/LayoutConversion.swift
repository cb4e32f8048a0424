// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Digests
import EROFSBuilder
import EROFSTools
import EROFSTree
import HostSupport
import SystemPackage

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Makes an image layout of another, with the layers of one container image as EROFS images, for those who store and send such
/// images. Its configuration stays as it is but for what says that the layers are other ones.
public struct LayoutConversion: Sendable {
  /// What the layers' images shall be like, and whether hashes for dm-verity follow them; its form does not count.
  public var unpacking = LayoutUnpacking()
  /// What the layers are said to be: containerd 2.3 knows `application/vnd.erofs.layer.v1`, and the draft of a specification of
  /// EROFS layers has `application/vnd.erofs`.
  public var mediaType = "application/vnd.erofs.layer.v1"

  public init() {}

  /// Converts the layers, several at once, and writes the layout: a directory, which appears under its name when it is
  /// complete.
  ///
  /// - Parameters:
  ///   - manifest: an image of `layout`.
  ///   - layout: where its blobs are.
  ///   - output: a directory that must not be there yet.
  ///   - name: what the new layout calls the image; nil for no name.
  ///   - progress: may return false to end it with ``LayoutError/cancelled``.
  /// - Returns: the digest of the new manifest.
  /// - Throws: as ``LayoutUnpacking/unpack(_:of:at:progress:)``.
  @discardableResult
  public func convert(
    _ manifest: ImageManifest, of layout: ImageLayout, at output: FilePath, named name: String? = nil,
    progress: @escaping @Sendable (LayoutUnpacking.Progress) -> Bool = { _ in true }
  ) throws -> BlobDigest {
    let folder = try OutputFolder(output)
    let blobs = try BlobWriter(folder)
    var work = unpacking
    work.form = .layers
    let layers = folder.inner("layers")
    let images = try work.unpack(manifest, of: layout, at: layers, progress: progress)
    var descriptors: [JSON] = []
    var digests: [JSON] = []
    for image in images {
      let digest = try blobs.take(image.path)
      digests.append(.string("\(digest.digest)"))
      var members: [JSON.Member] = [
        ("mediaType", .string(mediaType)), ("digest", .string("\(digest.digest)")), ("size", JSON(digest.size)),
      ]
      if let tree = image.hashTree {
        members.append(
          (
            "annotations",
            [
              "org.erofs.dmverity.hash_offset": .string("\(tree.offset)"),
              "org.erofs.dmverity.root_digest": .string("\(BlobDigest(tree.rootDigest))"),
              "org.erofs.dmverity.block_size": .string("\(tree.blockSize)"),
            ]
          ))
      }
      descriptors.append(.object(members))
    }
    OutputFolder.removeAll(layers)

    let features: JSON = .array(
      (manifest.configuration["os.features"]?.elements ?? []).filter { $0.text != "erofs" } + ["erofs"])
    let configuration = manifest.configuration
      .setting("os.features", features).setting("rootfs", ["type": "layers", "diff_ids": .array(digests)])
    let config = try blobs.add(configuration, "application/vnd.oci.image.config.v1+json")
    let made = manifest.json.setting("mediaType", "application/vnd.oci.image.manifest.v1+json")
      .setting("config", config).setting("layers", .array(descriptors))
    var reference = try blobs.add(made, "application/vnd.oci.image.manifest.v1+json")
    if let platform = manifest.platform {
      var members: [JSON.Member] = [("os", .string(platform.system)), ("architecture", .string(platform.architecture))]
      if !platform.variant.isEmpty { members.append(("variant", .string(platform.variant))) }
      reference = reference.setting("platform", .object(members + [("os.features", features)]))
    }
    if let name {
      reference = reference.setting("annotations", ["org.opencontainers.image.ref.name": .string(name)])
    }
    let index: JSON = [
      "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [reference],
    ]
    try folder.write(Array(index.text(pretty: false).utf8), at: folder.inner("index.json"))
    try folder.write(Array("{\"imageLayoutVersion\":\"1.0.0\"}".utf8), at: folder.inner("oci-layout"))
    try folder.publish()
    return BlobDigest(reference["digest"]!.text!)!
  }
}

/// The blobs of a layout in the making.
private struct BlobWriter {
  private let folder: OutputFolder
  private let blobs: FilePath

  init(_ folder: OutputFolder) throws {
    self.folder = folder
    _ = try folder.makeFolder("blobs")
    blobs = try folder.makeFolder("blobs/sha256")
  }

  /// Gives a file the name of its digest.
  func take(_ path: FilePath) throws -> (digest: BlobDigest, size: UInt64) {
    let file = try OpenFile.file(path.string)
    var status = stat()
    guard fstat(file.descriptor, &status) == 0 else {
      throw LayoutError.unusable("\(path)", "\(Errno(rawValue: errno))")
    }
    let sum = SHA256()
    let size = UInt64(status.st_size)
    try ImageLayout.Blob(file: file, range: 0..<size).forEachPart { sum.update($0) }
    let digest = BlobDigest(sum.finish())
    let name = blobs.appending(digest.digits)
    guard path.withPlatformString({ from in name.withPlatformString { rename(from, $0) } }) == 0 else {
      throw LayoutError.unusable("\(name)", "it cannot be named: \(Errno(rawValue: errno))")
    }
    return (digest, size)
  }

  /// - Returns: its descriptor.
  func add(_ json: JSON, _ type: String) throws -> JSON {
    let bytes = Array(json.text(pretty: false).utf8)
    let sum = SHA256()
    bytes.withUnsafeBytes { sum.update($0) }
    let digest = BlobDigest(sum.finish())
    try folder.write(bytes, at: blobs.appending(digest.digits))
    return ["mediaType": .string(type), "digest": .string("\(digest)"), "size": JSON(bytes.count)]
  }
}

extension JSON {
  /// The same with another value for a member, which is added if it is not there.
  fileprivate func setting(_ name: String, _ value: JSON) -> JSON {
    guard case .object(var members) = self else { return self }
    if let index = members.lastIndex(where: { $0.key == name }) {
      members[index].value = value
    } else {
      members.append((name, value))
    }
    return .object(members)
  }
}
