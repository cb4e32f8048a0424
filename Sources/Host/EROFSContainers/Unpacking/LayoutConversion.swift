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

/// Makes an image layout of another, with the layers of one container image as EROFS images, for those who store and send
/// such images. Its configuration stays as it is but for what says that the layers are other ones.
public struct LayoutConversion: Sendable {
  /// What the layers' images shall be like, and whether hashes for dm-verity follow them; its form does not count.
  public var unpacking = LayoutUnpacking()
  /// What the layers are said to be: containerd 2.3 knows `application/vnd.erofs.layer.v1`, and the draft of a specification
  /// of EROFS layers has `application/vnd.erofs`.
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
    let writer = try LayoutFolder(output)
    var work = unpacking
    work.form = .layers
    let layers = writer.folder.inner("layers")
    let images = try work.unpack(manifest, of: layout, at: layers, progress: progress)
    var descriptors: [JSON] = []
    var digests: [JSON] = []
    for image in images {
      let digest = try writer.take(image.path)
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
    let config = try writer.add(configuration, "application/vnd.oci.image.config.v1+json")
    let made = manifest.json.setting("mediaType", "application/vnd.oci.image.manifest.v1+json")
      .setting("config", config).setting("layers", .array(descriptors))
    let reference = try writer.add(made, "application/vnd.oci.image.manifest.v1+json")
    try writer.finish(reference, for: manifest.platform, features: features, named: name)
    return BlobDigest(reference["digest"]!.text!)!
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
