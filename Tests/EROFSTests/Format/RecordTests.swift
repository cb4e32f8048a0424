// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSFormatWriting
import Testing

@Suite struct RecordTests {
  /// The fields cover all that is not reserved; random records come out as they went in.
  private func check<Owner: CopiedRecord>(_: Owner.Type) {
    func bytes(_ byte: () -> UInt8) -> StoredRecord<Owner> {
      StoredRecord((0..<Owner.byteCount).map { at in Owner.reserved.contains { $0.contains(at) } ? 0 : byte() })
    }
    let full = StoredRecord<Owner>([UInt8](repeating: 0xFF, count: Owner.byteCount))
    #expect(full.rewritten == bytes { 0xFF })
    for _ in 0..<1000 {
      let record = bytes { UInt8.random(in: .min ... .max) }
      #expect(record.rewritten == record)
    }
  }

  @Test func fieldsCoverTheirRecords() {
    check(SuperblockRecord.self)
    check(CompactInodeRecord.self)
    check(ExtendedInodeRecord.self)
    check(MapHeaderRecord.self)
    check(LclusterRecord.self)
    check(EncodedExtentRecord.self)
    check(ChunkIndexRecord.self)
    check(DeviceSlotRecord.self)
    check(XattrHeaderRecord.self)
    check(DirectoryRecord.self)
  }

  /// A view of memory, bytes of its own and a field of a word say the same of one record.
  @Test func waysToReachAFieldAgree() {
    var record = StoredRecord<MapHeaderRecord>((0..<8).map { _ in UInt8.random(in: .min ... .max) })
    var header = MapHeader(raw: record.bytes.number(at: 0, as: UInt64.self))
    #expect(header[.advice] == record[.advice] && header[.clusterBits] == record[.clusterBits])
    header[.advice] = 0x1234
    record[.advice] = 0x1234
    var memory = record.bytes
    memory.withUnsafeMutableBytes {
      let view = RecordView<MapHeaderRecord>(unsafe: $0)
      #expect(view[.advice] == 0x1234 && view[.algorithms] == record[.algorithms])
      view[.algorithms] = 7
    }
    record[.algorithms] = 7
    header[.algorithms] = 7
    #expect(memory == record.bytes && header.raw == record.bytes.number(at: 0, as: UInt64.self))
    #expect(MapHeader(fragmentAt: 0x1234_5678_9ABC).raw == 0x8000_1234_5678_9ABC)
  }

  /// A compact index of every length up to some packs, at every place: what is written is what the reader's packs hold.
  @Test func compactIndexes() {
    for start in stride(from: 8, to: 48, by: 8) as StrideTo<FileOffset> {
      for count in 1...70 {
        for hasLargePacks in [false, true] {
          let entries = (0..<count).map {
            CompactEntry(kind: [.plain, .head1, .nonhead, .head2][$0 % 4], value: UInt32($0))
          }
          let bytes = LclusterIndex.compact(
            entries, at: start, blockShift: 12, hasLargePacks: hasLargePacks, base: { UInt32($0 + 0x1000) })
          for number in 0..<count {
            let pack = LclusterPack(
              of: FileOffset(number), start, FileOffset(count), hasLargePacks: hasLargePacks)
            let place = pack.place(of: pack.index)
            var word: UInt32 = 0
            for byte in (0..<3).reversed() { word = word << 8 | UInt32(bytes[Int(place.offset - start) + byte]) }
            let entry = CompactEntry(bits: word >> place.bit & ((1 << UInt32(pack.bits)) - 1), width: 12)
            #expect(entry == entries[number])
            let base = bytes.number(at: Int(pack.baseOffset - start), as: UInt32.self)
            #expect(base == UInt32(number - pack.index + 0x1000))
          }
        }
      }
    }
  }
}
