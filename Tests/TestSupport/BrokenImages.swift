// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSFormatWriting

/// A small image that has one fault, and what whoever reads all of it must say.
package struct BrokenImage: Sendable {
  package let name: String
  package let bytes: [UInt8]
  package let error: EROFSError

  /// Where the inode of the image's one file is; its map header, and an index or a table of records of 16 bytes.
  static let file = 4096
  static let header = file + ExtendedInodeRecord.byteCount
  static let table = header + MapHeaderRecord.byteCount + MapHeaderRecord.fullIndexGap
  static let nid = CraftedImage.nid(at: file)
  /// Where there is an empty file, that the names in a broken directory refer to.
  static let emptyFile = file + 256

  /// An image with one name in its root, `f`.
  static func make(
    _ name: String, _ error: EROFSError, nid: UInt64 = nid, kind: InodeKind = .regular, called: String = "f",
    _ fill: (inout CraftedImage) -> Void
  ) -> BrokenImage {
    var image = CraftedImage()
    fill(&image)
    let entry = CraftedImage.Name(name: Array(called.utf8), nid: nid, kind: kind)
    return BrokenImage(name: name, bytes: image.complete([entry]), error: error)
  }

  /// The same, named after its defect.
  static func make(
    _ defect: Defect, at offset: Int, nid: UInt64 = nid, kind: InodeKind = .regular, called: String = "f",
    _ fill: (inout CraftedImage) -> Void
  ) -> BrokenImage {
    make(
      "\(defect)", .corrupt(defect, at: .device(0, offset: UInt64(offset))), nid: nid, kind: kind, called: called, fill)
  }

  static func position<Value>(_ field: Field<SuperblockRecord, Value>) -> Int {
    SuperblockRecord.start + field.offset
  }

  static let mode = InodeKind.regular.mode | 0o644

  /// The file's inode, which `edit` changes, and what follows it.
  static func file(
    _ layout: DataLayout, size: UInt64, union: UInt32 = .max, xattrs: [UInt8] = [], after: [UInt8] = [],
    _ edit: (inout StoredRecord<ExtendedInodeRecord>) -> Void = { _ in }
  ) -> [UInt8] {
    var inode = CraftedImage.inodeRecord(
      layout, mode: mode, size: size, union: union,
      attributeCount: xattrs.isEmpty ? 0 : XattrHeaderRecord.count(areaBytes: xattrs.count) ?? 0)
    edit(&inode)
    return inode.bytes + xattrs + after
  }

  /// A file with a full index; `algorithms` and `advice` are those of its map header.
  static func indexed(
    size: UInt64, advice: MapAdvice = [], algorithms: UInt8 = 0, _ entries: [StoredRecord<LclusterRecord>]
  ) -> [UInt8] {
    var header = StoredRecord<MapHeaderRecord>()
    header[.advice] = advice.raw
    header[.algorithms] = algorithms
    let gap = [UInt8](repeating: 0, count: MapHeaderRecord.fullIndexGap)
    return file(.compressedFull, size: size, union: 1, after: header.bytes + gap + LclusterIndex.full(entries))
  }

  static func head(_ kind: LclusterKind = .head1, offset: UInt32 = 0, block: UInt32 = 2) -> StoredRecord<LclusterRecord>
  {
    var position = LclusterPosition(raw: 0)
    position.kind = kind
    position.offset = offset
    var record = StoredRecord<LclusterRecord>()
    record[.position] = position.raw
    record[.blockOrDistances] = block
    return record
  }

  static func nonhead(back: UInt32) -> StoredRecord<LclusterRecord> {
    var position = LclusterPosition(raw: 0)
    position.kind = .nonhead
    var distances = LclusterDistances(raw: 0)
    distances.back = back
    var record = StoredRecord<LclusterRecord>()
    record[.position] = position.raw
    record[.blockOrDistances] = distances.raw
    return record
  }

  /// A file with one encoded extent.
  static func encoded(size: UInt64, bytes: UInt32, format: UInt32) -> [UInt8] {
    var length = EncodedLength(raw: 0)
    length.bytes = bytes
    length.format = format
    let table = EncodedExtent.table([EncodedExtent(start: 0, length: length, address: 8192)], recordBytes: 16)
    return file(
      .compressedFull, size: size, union: 1,
      after: CraftedImage.extentHeader(recordBytes: 16, count: 1).bytes
        + [UInt8](repeating: 0, count: BrokenImage.table - header - MapHeaderRecord.byteCount) + table)
  }

  /// A file that is in the packed inode as a whole.
  static func fragment(at offset: UInt64) -> [UInt8] {
    var header = StoredRecord<MapHeaderRecord>()
    header.bytes.put(MapHeader(fragmentAt: offset).raw, at: 0)
    return file(.compressedFull, size: 100, union: 0, after: header.bytes)
  }

  /// A directory of one block with these bytes, and the empty file.
  static func directory(_ block: [UInt8]) -> (inout CraftedImage) -> Void {
    { image in
      let inode = CraftedImage.inode(
        .flatPlain, mode: InodeKind.directory.mode | 0o755, size: UInt64(block.count), union: 2, links: 2)
      image.put(inode, at: file)
      image.put(BrokenImage.file(.flatPlain, size: 0), at: emptyFile)
      image.put(block, at: 2 * CraftedImage.blockBytes)
    }
  }

  /// Two names as a directory has them, the records of which `edit` changes.
  static func twoNames(_ edit: (inout [UInt8]) -> Void = { _ in }) -> [UInt8] {
    var block = DirectoryName.block(
      ["a", "b"].map { DirectoryName(Array($0.utf8), nid: CraftedImage.nid(at: emptyFile), kind: 0) })
    edit(&block)
    return block
  }
}

extension CraftedImage {
  /// An image with one file, `f`, of one compressed extent; `edit` changes the head in its full index. It announces no
  /// feature that such an image need not have. Nothing is stored for the extent.
  package static func compressedFile(_ edit: (inout LclusterPosition) -> Void) -> [UInt8] {
    var head = BrokenImage.head()
    var position = LclusterPosition(raw: head[.position])
    edit(&position)
    head[.position] = position.raw
    let index = [head, BrokenImage.nonhead(back: 1)]
    var image = CraftedImage()
    image.features = IncompatibleFeatures.zeroPadding.rawValue
    image.put(BrokenImage.indexed(size: 7999, index), at: BrokenImage.file)
    return image.complete([Name(name: Array("f".utf8), nid: BrokenImage.nid, kind: .regular)])
  }
}
