// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import HostSupport
import SystemPackage

/// Text of ``BuildOptions/diskDescriptor``: a virtual disk of VMware's format, version 4 of its hardware, of files that
/// contain its sectors as they are ("twoGbMaxExtentFlat"). The extra devices follow the image, as in the unified address
/// space, so that Linux mounts the disk without options for the devices.
struct DiskDescriptor {
  /// Bytes of a file that are a part of the disk, in sectors of 512 bytes.
  struct Part {
    let path: FilePath
    let bytes: UInt64
    /// Bytes of the file in front of them.
    var offset: UInt64 = 0
  }

  private static let sector: UInt64 = 512
  /// Extents of this kind of disk are smaller than 2 GiB: this many sectors, as VMware itself takes.
  private static let longestExtent: UInt64 = 4_192_256
  private static let heads: UInt64 = 16
  private static let sectorsOfTrack: UInt64 = 63
  /// Of disks that have more, the count of cylinders is this.
  private static let mostCylinders: UInt64 = 16383

  /// - Parameter uuid: gives the disk its content's number, which changes when the disk does.
  /// - Throws: ``BuildError/unrepresentable(path:_:)`` for a path that the text cannot hold.
  static func text(_ parts: [Part], uuid: [UInt8], at path: FilePath) throws(BuildError) -> String {
    var number: UInt32 = 0
    for start in stride(from: 0, to: uuid.count, by: 4) {
      number ^= uuid[start..<start + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }
    // These two have a meaning: no parent, and a disk that was never written.
    if number >= UInt32.max - 1 { number = 0 }
    var extents = ""
    var total: UInt64 = 0
    for part in parts {
      let name = try name(of: part.path, from: path)
      var left = part.bytes / sector
      var start = part.offset / sector
      total += left
      while left > 0 {
        let count = min(left, longestExtent)
        extents += "RW \(count) FLAT \"\(name)\" \(start)\n"
        (left, start) = (left - count, start + count)
      }
    }
    let hex = String(number, radix: 16)
    let cylinders = min(mostCylinders, (total + heads * sectorsOfTrack - 1) / (heads * sectorsOfTrack))
    return """
      # Disk DescriptorFile
      version=1
      CID=\(String(repeating: "0", count: 8 - hex.count) + hex)
      parentCID=ffffffff
      createType="twoGbMaxExtentFlat"

      # Extent description
      \(extents)
      # The Disk Data Base
      #DDB

      ddb.virtualHWVersion = "4"
      ddb.geometry.cylinders = "\(cylinders)"
      ddb.geometry.heads = "\(heads)"
      ddb.geometry.sectors = "\(sectorsOfTrack)"
      ddb.adapterType = "ide"

      """
  }

  /// Files in the descriptor's folder are named without it, so that the folder may be moved.
  private static func name(of file: FilePath, from descriptor: FilePath) throws(BuildError) -> String {
    let name =
      file.removingLastComponent() == descriptor.removingLastComponent() ? file.lastComponent!.string : file.string
    if name.contains(where: { $0 == "\"" || $0.isNewline }) {
      throw .unrepresentable(
        path: Array(name.utf8), "its name has a quotation mark or a line break, which a disk descriptor cannot hold")
    }
    return name
  }
}
