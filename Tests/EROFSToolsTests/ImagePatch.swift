// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTools
import Foundation
import SystemPackage
import TestSupport

/// A reference image whose bytes are changed in chosen places.
struct ImagePatch {
  private let reader: ImageReader
  private(set) var bytes: [UInt8]

  /// An image in which directories are stored as they are.
  init(_ name: String = "plain-512") throws {
    reader = try ImageReader(try ReferenceImages.open(name))
    bytes = Array(try ReferenceImages.image(name))
  }

  func inode(_ path: String) throws -> EROFS.Inode { try reader.inode(at: path.utf8) }

  var rootNID: UInt64 { reader.superblock.rootNID }

  /// Where the entry of `name` lies in a directory of one extent of one block, and where its name does.
  func entry(_ name: String, in path: String) throws -> (offset: Int, name: Int) {
    let directory = try inode(path)
    guard let extent = try reader.volume.extent(of: directory, at: 0), extent.length == directory.size,
      extent.length <= 512
    else { throw CocoaError(.featureUnsupported) }
    let base: Int
    switch extent.place {
    case .device(0, let address): base = Int(address)
    case .metadata(.device, let offset): base = Int(offset)
    default: throw CocoaError(.featureUnsupported)
    }
    let count = load(base + 8, 2) / 12
    for index in 0..<count {
      let at = base + 12 * index
      let start = load(at + 8, 2)
      let text = bytes[(base + start)...].prefix(name.utf8.count)
      if text.elementsEqual(name.utf8) { return (at, base + start) }
    }
    throw CocoaError(.fileNoSuchFile)
  }

  private func load(_ offset: Int, _ count: Int) -> Int {
    (0..<count).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
  }

  /// The bytes with a checksum that is right.
  var sealed: [UInt8] {
    var copy = self
    copy.store(0, 4, at: 1028)
    var crc = CRC32C()
    let block = reader.superblock.blockSize
    for byte in copy.bytes[1024..<(block > 1024 ? block : 1024 + block)] { crc.update(byte) }
    copy.store(UInt64(crc.value), 4, at: 1028)
    return copy.bytes
  }

  mutating func store(_ value: UInt64, _ count: Int, at offset: Int) {
    for i in 0..<count { bytes[offset + i] = UInt8(truncatingIfNeeded: value >> UInt64(8 * i)) }
  }

  mutating func point(_ name: String, in path: String, to nid: UInt64) throws {
    store(nid, 8, at: try entry(name, in: path).offset)
  }

  mutating func rename(_ name: String, in path: String, to newName: String) throws {
    precondition(name.utf8.count == newName.utf8.count)
    let at = try entry(name, in: path).name
    bytes.replaceSubrange(at..<at + newName.utf8.count, with: newName.utf8)
  }
}
