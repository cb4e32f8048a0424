// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Digests
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

/// An image layout in the making: a directory that appears under its name when it is complete.
struct LayoutFolder: Sendable {
  let folder: OutputFolder
  private let blobs: FilePath

  init(_ output: FilePath) throws {
    folder = try OutputFolder(output)
    _ = try folder.makeFolder("blobs")
    blobs = try folder.makeFolder("blobs/sha256")
  }

  /// Where a blob is until it is complete.
  func path(of digest: BlobDigest) -> FilePath { blobs.appending(digest.digits) }

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
    let name = self.path(of: digest)
    guard path.withPlatformString({ from in name.withPlatformString { rename(from, $0) } }) == 0 else {
      throw LayoutError.unusable("\(name)", "it cannot be named: \(Errno(rawValue: errno))")
    }
    return (digest, size)
  }

  /// - Returns: its descriptor.
  func add(_ json: JSON, _ type: String) throws -> JSON { try add(Array(json.text(pretty: false).utf8), type) }

  /// - Returns: its descriptor.
  func add(_ bytes: [UInt8], _ type: String) throws -> JSON {
    let digest = BlobDigest.of(bytes)
    try folder.write(bytes, at: path(of: digest))
    return ["mediaType": .string(type), "digest": .string("\(digest)"), "size": JSON(bytes.count)]
  }

  /// Lists the only image, and gives the directory its name.
  ///
  /// - Parameters:
  ///   - manifest: its descriptor.
  ///   - features: of the system that it needs.
  func finish(
    _ manifest: JSON, for platform: ContainerPlatform?, features: JSON? = nil, named name: String?
  ) throws {
    guard case .object(var members) = manifest else { preconditionFailure("a descriptor is an object") }
    if let platform, case .object(let own) = platform.json {
      members.append(("platform", .object(own + (features.map { [("os.features", $0)] } ?? []))))
    }
    if let name { members.append(("annotations", ["org.opencontainers.image.ref.name": .string(name)])) }
    let index: JSON = [
      "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [.object(members)],
    ]
    try folder.write(Array(index.text(pretty: false).utf8), at: folder.inner("index.json"))
    try folder.write(Array("{\"imageLayoutVersion\":\"1.0.0\"}".utf8), at: folder.inner("oci-layout"))
    try folder.publish()
  }
}
