// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTools
import EROFSTree
import Foundation
import SystemPackage
import TreeSupport

@testable import EROFSContainers

/// An image layout in the making, as a directory.
struct LayoutWriter {
  let folder: Folder
  let name: String
  static let layerType = "application/vnd.oci.image.layer.v1.tar"
  static let manifestType = "application/vnd.oci.image.manifest.v1+json"
  static let indexType = "application/vnd.oci.image.index.v1+json"

  init(_ folder: Folder, _ name: String = "layout") throws {
    (self.folder, self.name) = (folder, name)
    try run("/bin/mkdir", "-p", folder("\(name)/blobs/sha256"))
    try folder.write("\(name)/oci-layout", Array("{\"imageLayoutVersion\":\"1.0.0\"}".utf8))
  }

  /// - Returns: a descriptor.
  func add(_ bytes: [UInt8], _ type: String, _ more: [JSON.Member] = []) throws -> JSON {
    try folder.write("new", bytes)
    let digits = String(decoding: try run("/usr/bin/sha256sum", folder("new")).prefix(64), as: UTF8.self)
    try folder.write("\(name)/blobs/sha256/\(digits)", bytes)
    return .object(
      [("mediaType", .string(type)), ("digest", .string("sha256:\(digits)")), ("size", JSON(bytes.count))] + more)
  }

  func add(_ json: JSON, _ type: String, _ more: [JSON.Member] = []) throws -> JSON {
    try add(Array(json.text(pretty: false).utf8), type, more)
  }

  /// The manifest of an image of layers, and its descriptor.
  func addImage(
    _ layers: [JSON], plainDigests: [String]? = nil, platform: String = "amd64", named name: String? = nil,
    isStated: Bool = true
  ) throws -> JSON {
    var configuration: [JSON.Member] = [("os", "linux"), ("architecture", .string(platform))]
    if let plainDigests {
      configuration.append(("rootfs", ["type": "layers", "diff_ids": .array(plainDigests.map { .string($0) })]))
    }
    let config = try add(.object(configuration), "application/vnd.oci.image.config.v1+json")
    var more: [JSON.Member] = []
    if isStated { more.append(("platform", ["os": "linux", "architecture": .string(platform)])) }
    if let name { more.append(("annotations", ["org.opencontainers.image.ref.name": .string(name)])) }
    return try add(["schemaVersion": 2, "config": config, "layers": .array(layers)], Self.manifestType, more)
  }

  func finish(_ manifests: [JSON]) throws {
    let index: JSON = ["schemaVersion": 2, "manifests": .array(manifests)]
    try folder.write("\(name)/index.json", Array(index.text().utf8))
  }

  var layout: ImageLayout {
    get throws { try ImageLayout(FilePath(folder(name)), besideOutputAt: FilePath(folder("output"))) }
  }

  /// A tar archive of what a script makes.
  func archive(_ script: String, _ filter: String = "cat") throws -> [UInt8] {
    let command = "rm -rf t; mkdir t; cd t; \(script); tar -c --mtime=@1600000000 --sort=name . | \(filter)"
    return try run("/bin/bash", "-e", "-c", command, in: folder.path)
  }
}

extension ImageReader {
  /// Paths, with the contents of files.
  func files() throws -> [String: String] {
    var found: [String: String] = [:]
    try forEachNode(from: volume.inode(superblock.rootNID), onError: { throw $1 as any Error }) { node in
      var text = "\(node.inode.kind)"
      if node.inode.kind == .regular {
        var bytes: [UInt8] = []
        try forEachPiece(of: node.inode) { _, piece in
          switch piece {
          case .data(let data): bytes += data
          case .hole(let count): bytes += [UInt8](repeating: 0, count: Int(count))
          }
        }
        text = String(decoding: bytes, as: UTF8.self)
      }
      found[String(decoding: node.path, as: UTF8.self)] = text
    }
    return found
  }
}
