// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Digests
import SystemPackage

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Documents and blobs, which are what their digests say.
extension RegistrySession {
  private static let manifestTypes = [
    "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.docker.distribution.manifest.v2+json",
  ]
  /// A registry that cuts connections all the time may go on for so long.
  private static let mostParts = 100

  /// The manifest or index that a reference means, whose digest is computed here.
  func document(_ reference: ImageReference) async throws -> (descriptor: BlobDescriptor, bytes: [UInt8]) {
    let (bytes, response, address) = try await content("manifests/\(reference.version)", Self.manifestTypes)
    let digest = BlobDigest.of(bytes)
    let stated = response.values("docker-content-digest").first.flatMap { BlobDigest($0) }
    // Whoever names no digest believes the registry; but what it says of itself has to be true.
    if let wanted = reference.digest ?? stated, wanted != digest {
      throw LayoutError.digest("\(wanted)", found: "\(digest)")
    }
    let json = try JSONParser.document(bytes, "\(address)")
    let header = response.values("content-type").first?.prefix { $0 != ";" }
    let type = json["mediaType"]?.text ?? header.map(String.init) ?? ""
    let descriptor = BlobDescriptor(mediaType: type, digest: digest, size: UInt64(bytes.count))
    guard descriptor.isIndex || descriptor.isManifest else {
      throw RegistryError.unusable("\(address)", "its media type, \(type.quoted), is none of an image")
    }
    return (descriptor, bytes)
  }

  /// A manifest, an index or a configuration.
  func document(_ descriptor: BlobDescriptor) async throws -> [UInt8] {
    guard descriptor.size <= ImageLayout.longestDocument else {
      throw LayoutError.unusable("blob \(descriptor.digest)", "it is too long: \(descriptor.size) bytes")
    }
    let isListed = descriptor.isIndex || descriptor.isManifest
    let (bytes, _, _) = try await content(
      "\(isListed ? "manifests" : "blobs")/\(descriptor.digest)", isListed ? [descriptor.mediaType] : ["*/*"])
    guard bytes.count == descriptor.size else {
      throw LayoutError.size("\(descriptor.digest)", UInt64(bytes.count), wanted: descriptor.size)
    }
    let found = BlobDigest.of(bytes)
    guard found == descriptor.digest else { throw LayoutError.digest("\(descriptor.digest)", found: "\(found)") }
    return bytes
  }

  private func content(
    _ path: String, _ types: [String]
  ) async throws -> ([UInt8], RegistryResponse, RegistryAddress) {
    var failures = 0
    while true {
      do {
        let (response, address) = try await get(path, types.map { ("Accept", $0) })
        return (try await response.content(address, limit: Int(ImageLayout.longestDocument)), response, address)
      } catch {
        failures += 1
        try await recover(from: error, failures: failures)
      }
    }
  }

  /// Writes a blob into a file that is made. What was cut short is continued where it ended.
  ///
  /// - Parameter progress: how many bytes are there; fewer than before if it has to begin again.
  func download(
    _ descriptor: BlobDescriptor, to path: FilePath, progress: (UInt64) -> Void
  ) async throws {
    let file = try FileDescriptor.open(
      path, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
      permissions: [.ownerReadWrite, .groupRead, .otherRead])
    defer { try? file.close() }
    var partial = PartialBlob(file: file)
    var (parts, failures, most): (Int, Int, UInt64) = (0, 0, 0)
    while partial.count < descriptor.size {
      do {
        parts += 1
        try await receive(descriptor, into: &partial, progress)
      } catch {
        // What comes on is no failure, but does not come on forever.
        failures = partial.count > most && parts < Self.mostParts ? 1 : failures + 1
        most = max(most, partial.count)
        try await recover(from: error, failures: parts < Self.mostParts ? failures : RegistryClient.mostFailures)
      }
    }
    let found = BlobDigest(partial.sum.finish())
    guard found == descriptor.digest else { throw LayoutError.digest("\(descriptor.digest)", found: "\(found)") }
  }

  private struct PartialBlob {
    let file: FileDescriptor
    var sum = SHA256()
    var count: UInt64 = 0

    mutating func add(_ part: [UInt8]) throws {
      try file.writeAll(part)
      part.withUnsafeBytes { sum.update($0) }
      count += UInt64(part.count)
    }

    mutating func beginAgain() throws {
      try file.resize(to: 0)
      try file.seek(offset: 0, from: .start)
      (sum, count) = (SHA256(), 0)
    }
  }

  private func receive(
    _ descriptor: BlobDescriptor, into partial: inout PartialBlob, _ progress: (UInt64) -> Void
  ) async throws {
    let (size, start) = (descriptor.size, partial.count)
    let (response, address) = try await get(
      "blobs/\(descriptor.digest)", start > 0 ? [("Range", "bytes=\(start)-\(size - 1)")] : [])
    if response.status == 206 {
      guard response.values("content-range").first == "bytes \(start)-\(size - 1)/\(size)" else {
        throw RegistryError.unusable("\(address)", "the answer is another part than the one that was asked for")
      }
    } else if start > 0 {
      try partial.beginAgain()
    }
    if let length = response.count("content-length"), length != size - partial.count {
      throw LayoutError.size(
        "\(descriptor.digest)", partial.count.addingReportingOverflow(length).partialValue, wanted: size)
    }
    while let part = try await response.next() {
      try Task.checkCancellation()
      guard part.count <= size - partial.count else {
        throw LayoutError.size("\(descriptor.digest)", partial.count + UInt64(part.count), wanted: size)
      }
      try partial.add(part)
      progress(partial.count)
    }
    guard partial.count == size else {
      throw RegistryError.connection(
        "\(address)", reason: "the answer ended after \(partial.count) of \(size) bytes", isTemporary: true)
    }
  }
}
