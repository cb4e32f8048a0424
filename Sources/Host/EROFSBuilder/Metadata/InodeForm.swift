// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSFormatWriting
import EROFSTree

/// What inodes of an image have in common, and how one is written.
struct InodeForm {
  /// The time of compact inodes.
  let epoch: Time
  let options: BuildOptions

  /// What an inode says of its content.
  struct Content {
    var layout = DataLayout.flatPlain
    var size: UInt64 = 0
    /// Block address, number of blocks, device number or chunk format.
    var union: UInt64 = InodeForm.null
    var omitsDot = false
  }

  /// Block address for none.
  static let null: UInt64 = 1 << 48 - 1

  /// - Throws: if only compact inodes are wanted and one does not hold it.
  func isCompact(
    _ metadata: Metadata, links: UInt32, _ content: Content, path: () -> [UInt8]
  ) throws(BuildError) -> Bool {
    if options.inodes == .extended { return false }
    let size = content.size
    let isNear = content.union == Self.null || content.union >> 32 == 0
    let fits =
      (isNear || links == 1 && metadata.kind != .directory) && size <= UInt64(UInt32.max)
      && metadata.user <= UInt32(UInt16.max) && metadata.group <= UInt32(UInt16.max)
      && links <= UInt32(UInt16.max)
    if options.inodes == .compact {
      guard fits else {
        throw .unrepresentable(
          path: path(), "its size, owner or number of names does not fit a compact inode, and only those are wanted")
      }
      return true
    }
    return fits && (!options.keepsTimes || offset(of: metadata.time) != nil)
  }

  /// Seconds after the epoch, if a compact inode can say that time.
  private func offset(of time: Time) -> UInt32? {
    guard time.nanoseconds == epoch.nanoseconds else { return nil }
    let (seconds, overflow) = time.seconds.subtractingReportingOverflow(epoch.seconds)
    // Linux adds it since 6.15 only, which is also what wide addresses need.
    guard !overflow, let offset = UInt32(exactly: seconds), offset == 0 || options.wideAddresses else { return nil }
    return offset
  }

  func bytes(
    _ metadata: Metadata, links: UInt32, number: UInt32, attributeBytes: Int, isCompact: Bool, _ content: Content
  ) -> [UInt8] {
    var format = InodeFormat(raw: 0)
    format.isExtended = !isCompact
    format.layout = content.layout.rawValue
    if content.omitsDot { format.omitsDot = true }
    let attributes = attributeBytes == 0 ? 0 : XattrHeaderRecord.count(areaBytes: attributeBytes)!
    let low = UInt32(truncatingIfNeeded: content.union)
    if isCompact {
      var record = StoredRecord<CompactInodeRecord>()
      // An address of more than 32 bits has room in place of the link count.
      if content.union != Self.null, content.union >> 32 != 0 {
        format.hasHighBits = true
        record[.linkCountOrHigh] = UInt16(content.union >> 32)
      } else {
        record[.linkCountOrHigh] = UInt16(links)
      }
      record[.format] = format.raw
      record[.xattrCount] = attributes
      record[.mode] = metadata.mode
      record[.size] = UInt32(content.size)
      record[.modificationTime] = options.keepsTimes ? offset(of: metadata.time) ?? 0 : 0
      record[.union] = low
      record[.serialNumber] = number
      record[.userID] = UInt16(metadata.user)
      record[.groupID] = UInt16(metadata.group)
      return record.bytes
    }
    var record = StoredRecord<ExtendedInodeRecord>()
    record[.format] = format.raw
    record[.xattrCount] = attributes
    record[.mode] = metadata.mode
    record[.high] =
      content.union == Self.null && !options.wideAddresses ? 0 : UInt16(truncatingIfNeeded: content.union >> 32)
    record[.size] = content.size
    record[.union] = low
    record[.serialNumber] = number
    record[.userID] = metadata.user
    record[.groupID] = metadata.group
    let time = options.keepsTimes ? metadata.time : epoch
    record[.modificationTime] = time.seconds
    record[.nanoseconds] = time.nanoseconds
    record[.linkCount] = links
    return record.bytes
  }
}
