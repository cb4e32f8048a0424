// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSFormatWriting
import EROFSTools

/// The superblock of an image to which something is added: what it says of what is there already stays.
struct SuperblockUpdate {
  let base: ImageBase
  let kept: KeptInodes
  /// For an image of the same tree that is made from the start.
  let writer: SuperblockWriter

  /// Bytes up to the end of the superblock's block.
  static func headBytes(blockSize: Int) -> Int {
    blockSize > SuperblockRecord.start ? blockSize : SuperblockRecord.start + blockSize
  }

  /// From the start of the image to the end of the superblock's block, changed.
  ///
  /// - Parameters:
  ///   - old: the same bytes of the base.
  ///   - fresh: the superblock of an image of the same tree that is made from the start, with the records after it.
  /// - Throws: ``LayerError`` if the image cannot announce the compression that is added.
  func bytes(_ old: [UInt8], _ fresh: [UInt8], inodes: UInt64, hasPacked: Bool) throws(LayerError) -> [UInt8] {
    let start = SuperblockRecord.start
    func range<Value: FixedWidthInteger>(_ field: Field<SuperblockRecord, Value>) -> Range<Int> {
      start + field.offset..<start + field.offset + MemoryLayout<Value>.size
    }
    var bytes = old
    func take<Value: FixedWidthInteger>(_ field: Field<SuperblockRecord, Value>) {
      bytes.replaceSubrange(range(field), with: fresh[range(field)])
    }
    let known = base.origin.superblock.incompatible
    take(.rootOrBlocks)
    take(.blockCount)
    if base.origin.superblock.incompatible.contains(.wide48Bit) { take(.wideRootNID) }
    take(.uuidLow)
    take(.uuidHigh)
    take(.volumeNameLow)
    take(.volumeNameHigh)
    take(.buildTime)
    // Without a packed inode any number may be there, which what is added would make a NID.
    if hasPacked || !known.contains(.fragments) { take(.packedNID) }
    bytes[.inodeCount, of: SuperblockRecord.self, at: start] = inodes
    let added = IncompatibleFeatures(rawValue: fresh[.incompatible, of: SuperblockRecord.self, at: start])
    if kept.hasCompressed, added.contains(.zeroPadding), !known.contains(.zeroPadding) {
      throw LayerError(
        base.origin.path,
        "its compressed data has no zeros in front, as before Linux 5.4, so that no compressed data can be added")
    }
    bytes[.incompatible, of: SuperblockRecord.self, at: start] = known.union(added).rawValue
    var compatible = base.origin.superblock.compatible.union(.modificationTimes)
    // Without this, an image with a packed inode would have the table of long prefixes there.
    if hasPacked, known.contains(.xattrPrefixes) { compatible.insert(.plainXattrPrefixes) }
    bytes[.compatible, of: SuperblockRecord.self, at: start] = compatible.rawValue
    if !writer.algorithms.isEmpty { try announce(&bytes, fresh, known, added) }
    if compatible.contains(.superblockChecksum) { StoredRecord<SuperblockRecord>.seal(&bytes) }
    return bytes
  }

  /// Sees to it that readers know the algorithms that are added, and the memory that they need.
  private func announce(
    _ bytes: inout [UInt8], _ fresh: [UInt8], _ known: IncompatibleFeatures, _ added: IncompatibleFeatures
  ) throws(LayerError) {
    let path = base.origin.path
    let start = SuperblockRecord.start
    let first = start + SuperblockRecord.byteCount + Int(base.origin.superblock.extraSlots) * 16
    let announced = bytes[.algorithmsOrDistance, of: SuperblockRecord.self, at: start]
    if !known.contains(.compressionRecords) {
      // It announces nothing: LZ4 with clusters of a block needs no record.
      guard added.contains(.compressionRecords) else {
        // The field is LZ4's largest distance, where 0 stands for the largest of all.
        bytes[.algorithmsOrDistance, of: SuperblockRecord.self, at: start] = 0
        return
      }
      let records = writer.records
      let room = (records.count + 31) / 32 * 32
      // Where an inode can start, and none does, nothing is.
      guard first + room <= bytes.count, bytes[first..<first + room].allSatisfy({ $0 == 0 }) else {
        throw LayerError(
          path, "it has no room to announce other compression than lz4 with clusters of one block: make it anew")
      }
      bytes.replaceSubrange(first..<first + records.count, with: records)
      bytes[.algorithmsOrDistance, of: SuperblockRecord.self, at: start] =
        fresh[.algorithmsOrDistance, of: SuperblockRecord.self, at: start]
      return
    }
    let missing = writer.algorithms.filter { announced >> UInt16($0) & 1 == 0 }
    guard missing.isEmpty else {
      let names = missing.sorted().compactMap { Algorithm(rawValue: $0) }.map { "\($0.name)" }.joined(separator: ", ")
      throw LayerError(path, "it does not announce \(names), and has no room to do so: use the algorithms that it has")
    }
    // The records are as long whatever they say.
    var at = first
    for id in 0..<UInt8(16) where announced >> UInt16(id) & 1 != 0 {
      at = (at + CompressionRecord.alignment - 1) / CompressionRecord.alignment * CompressionRecord.alignment
      guard at + 8 <= bytes.count else { throw LayerError(path, "its compression records end behind its first block") }
      let length = CompressionRecord.byteCount + Int(bytes[.length, of: CompressionRecord.self, at: at])
      if writer.algorithms.contains(id) { raise(id, &bytes, at: at) }
      at += length
    }
  }

  /// Has a record announce what is added too, if that needs more.
  private func raise(_ id: UInt8, _ bytes: inout [UInt8], at place: Int) {
    let wanted = writer.record(of: id)
    func raise<Owner: Record, Value: FixedWidthInteger>(_ field: Field<Owner, Value>) {
      let (old, new) = (bytes[field, of: Owner.self, at: place], wanted[field, of: Owner.self, at: 0])
      bytes[field, of: Owner.self, at: place] = max(old, new)
    }
    switch Algorithm(rawValue: id) {
    case .lz4:
      raise(Field<LZ4Record, UInt16>.pclusterBlocks)
      // 0 stands for the largest of all.
      bytes[.maximumDistance, of: LZ4Record.self, at: place] = 0
    case .microLZMA: raise(Field<MicroLZMARecord, UInt32>.dictionaryBytes)
    case .deflate:
      // 0 stands for 15.
      if bytes[.windowBits, of: DeflateRecord.self, at: place] != 0 { raise(Field<DeflateRecord, UInt8>.windowBits) }
    case .zstandard: raise(Field<ZstandardRecord, UInt8>.windowLog)
    case nil: break
    }
  }
}
