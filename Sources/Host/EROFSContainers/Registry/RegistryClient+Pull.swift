// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTools
import Synchronization
import SystemPackage

extension RegistryClient {
  /// An image that is on disk now.
  public struct PulledImage: Sendable {
    /// Of the image's own manifest, also if the reference means an index.
    public let digest: BlobDigest
    public let platform: ContainerPlatform?
    /// The directory of the image layout.
    public let layout: FilePath
  }

  /// How far it is: bytes of all layers. Called once before they come, and then on any thread for each part that comes.
  public struct Progress: Sendable {
    public let done: UInt64
    public let total: UInt64
  }

  /// Documents of indexes, of which one image is taken.
  private static let (mostDocuments, mostBytes) = (256, 32 << 20)

  /// Reads an image from its registry into an image layout on disk, with that image only. Cancelling the task ends it.
  ///
  /// The directory appears under its name when all of it is complete and is what its digests say; until then there is a
  /// directory beside it with a name of its own, or nothing at all. A connection that ends too early is made again, and what
  /// came is kept. Memory: documents, which are limited to 4 MiB each, and a part of each blob.
  ///
  /// - Parameters:
  ///   - reference: which image.
  ///   - platform: nil for ``ContainerPlatform/current`` if there are several.
  ///   - output: a directory that must not be there yet.
  ///   - progress: how far it is.
  /// - Returns: where it is.
  /// - Throws: ``RegistryError``, ``LayoutError``, `CancellationError`, or what the file system says about `output`.
  public func pull(
    _ reference: ImageReference, for platform: ContainerPlatform? = nil, to output: FilePath,
    progress: @escaping @Sendable (Progress) -> Void = { _ in }
  ) async throws -> PulledImage {
    let clock = ContinuousClock()
    let start = clock.now
    let writer = try LayoutFolder(output)
    let session = try await RegistrySession.open(self, reference)
    let (manifest, documents) = try await find(reference, platform, session)
    let descriptor = try writer.add(documents[manifest.digest]!, manifest.mediaType)
    let configuration = try ImageManifest.configuration(of: manifest.json, "manifest \(manifest.digest)")
    _ = try writer.add(documents[configuration.digest]!, configuration.mediaType)
    let layers = try manifest.blobs.filter { documents[$0.digest] == nil }
    try await download(layers, session, writer, progress)
    try writer.finish(descriptor, for: manifest.platform, named: "\(reference)")
    log(
      .info, "pulled",
      [
        "reference": "\(reference)", "digest": "\(manifest.digest)", "layers": "\(layers.count)",
        "duration": "\(clock.now - start)",
      ])
    return PulledImage(digest: manifest.digest, platform: manifest.platform, layout: output)
  }

  /// Reads documents until it is clear which image is meant.
  private func find(
    _ reference: ImageReference, _ platform: ContainerPlatform?, _ session: RegistrySession
  ) async throws -> (ImageManifest, [BlobDigest: [UInt8]]) {
    let (first, bytes) = try await session.document(reference)
    var documents = [first.digest: bytes]
    var total = bytes.count
    while true {
      let known = documents
      let selection = ImageSelection(place: "\(reference)") { descriptor in
        guard let bytes = known[descriptor.digest] else { throw Missing(descriptor: descriptor) }
        return try JSONParser.document(bytes, "blob \(descriptor.digest)")
      }
      do {
        return (try selection.manifest(of: [first], for: platform), documents)
      } catch let missing as Missing {
        let bytes = try await session.document(missing.descriptor)
        documents[missing.descriptor.digest] = bytes
        total += bytes.count
        guard documents.count <= Self.mostDocuments, total <= Self.mostBytes else {
          throw RegistryError.unusable("\(reference)", "its indexes refer to too many documents")
        }
      }
    }
  }

  private final class Counter: Sendable { let sum = Mutex<UInt64>(0) }

  private struct Missing: Error { let descriptor: BlobDescriptor }

  private func download(
    _ layers: [BlobDescriptor], _ session: RegistrySession, _ writer: LayoutFolder,
    _ progress: @escaping @Sendable (Progress) -> Void
  ) async throws {
    // The sum is for the progress only; sizes are whatever the manifest says.
    let total = layers.reduce(UInt64(0)) { $0.addingReportingOverflow($1.size).partialValue }
    let done = Counter()
    progress(Progress(done: 0, total: total))
    @Sendable func fetch(_ layer: BlobDescriptor) async throws {
      log(.debug, "blob begins", ["digest": "\(layer.digest)", "bytes": "\(layer.size)"])
      var last: UInt64 = 0
      try await session.download(layer, to: writer.path(of: layer.digest)) { count in
        let sum = done.sum.withLock { sum in
          sum = sum &- last &+ count
          return sum
        }
        last = count
        progress(Progress(done: sum, total: total))
      }
      log(.debug, "blob is there", ["digest": "\(layer.digest)"])
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (index, layer) in layers.enumerated() {
        if index >= max(1, parallel) { try await group.next() }
        group.addTask { try await fetch(layer) }
      }
      try await group.waitForAll()
    }
  }
}
