// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTools

/// Where a container image runs.
public struct ContainerPlatform: Sendable, Hashable, CustomStringConvertible {
  public var system: String
  public var architecture: String
  /// Empty for none.
  public var variant: String

  public init(system: String, architecture: String, variant: String = "") {
    (self.system, self.architecture, self.variant) = (system, architecture, variant)
  }

  /// - Parameter text: as `linux/arm64` or `linux/arm/v7`.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard (2...3).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }) else { return nil }
    self.init(system: parts[0], architecture: parts[1], variant: parts.count > 2 ? parts[2] : "")
  }

  /// Linux on this machine's processor.
  public static var current: ContainerPlatform {
    #if arch(x86_64)
      ContainerPlatform(system: "linux", architecture: "amd64")
    #elseif arch(arm64)
      ContainerPlatform(system: "linux", architecture: "arm64")
    #elseif arch(riscv64)
      ContainerPlatform(system: "linux", architecture: "riscv64")
    #elseif arch(s390x)
      ContainerPlatform(system: "linux", architecture: "s390x")
    #elseif arch(powerpc64le)
      ContainerPlatform(system: "linux", architecture: "ppc64le")
    #else
      ContainerPlatform(system: "linux", architecture: "unknown")
    #endif
  }

  public var description: String { "\(system)/\(architecture)" + (variant.isEmpty ? "" : "/\(variant)") }

  /// Whether what is for `other` runs here: a variant counts only if both have one.
  func accepts(_ other: ContainerPlatform) -> Bool {
    system == other.system && architecture == other.architecture
      && (variant.isEmpty || other.variant.isEmpty || variant == other.variant)
  }

  var json: JSON {
    var members: [JSON.Member] = [("os", .string(system)), ("architecture", .string(architecture))]
    if !variant.isEmpty { members.append(("variant", .string(variant))) }
    return .object(members)
  }

  init?(_ json: JSON?) {
    guard let system = json?["os"]?.text, let architecture = json?["architecture"]?.text else { return nil }
    self.init(system: system, architecture: architecture, variant: json?["variant"]?.text ?? "")
  }
}

/// What refers to a blob.
public struct BlobDescriptor: Sendable {
  public let mediaType: String
  public let digest: BlobDigest
  /// Bytes of the blob.
  public let size: UInt64
  public let annotations: [String: String]
  let platform: ContainerPlatform?

  init(_ json: JSON, in what: String) throws(LayoutError) {
    guard let text = json["digest"]?.text, let size = json["size"]?.count else {
      throw .unusable(what, "a descriptor has no digest or no size")
    }
    guard let digest = BlobDigest(text) else {
      throw .unusable(what, "the digest \(text) is none of SHA-256, which is the only one that can be checked")
    }
    (self.digest, self.size) = (digest, size)
    mediaType = json["mediaType"]?.text ?? ""
    platform = ContainerPlatform(json["platform"])
    var annotations: [String: String] = [:]
    if case .object(let members)? = json["annotations"] {
      for member in members { annotations[member.key] = member.value.text }
    }
    self.annotations = annotations
  }

  init(mediaType: String, digest: BlobDigest, size: UInt64) {
    (self.mediaType, self.digest, self.size) = (mediaType, digest, size)
    (annotations, platform) = ([:], nil)
  }

  var isIndex: Bool {
    mediaType == "application/vnd.oci.image.index.v1+json"
      || mediaType == "application/vnd.docker.distribution.manifest.list.v2+json"
  }

  var isManifest: Bool {
    mediaType == "application/vnd.oci.image.manifest.v1+json"
      || mediaType == "application/vnd.docker.distribution.manifest.v2+json"
  }

  /// What a reference to it is called.
  var name: String? { annotations["org.opencontainers.image.ref.name"] ?? annotations["io.containerd.image.name"] }
}

/// What a container image consists of.
public struct ImageManifest: Sendable {
  public let digest: BlobDigest
  public let platform: ContainerPlatform?
  /// The lowest first, without what no layer is made of.
  public let layers: [Layer]
  let json: JSON
  let configuration: JSON

  var mediaType: String { json["mediaType"]?.text ?? "application/vnd.oci.image.manifest.v1+json" }

