// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

/// The output of dump.erofs 1.9, with its labels and its way of counting, for scripts that parse it.
package enum DumpFormat {
  static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.utf8.count)) + text
  }

  static func left(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.utf8.count))
  }

  static func percentage(_ part: UInt64, _ whole: UInt64) -> String {
    whole == 0 ? "0.00" : (Double(part) * 100 / Double(whole)).decimal(2)
  }

  // MARK: Superblock

  package static func superblock(of reader: ImageReader) throws(EROFSError) -> String {
    let superblock = reader.superblock
    var rows: [(String, String)] = [
      ("Filesystem magic number:", "0x" + String(Superblock.magic, radix: 16, uppercase: true)),
      ("Filesystem blocksize:", "\(superblock.blockSize)"),
      ("Filesystem blocks:", "\(try reader.announcedBlocks())"),
      ("Filesystem inode metadata start block:", "\(superblock.metadataBlock)"),
      ("Filesystem shared xattr metadata start block:", "\(superblock.xattrBlock)"),
      ("Filesystem root nid:", "\(superblock.rootNID)"),
    ]
    if superblock.packedNID != 0 { rows.append(("Filesystem packed nid:", "\(superblock.packedNID)")) }
    if let nid = superblock.metaboxNID { rows.append(("Filesystem metabox nid:", "\(nid)")) }
    if superblock.incompatible.contains(.compressionRecords) {
      let names = Algorithm.allCases.filter { superblock.compression.announces($0) }.map { "\($0.name)" }
      rows.append(("Filesystem compr_algs:", names.joined(separator: ", ")))
    } else {
      // The field of an image without compression is 0.
      let distance = superblock.compression.algorithms == 0 ? 0 : superblock.compression.lz4MaximumDistance
      rows.append(("Filesystem lz4_max_distance:", "\(distance)"))
    }
    rows += [
      ("Filesystem sb_size:", "\(128 + 16 * Int(superblock.extraSlots))"),
      ("Filesystem inode count:", "\(superblock.inodeCount)"),
      ("Filesystem created:", LocalTime(superblock.epoch &+ Int64(superblock.buildTime)).text),
      ("Filesystem compatible features:", superblock.compatibleFeatureNames.map { $0 + " " }.joined()),
      ("Filesystem incompatible features:", superblock.incompatibleFeatures.map { $0.dumpName + " " }.joined()),
      ("Filesystem UUID:", superblock.uuidText),
    ]
    if let version = kernelVersion(superblock) { rows.append(("Required upstream Linux kernel version:", version)) }
    return rows.map { left($0.0, 46) + $0.1 + "\n" }.joined()
  }

  /// The first version of Linux that supports the features of the superblock; nil if it has none that need one.
  private static func kernelVersion(_ superblock: Superblock) -> String? {
    var needed = (major: 0, minor: 0)
    func need(_ major: Int, _ minor: Int) { if (major, minor) > needed { needed = (major, minor) } }
    for feature in superblock.incompatibleFeatures { need(feature.linux.major, feature.linux.minor) }
    if superblock.incompatible.contains(.compressionRecords) {
      for algorithm in Algorithm.allCases where superblock.compression.announces(algorithm) {
        need(algorithm.onHosts.linux.major, algorithm.onHosts.linux.minor)
      }
    }
    return needed.major == 0 ? nil : "\(needed.major).\(needed.minor)"
  }

  /// Key=value lines for udev.
  package static func blkid(_ superblock: Superblock) -> String {
    let uuid = superblock.uuidText
    return "ID_FS_UUID=\(uuid)\nID_FS_UUID_ENC=\(uuid)\nID_FS_TYPE=erofs\nID_FS_USAGE=filesystem\n"
  }

  // MARK: An inode

  static func category(_ kind: InodeKind) -> String {
    switch kind {
    case .regular: "regular file"
    case .directory: "directory"
    case .characterDevice: "char dev"
    case .blockDevice: "block dev"
    case .fifo: "FIFO file"
    case .socket: "SOCK file"
    case .symbolicLink: "symlink file"
    }
  }

  package static func inode(_ file: TreeFile, _ reader: ImageReader) throws(EROFSError) -> String {
    let inode = file.inode
    let blocks = try reader.announcedBlocks(of: inode)
    let occupied = blocks.map { $0 &<< UInt64(reader.superblock.blockShift) } ?? inode.size
    // dump.erofs ignores the three bits above the permissions.
    let access = inode.permissions & 0o777
    let letters = Inode.permissionLetters(access)
    let octal = String(access, radix: 8)
    let time = LocalTime(inode.modificationTime.seconds).stamp
    let nanoseconds = LocalTime.digits(Int(inode.modificationTime.nanoseconds), 9)
    return """
      Path : \(file.path.printable)
      Size: \(inode.size)  On-disk size: \(occupied)  \(category(inode.kind))
      NID: \(inode.nid)   Links: \(inode.linkCount)   Layout: \(inode.layout.rawValue)   \
      Compression ratio: \(percentage(occupied, inode.size))%
      Inode size: \(inode.isExtended ? 64 : 32)   Xattr size: \(inode.xattrBytes)
      Uid: \(inode.userID)   Gid: \(inode.groupID)  \
      Access: \(String(repeating: "0", count: 4 - octal.utf8.count))\(octal)/\(letters)
      Timestamp: \(time).\(nanoseconds)

      """
  }

  /// The entries of a directory, with names byte for byte or as `show` converts them.
  ///
  /// - Throws: also `EROFSError.notADirectory`.
  package static func listing(
    _ file: TreeFile, _ reader: ImageReader, show: ([UInt8]) -> [UInt8] = { $0 }
  ) throws(EROFSError) -> [UInt8] {
    guard file.inode.kind == .directory else { throw .notADirectory }
    var bytes = Array("\n       NID TYPE  FILENAME\n".utf8)
    for entry in try reader.entries(of: file.inode) {
      bytes += Array("\(right("\(entry.nid)", 10))    \(entry.kind?.rawValue ?? 0)  ".utf8) + show(entry.name) + [0x0A]
    }
    return bytes
  }

  package static func extents(_ list: ExtentList, _ superblock: Superblock) -> String {
    let blockMask = UInt64(superblock.blockSize - 1)
    var text = "\n Ext:   logical offset   |  length :     physical offset    |  length\n"
    for (index, row) in list.rows.enumerated() {
      var length = row.extent.length
      var stored = row.storedBytes
      if list.inode.layout == .flatPlain || list.inode.layout == .chunked {
        // Of these dump.erofs shows whole blocks.
        length = (length &+ blockMask) & ~blockMask
        if stored > 0 { stored = length }
      }
      let place = stored == 0 ? 0 : (row.place ?? 0)
      let end = row.extent.start &+ length
      text += "\(right("\(index)", 4)): \(right("\(row.extent.start)", 8))..\(right("\(end)", 8)) | "
      text += "\(right("\(length)", 7)) : \(right("\(place)", 10))..\(right("\(place &+ stored)", 10)) | "
      text += right("\(stored)", 7)
      if let device = row.device, device > 0 { text += "  # device \(device)" }
      text += "\n"
    }
    return text + "\(list.path.printable): \(list.rows.count) extents found\n"
  }
}
