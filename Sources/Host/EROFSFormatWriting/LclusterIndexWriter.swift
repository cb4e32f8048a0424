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
    func pack(_ number: Int) -> LclusterPack {
      LclusterPack(of: FileOffset(number), start, FileOffset(entries.count), hasLargePacks: hasLargePacks)
    }
    let width = CompactEntry.valueWidth(blockShift: blockShift)
    let byteCount = compactByteCount(entries.count, at: start, hasLargePacks: hasLargePacks)
    var bytes = [UInt8](repeating: 0, count: byteCount)
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

  /// Bytes of a compact index with so many entries.
  package static func compactByteCount(_ count: Int, at start: FileOffset, hasLargePacks: Bool) -> Int {
    guard count > 0 else { return 0 }
    let last = LclusterPack(of: FileOffset(count - 1), start, FileOffset(count), hasLargePacks: hasLargePacks)
    return Int(last.offset + last.byteCount - start)
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
    var bytes = tableHead(firstAddress: extents.first?.address ?? 0, recordBytes: recordBytes)
    for extent in extents { extent.append(to: &bytes, recordBytes: recordBytes) }
    return bytes
  }

  /// What comes before the records of a table.
  package static func tableHead(firstAddress: UInt64, recordBytes: Int) -> [UInt8] {
    guard recordBytes == 4 else { return [] }
    var bytes = [UInt8](repeating: 0, count: EncodedExtentRecord.firstAddressBytes)
    bytes.put(firstAddress, at: 0)
    return bytes
  }

  /// Adds the extent's record.
  package func append(to bytes: inout [UInt8], recordBytes: Int) {
    let start = bytes.count
    bytes.append(contentsOf: repeatElement(0, count: EncodedExtentRecord.byteCount))
    func set(_ field: Field<EncodedExtentRecord, UInt32>, _ value: UInt32) {
      bytes[field, of: EncodedExtentRecord.self, at: start] = value
    }
    set(.length, length.raw)
    set(.addressLow, UInt32(truncatingIfNeeded: address))
    set(.addressHigh, UInt32(truncatingIfNeeded: address >> 32))
    set(.startLow, UInt32(truncatingIfNeeded: self.start))
    set(.startHigh, UInt32(truncatingIfNeeded: self.start >> 32))
    bytes.removeLast(EncodedExtentRecord.byteCount - recordBytes)
  }
}