  /// All layers that are listed, also what no layer is made of; each once.
  var blobs: [BlobDescriptor] {
    get throws(LayoutError) {
      var (blobs, known): ([BlobDescriptor], Set<BlobDigest>) = ([], [])
      for layer in json["layers"]?.elements ?? [] {
        let descriptor = try BlobDescriptor(layer, in: "manifest \(digest)")
        if known.insert(descriptor.digest).inserted { blobs.append(descriptor) }
      }
      return blobs
    }
  }

  /// Of a manifest.
  static func configuration(of json: JSON, _ name: String) throws(LayoutError) -> BlobDescriptor {
    guard let configuration = json["config"] else { throw .unusable(name, "it has no configuration") }
    return try BlobDescriptor(configuration, in: name)
  }

  public struct Layer: Sendable {
    public let descriptor: BlobDescriptor
    public let kind: Kind
    /// The digest of the archive as it is when it is decompressed; nil if it is not stated.
    public let plainDigest: BlobDigest?
  }

  /// What a layer's blob is.
  public enum Kind: Sendable, Hashable {
    /// A tar archive, which may be compressed, with whiteouts as AUFS has them.
    case archive
    /// An EROFS image, with whiteouts as overlayfs has them.
    case image(isCompressed: Bool)
    /// Bytes that the image of the layer above refers to as a device.
    case device(isCompressed: Bool)
  }

  /// Of a descriptor in a manifest; nil for what unpacking does not need.
  static func kind(of layer: BlobDescriptor) throws(LayoutError) -> Kind? {
    let parts = layer.mediaType.split(separator: "+", maxSplits: 1, omittingEmptySubsequences: false)
    let (base, suffix) = (parts.first ?? "", parts.count > 1 ? parts[1] : "")
    let isCompressed = suffix == "zstd" || suffix == "gzip"
    func unusable(_ reason: String) -> LayoutError { .unusable("layer \(layer.digest)", reason) }
    guard ["", "gzip", "zstd"].contains(suffix) else {
      throw unusable("its media type, \(layer.mediaType), is not supported")
    }
    switch layer.annotations["org.erofs.role"] {
    case "device"?: return .device(isCompressed: isCompressed)
    case "overlay-data"?:
      throw unusable("its role, overlay-data, needs overlayfs with redirect_dir, and is not supported")
    case nil, "overlay-lower"?: break
    case let role?: throw unusable("its role, \(role), is not known")
    }
    switch base {
    case "application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.nondistributable.v1.tar",
      "application/vnd.docker.image.rootfs.diff.tar", "application/vnd.docker.image.rootfs.diff.tar.gzip",
      "application/vnd.docker.image.rootfs.diff.tar.zstd", "application/vnd.docker.image.rootfs.foreign.diff.tar",
      "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip":
      return .archive
    case "application/vnd.erofs.layer.v1", "application/vnd.erofs":
      if suffix == "gzip" { throw unusable("its media type, \(layer.mediaType), is not supported") }
      return .image(isCompressed: isCompressed)
    case "application/vnd.erofs.chunk-index.v1": return nil
    default: throw unusable("its media type, \(layer.mediaType.isEmpty ? "none" : layer.mediaType), is not supported")
    }
  }

  init(_ digest: BlobDigest, _ json: JSON, configuration: JSON) throws(LayoutError) {
    (self.digest, self.json, self.configuration) = (digest, json, configuration)
    platform = ContainerPlatform(configuration)
    guard let list = json["layers"]?.elements else { throw .unusable("manifest \(digest)", "it has no layers") }
    let plain = configuration["rootfs"]?["diff_ids"]?.elements
    if let plain, plain.count != list.count {
      throw .unusable("manifest \(digest)", "it has \(list.count) layers, and its configuration \(plain.count)")
    }
    var layers: [Layer] = []
    for (number, json) in list.enumerated() {
      let descriptor = try BlobDescriptor(json, in: "manifest \(digest)")
      guard let kind = try Self.kind(of: descriptor) else { continue }
      let text = plain?[number].text
      let digest = text.flatMap { BlobDigest($0) }
      // What cannot be checked is not believed.
      if let text, digest == nil { throw .unusable("layer \(descriptor.digest)", "its diff_id is no SHA-256: \(text)") }
      layers.append(
        Layer(descriptor: descriptor, kind: kind, plainDigest: digest))
    }
    if case .device? = layers.last?.kind {
      throw .unusable("manifest \(digest)", "its last layer is a device, to which nothing refers")
    }
    if layers.isEmpty { throw .unusable("manifest \(digest)", "it has no layers") }
    self.layers = layers
  }
}
