// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

/// What a file without an EROFS superblock holds.
public struct ForeignContent: Sendable {
  /// What it is, and what to do.
  public let text: String
  /// Where EROFS images start in it, by a partition table.
  public let offsets: [UInt64]
}

extension ImageFile {
  /// What is in the file, seen from where the image should start, if it is not EROFS; nil if that is not known.
  public func foreignContent() -> ForeignContent? {
    let size = byteCount(ofDevice: 0)
    if size == 0 { return ForeignContent(text: "the file is empty", offsets: []) }
    if let table = PartitionTable(self) { return table.content }
    for sign in FileSignature.all where bytes(at: sign.offset, count: sign.bytes.count) == sign.bytes {
      return ForeignContent(text: sign.text, offsets: [])
    }
    if isTooShort {
      return ForeignContent(text: "the file has only \(size.counting("byte"))", offsets: [])
    }
    return nil
  }

  /// Whether the file ends before a superblock would.
  public var isTooShort: Bool { byteCount(ofDevice: 0) < UInt64(Superblock.offset + 128) }

  /// Bytes of the file; nil if it ends before.
  func bytes(at offset: UInt64, count: Int) -> [UInt8]? {
    let found = mapped(device: 0, at: offset, count: count)?.bytes
    return found?.count == count ? found : nil
  }

  /// Whether an EROFS superblock is where that of an image at `offset` would be.
  public func hasImage(at offset: UInt64) -> Bool {
    let (start, isHuge) = offset.addingReportingOverflow(UInt64(Superblock.offset))
    return !isHuge && bytes(at: start, count: 4) == [0xE2, 0xE1, 0xF5, 0xE0]
  }
}

/// The bytes by which a kind of file is known.
private struct FileSignature: Sendable {
  let offset: UInt64
  let bytes: [UInt8]
  let text: String

  init(at offset: UInt64 = 0, _ bytes: [UInt8], _ text: String) {
    (self.offset, self.bytes, self.text) = (offset, bytes, text)
  }

  init(at offset: UInt64 = 0, _ bytes: String, _ text: String) { self.init(at: offset, Array(bytes.utf8), text) }

  private static let unpack = "which may hold an EROFS image: unpack it with"
  private static let make = "to make an EROFS image of it, unpack it and use erofs mkfs"

  /// Containers come first: they may hold anything, also the bytes of another.
  static let all = [
    FileSignature([0x3A, 0xFF, 0x26, 0xED], "an Android sparse image: convert it with simg2img first"),
    FileSignature([0x1F, 0x8B], "gzip data, \(unpack) gzip -d or zcat"),
    FileSignature([0x28, 0xB5, 0x2F, 0xFD], "Zstandard data, \(unpack) zstd -d or zstdcat"),
    FileSignature([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], "xz data, \(unpack) xz -d or xzcat"),
    FileSignature([0x04, 0x22, 0x4D, 0x18], "LZ4 data, \(unpack) lz4 -d"),
    FileSignature("BZh", "bzip2 data, \(unpack) bzip2 -d or bzcat"),
    FileSignature([0x50, 0x4B, 0x03, 0x04], "a ZIP archive, \(unpack) unzip"),
    FileSignature([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], "a 7z archive, \(unpack) 7z x"),
    FileSignature("QFI\u{FB}".unicodeScalars.map { UInt8($0.value) }, "a QEMU disk image: use qemu-img convert -O raw"),
    FileSignature("ANDROID!", "an Android boot image: EROFS images are in system, vendor and product instead"),
    FileSignature(at: 4096, [0x67, 0x44, 0x6C, 0x61], "an Android super image: take the partitions out with lpunpack"),
    FileSignature([0x27, 0x05, 0x19, 0x56], "a U-Boot image: take its content out with dumpimage"),
    FileSignature([0xD0, 0x0D, 0xFE, 0xED], "a device tree or a FIT image: take its content out with dumpimage"),
    FileSignature("UBI#", "a UBI image: attach it, and read its volumes"),
    FileSignature("LUKS\u{BA}\u{BE}".unicodeScalars.map { UInt8($0.value) }, "a LUKS volume: open it with cryptsetup"),
    FileSignature(
      "verity\0\0", "the hash tree of dm-verity: the image is the data device, or comes before the tree in one file"),
    FileSignature("hsqs", "a SquashFS image: \(make) (unsquashfs unpacks it)"),
    FileSignature("sqsh", "a SquashFS image of a big-endian machine: \(make)"),
    FileSignature([0x45, 0x3D, 0xCD, 0x28], "a cramfs image: \(make)"),
    FileSignature("-rom1fs-", "a romfs image: \(make)"),
    FileSignature("XFSB", "an XFS file system: mount it with the system's driver"),
    FileSignature(at: 0x438, [0x53, 0xEF], "an ext2, ext3 or ext4 file system: mount it with the system's driver"),
    FileSignature(at: 0x400, [0x10, 0x20, 0xF5, 0xF2], "an F2FS file system: mount it with the system's driver"),
    FileSignature(at: 0x10040, "_BHRfS_M", "a Btrfs file system: mount it with the system's driver"),
    FileSignature(at: 0x8001, "CD001", "an ISO 9660 image: mount it, or look inside with isoinfo or bsdtar"),
    FileSignature("070701", "a cpio archive: erofs mkfs can make an EROFS image of it"),
    FileSignature("070702", "a cpio archive: erofs mkfs can make an EROFS image of it"),
    FileSignature("070707", "a cpio archive of the old portable form: \(make)"),
    FileSignature([0xC7, 0x71], "a binary cpio archive: \(make)"),
    FileSignature(at: 257, "ustar", "a tar archive: \(make)"),
    FileSignature([0x7F, 0x45, 0x4C, 0x46], "an ELF program or library"),
  ]
}
