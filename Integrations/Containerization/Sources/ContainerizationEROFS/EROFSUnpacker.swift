// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSBuilder
import EROFSContainers
import Encoders
import Foundation
import SystemPackage

#if canImport(Containerization)
  import Containerization
  import ContainerizationExtras
  import ContainerizationOCI
  // ContainerizationOCI has another type of this name.
  import struct Containerization.Image
#else
  import ContainerizationShape
#endif

/// Makes one read-only EROFS image of all layers of a container image, where `EXT4Unpacker` makes an ext4 file system.
///
/// Blobs are checked by their digests, layers are read side by side, and the file appears under its name when it is complete
/// and has been read back. A container that writes gets a layer of its own over it (`writableLayer` of `LinuxContainer`).
public struct EROFSUnpacker: Unpacker, Sendable {
  /// A path that is taken, or a digest that cannot be checked.
  public enum Failure: Error, CustomStringConvertible {
    case exists(String)
    case digest(String)

    public var description: String {
      switch self {
      case .exists(let path): "\(path): there is something already"
      case .digest(let text): "\(text): this digest is none of SHA-256, which is the only one that can be checked"
      }
    }
  }

  /// What images are like. Kernels of Kata read LZ4 only, which is the default.
  public var options: BuildOptions
  /// What servers want to read of it.
  public var log = ContainerLog.none

  /// With LZ4 in clusters of up to 64 KiB.
  public init() {
    options = BuildOptions()
    let size = 65536
    // Every build of this package has LZ4.
    (options.encodings, options.clusterSize) = ((try? [Encoding(.lz4, clusterSize: size)]) ?? [], size)
  }

  /// With other options, such as another algorithm.
  ///
  /// - Parameter options: as for `erofs mkfs`.
  public init(options: BuildOptions) { self.options = options }

  /// Makes the image. Cancelling the task ends it, and leaves nothing.
  ///
  /// - Parameters:
  ///   - image: whose content store has all blobs.
  ///   - platform: which of its manifests.
  ///   - path: a file that must not be there yet.
  ///   - progress: gets `add-total-size` and `add-size`, in bytes of layers that are read and then of contents that are written,
  ///     and `add-total-items` and `add-items`, in layers.
  /// - Returns: a block device with the format `erofs`, which is mounted read-only.
  /// - Throws: what is wrong with the image, `CancellationError`, or what the file system says.
  public func unpack(
    _ image: Image, for platform: Platform, at path: URL, progress: ProgressHandler? = nil
  ) async throws -> Mount {
    guard !FileManager.default.fileExists(atPath: path.path) else { throw Failure.exists(path.path) }
    let root = try await image.descriptor(for: platform)
    let manifest = try await image.manifest(for: platform)
    var blobs: [BlobDigest: FilePath] = [:]
    for text in [root.digest, manifest.config.digest] + manifest.layers.map(\.digest) {
      guard let digest = BlobDigest(text) else { throw Failure.digest(text) }
      blobs[digest] = FilePath(try await image.getContent(digest: text).path.path)
    }
    let layout = ImageLayout(blobs: blobs)
    let own = try layout.manifest(at: BlobDigest(root.digest)!)
    var unpacking = LayoutUnpacking()
    (unpacking.form, unpacking.options, unpacking.log) = (.merged, options, log)
    let meter = Meter(own, progress)
    let reporting = Task { await meter.run() }
    do {
      _ = try await unpacking.unpack(own, of: layout, at: FilePath(path.path)) { state in
        meter.note(state)
        return true
      }
    } catch {
      meter.end(isComplete: false)
      await reporting.value
      throw error
    }
    meter.end(isComplete: true)
    await reporting.value
    return .block(format: "erofs", source: path.path, destination: "/", options: ["ro"])
  }
}
