// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTools

/// Which image is meant, of those that indexes list.
struct ImageSelection {
  /// Whose indexes they are, for messages.
  let place: String
  /// What a descriptor refers to, whose digest has been checked.
  let document: (BlobDescriptor) throws -> JSON

  /// Indexes in indexes, and references of all of them.
  private static let (deepest, mostReferences) = (4, 4096)

  private struct Candidate {
    let descriptor: BlobDescriptor
    let name: String?
  }

  /// The image for a platform.
  func manifest(of references: [BlobDescriptor], for platform: ContainerPlatform?) throws -> ImageManifest {
    var found: [Candidate] = []
    var seen = 0
    for reference in references { try collect(reference, reference.name, &found, &seen, depth: 0) }
    if found.count > 1 || platform != nil {
      let wanted = platform ?? .current
      let all = found.map { $0.descriptor.platform.map { "\($0)" } ?? "for no platform" }
      found = try found.filter { candidate in
        guard let own = try candidate.descriptor.platform ?? self.platform(of: candidate.descriptor) else {
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
    return try ImageManifest(
      first.descriptor.digest, json,
      configuration: document(ImageManifest.configuration(of: json, "manifest \(first.descriptor.digest)")))
  }

  static func references(_ index: JSON, _ name: String) throws(LayoutError) -> [BlobDescriptor] {
    guard let list = index["manifests"]?.elements else { throw .unusable(name, "it is no index: it has no manifests") }
    guard list.count <= mostReferences else { throw .unusable(name, "it lists \(list.count) manifests") }
    var references: [BlobDescriptor] = []
    for json in list { references.append(try BlobDescriptor(json, in: name)) }
    return references
  }

  private func collect(
    _ reference: BlobDescriptor, _ name: String?, _ found: inout [Candidate], _ seen: inout Int, depth: Int
  ) throws {
    seen += 1
    guard seen <= Self.mostReferences else {
      throw LayoutError.unusable(place, "its indexes have more than \(Self.mostReferences) references")
    }
    if reference.isManifest {
      // Statements about an image are listed like images.
      if reference.annotations["vnd.docker.reference.type"] == nil {
        found.append(Candidate(descriptor: reference, name: name))
      }
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
