// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSFormatWriting
import Foundation

/// Writes an image with one file, `file`, that is stored with the codec for a test, an extent for each block:
/// StoredImage CONTENT IMAGE FORMAT, the last being a number for the compression record.
@main enum StoredImage {
  static func main() throws {
    let arguments = CommandLine.arguments
    guard arguments.count == 4, let format = UInt8(arguments[3]) else { exit(64) }
    let content = [UInt8](try Data(contentsOf: URL(fileURLWithPath: arguments[1])))
    try Data(image(content, format: format)).write(to: URL(fileURLWithPath: arguments[2]))
  }

  static func image(_ content: [UInt8], format: UInt8) -> [UInt8] {
    var image = CraftedImage()
    image.features = IncompatibleFeatures([.zeroPadding, .compressionRecords]).rawValue
    image.algorithms = 1 << UInt16(Algorithm.stored.rawValue)
    var record = StoredRecord<StoredDataRecord>()
    record.bytes[.length, of: CompressionRecord.self, at: 0] =
      UInt16(StoredDataRecord.byteCount - CompressionRecord.byteCount)
    record[.format] = format
    image.put(record.bytes, at: SuperblockRecord.start + SuperblockRecord.byteCount)

    var index: [StoredRecord<LclusterRecord>] = []
    for start in stride(from: 0, to: content.count, by: CraftedImage.blockBytes) {
      let bytes = content[start..<min(start + CraftedImage.blockBytes, content.count)]
      let padding = [UInt8](repeating: 0, count: CraftedImage.blockBytes - bytes.count)
      let place = image.add(padding + bytes, alignment: CraftedImage.blockBytes)
      var position = LclusterPosition(raw: 0)
      position.kind = .head1
      var entry = StoredRecord<LclusterRecord>()
      entry[.position] = position.raw
      entry[.blockOrDistances] = UInt32(place / CraftedImage.blockBytes)
      index.append(entry)
    }
    var algorithms = MapAlgorithms(raw: 0)
    algorithms.head1 = Algorithm.stored.rawValue
    var header = StoredRecord<MapHeaderRecord>()
    header[.algorithms] = algorithms.raw
    let inode = CraftedImage.inode(
      .compressedFull, mode: InodeKind.regular.mode | 0o644, size: UInt64(content.count), union: UInt32(index.count))
    let gap = [UInt8](repeating: 0, count: MapHeaderRecord.fullIndexGap)
    let place = image.add(
      inode + header.bytes + gap + LclusterIndex.full(index), alignment: CraftedImage.blockBytes)
    return image.complete([
      CraftedImage.Name(name: Array("file".utf8), nid: CraftedImage.nid(at: place), kind: .regular)
    ])
  }
}
