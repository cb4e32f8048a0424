// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

/// What dump.erofs 1.9 prints, with its labels and its way of counting, for scripts that read it.
public enum DumpFormat {
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

  public static func superblock(of reader: ImageReader) throws(EROFSError) -> String {
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
    let compatible = compatibleNames.filter { superblock.compatible.contains($0.0) }
    let incompatible = incompatibleNames.filter { superblock.incompatible.contains($0.0) }
    rows += [
      ("Filesystem sb_size:", "\(128 + 16 * Int(superblock.extraSlots))"),
      ("Filesystem inode count:", "\(superblock.inodeCount)"),
      ("Filesystem created:", LocalTime(superblock.epoch &+ Int64(superblock.buildTime)).text),
      ("Filesystem compatible features:", compatible.map { $0.1 + " " }.joined()),
      ("Filesystem incompatible features:", incompatible.map { $0.1 + " " }.joined()),
      ("Filesystem UUID:", superblock.uuidText),
    ]
    if let version = kernelVersion(superblock) { rows.append(("Required upstream Linux kernel version:", version)) }
    return rows.map { left($0.0, 46) + $0.1 + "\n" }.joined()
  }

  private static let compatibleNames: [(CompatibleFeatures, String)] = [
    (.superblockChecksum, "sb_csum"), (.modificationTimes, "mtime"), (.xattrFilter, "xattr_filter"),
    (.sharedXattrsInMetabox, "shared_ea_in_metabox"), (.plainXattrPrefixes, "plain_xattr_pfx"),
    (.imageShareXattrs, "ishare_xattrs"),
  ]

  private static let incompatibleNames: [(IncompatibleFeatures, String)] = [
    (.zeroPadding, "lz4_0padding"), (.compressionRecords, "compr_cfgs big_pcluster"), (.chunkedFiles, "chunked_file"),
    (.deviceTable, "device_table"), (.tailPacking, "ztailpacking"), (.fragments, "fragments dedupe"),
    (.xattrPrefixes, "xattr_prefixes"), (.wide48Bit, "48bit"), (.metabox, "metabox"),
  ]

  /// The first Linux that reads all that the superblock announces; nil where it announces nothing that needs one.
  private static func kernelVersion(_ superblock: Superblock) -> String? {
    var needed = (major: 0, minor: 0)
    func need(_ major: Int, _ minor: Int) { if (major, minor) > needed { needed = (major, minor) } }
    let versions: [(IncompatibleFeatures, Int, Int)] = [
      (.zeroPadding, 5, 4), (.compressionRecords, 5, 13), (.chunkedFiles, 5, 15), (.deviceTable, 5, 16),
      (.tailPacking, 5, 17),
      (.fragments, 6, 1), (.xattrPrefixes, 6, 4), (.wide48Bit, 6, 15), (.metabox, 6, 17),
    ]
    for (feature, major, minor) in versions where superblock.incompatible.contains(feature) { need(major, minor) }
    if superblock.incompatible.contains(.compressionRecords) {
      for algorithm in Algorithm.allCases where superblock.compression.announces(algorithm) {
        need(algorithm.onHosts.linux.major, algorithm.onHosts.linux.minor)
      }
    }
    return needed.major == 0 ? nil : "\(needed.major).\(needed.minor)"
  }

  /// Key=value lines for udev.
  public static func blkid(_ superblock: Superblock) -> String {
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

  public static func inode(_ file: TreeFile, _ reader: ImageReader) throws(EROFSError) -> String {
    let inode = file.inode
    let blocks = try reader.announcedBlocks(of: inode)
    let occupied = blocks.map { $0 &<< UInt64(reader.superblock.blockShift) } ?? inode.size
    // dump.erofs leaves out the three bits above the permissions.
    let access = inode.permissions & 0o777
    let letters = (0..<9).map { access >> UInt16(8 - $0) & 1 == 0 ? "-" : ["r", "w", "x"][$0 % 3] }.joined()
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

  /// The entries of a directory, their names as the bytes that they are, or as `show` makes them.
  ///
  /// - Throws: also ``EROFSError/notADirectory``.
  public static func listing(
    _ file: TreeFile, _ reader: ImageReader, show: ([UInt8]) -> [UInt8] = { $0 }
  ) throws(EROFSError) -> [UInt8] {
    guard file.inode.kind == .directory else { throw .notADirectory }
    var bytes = Array("\n       NID TYPE  FILENAME\n".utf8)
    for entry in try reader.entries(of: file.inode) {
      bytes += Array("\(right("\(entry.nid)", 10))    \(entry.kind?.rawValue ?? 0)  ".utf8) + show(entry.name) + [0x0A]
    }
    return bytes
  }

  public static func extents(_ list: ExtentList, _ superblock: Superblock) -> String {
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
