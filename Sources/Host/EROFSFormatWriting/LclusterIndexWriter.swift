// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

/// An entry of a full lcluster index, to be written.
package enum LclusterIndex {
  /// The bytes of a full index.
  package static func full(_ entries: [StoredRecord<LclusterRecord>]) -> [UInt8] { entries.flatMap(\.bytes) }

  /// The bytes of a compact index.
  ///
  /// - Parameters:
  ///   - entries: in order. Each value must fit the width, and those in packs of 16 must fit 14 bits with their kind.
  ///   - start: offset of the index in its stream, a multiple of 8: it decides where packs of 16 entries begin.
  ///   - base: the base address of the pack that starts with an entry of that number.
  package static func compact(
    _ entries: [CompactEntry], at start: FileOffset, blockShift: Int, hasLargePacks: Bool, base: (Int) -> UInt32
  ) -> [UInt8] {
    guard !entries.isEmpty else { return [] }
    func pack(_ number: Int) -> LclusterPack {
      LclusterPack(of: FileOffset(number), start, FileOffset(entries.count), hasLargePacks: hasLargePacks)
    }
    let width = CompactEntry.valueWidth(blockShift: blockShift)
    let last = pack(entries.count - 1)
    var bytes = [UInt8](repeating: 0, count: Int(last.offset + last.byteCount - start))
    for (number, entry) in entries.enumerated() {
      let pack = pack(number)
      let place = pack.place(of: pack.index)
      let bits = entry.bits(width: width) << place.bit
      for byte in 0..<3 {
        bytes[Int(place.offset - start) + byte] |= UInt8(truncatingIfNeeded: bits >> UInt32(8 * byte))
      }
      if pack.index == 0 || number == 0 { bytes.put(base(number), at: Int(pack.baseOffset - start)) }
    }
    return bytes
  }
}

/// An extent of a file with encoded extents.
package struct EncodedExtent: Equatable, Sendable {
  /// Byte of the file.
  package var start: UInt64
  package var length: EncodedLength
  /// Byte on the device.
  package var address: UInt64

  package init(start: UInt64, length: EncodedLength, address: UInt64) {
    (self.start, self.length, self.address) = (start, length, address)
  }

  /// The table of these extents, with the address before it if its records have none.
  ///
  /// - Parameter recordBytes: 4, 8, 16 or 32; what does not fit into a record of that size must be 0 or follow from its
  ///   place.
  package static func table(_ extents: [EncodedExtent], recordBytes: Int) -> [UInt8] {
    precondition([4, 8, 16, 32].contains(recordBytes))
    var bytes: [UInt8] = []
    if recordBytes == 4 {
      bytes = [UInt8](repeating: 0, count: EncodedExtentRecord.firstAddressBytes)
      bytes.put(extents.first?.address ?? 0, at: 0)
    }
    for extent in extents {
      var record = StoredRecord<EncodedExtentRecord>()
      record[.length] = extent.length.raw
      record[.addressLow] = UInt32(truncatingIfNeeded: extent.address)
      record[.addressHigh] = UInt32(truncatingIfNeeded: extent.address >> 32)
      record[.startLow] = UInt32(truncatingIfNeeded: extent.start)
      record[.startHigh] = UInt32(truncatingIfNeeded: extent.start >> 32)
      bytes += record.bytes[..<recordBytes]
    }
    return bytes
  }
}
