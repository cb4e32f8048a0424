// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import Testing

/// Each bit of a bit field belongs to one part, and a part is written to where it is read from.
@Suite struct BitFieldTests {
  /// Takes values apart and puts them together again: all of up to 16 bits, else those of one bit and random ones.
  private func check<Value: BitField>(_: Value.Type, _ copy: @escaping (Value, inout Value) -> Void) {
    var random = SystemRandomNumberGenerator()
    func same(_ raw: Value.Raw) -> Bool {
      var other = Value(raw: 0)
      copy(Value(raw: raw), &other)
      return other.raw == raw
    }
    if Value.Raw.bitWidth <= 16 {
      #expect((Value.Raw.min...Value.Raw.max).allSatisfy(same))
    } else {
      #expect((0..<Value.Raw.bitWidth).allSatisfy { same(1 << Value.Raw($0)) })
      #expect((0..<10000).allSatisfy { _ in same(Value.Raw.random(in: .min ... .max, using: &random)) })
    }
  }

  @Test func inodeFormat() {
    check(InodeFormat.self) { from, to in
      to.isExtended = from.isExtended
      to.layout = from.layout
      to.omitsDot = from.omitsDot
      to.reserved = from.reserved
    }
    var format = InodeFormat(raw: 0)
    format.hasHighBits = true
    #expect(format.raw == 0x10 && format.omitsDot)
    format.layout = DataLayout.chunked.rawValue
    #expect(format.raw == 0x18)
  }

  @Test func chunks() {
    check(ChunkFormat.self) { from, to in
      to.shift = from.shift
      to.hasIndexes = from.hasIndexes
      to.isWide = from.isWide
      to.reserved = from.reserved
    }
    check(ChunkPlace.self) { from, to in
      to.blockHigh = from.blockHigh
      to.device = from.device
    }
    #expect(ChunkFormat(raw: 0x20).hasIndexes && ChunkFormat(raw: 0x40).isWide && ChunkFormat(raw: 0x9F).shift == 31)
  }

  @Test func mapHeaders() {
    check(MapAlgorithms.self) { from, to in
      to.head1 = from.head1
      to.head2 = from.head2
    }
    check(MapClusterBits.self) { from, to in
      to.shift = from.shift
      to.reserved = from.reserved
      to.isFragment = from.isFragment
    }
    #expect(MapAlgorithms(raw: 0x12).head1 == 2 && MapClusterBits(raw: 0x80).isFragment)
    for shift: UInt16 in 0...3 {
      var advice: MapAdvice = [.extents]
      advice.recordShift = shift
      #expect(advice.raw == 1 | shift << 1 && advice.recordShift == shift)
    }
    for raw in UInt16.min...UInt16.max { #expect(MapAdvice(rawValue: raw).raw == raw) }
  }

  @Test func lclusters() {
    check(LclusterPosition.self) { from, to in
      to.kind = from.kind
      to.reserved = from.reserved
      to.isHole = from.isHole
      to.isPartial = from.isPartial
      to.offset = from.offset
    }
    check(LclusterDistances.self) { from, to in
      to.back = from.back
      to.ahead = from.ahead
    }
    for blocks: UInt32 in 0..<2048 {
      let back = LookBack(blocks: blocks)
      #expect(back.isCount && back.blocks == blocks && back.raw == 0x800 | blocks)
    }
  }

  @Test func compactEntries() {
    for blockShift in 9...14 {
      let width = CompactEntry.valueWidth(blockShift: blockShift)
      #expect(width == UInt32(max(12, blockShift)))
      for bits in 0..<(UInt32(1) << (width + 2)) {
        let entry = CompactEntry(bits: bits, width: width)
        #expect(entry.bits(width: width) == bits && entry == CompactEntry(kind: entry.kind, value: entry.value))
        #expect(entry.isHead == (entry.kind != .nonhead))
      }
    }
  }

  @Test func others() {
    check(EncodedLength.self) { from, to in
      to.bytes = from.bytes
      to.reserved = from.reserved
      to.isPartial = from.isPartial
      to.format = from.format
    }
    check(DeviceSlotHigh.self) { from, to in
      to.blocks = from.blocks
      to.unifiedBlock = from.unifiedBlock
    }
    check(XattrEntrySizes.self) { from, to in
      to.nameBytes = from.nameBytes
      to.nameIndex = from.nameIndex
      to.valueBytes = from.valueBytes
    }
    check(XattrNameIndex.self) { from, to in
      to.number = from.number
      to.isLongPrefix = from.isLongPrefix
    }
  }

  @Test func modesAndDevices() {
    for kind in InodeKind.allCases { #expect(InodeKind(mode: kind.mode | 0o7777) == kind) }
    #expect((0...UInt16.max).allSatisfy { mode in InodeKind(mode: mode).map { $0.mode == mode & 0o170000 } ?? true })
    for _ in 0..<10000 {
      let raw = UInt32.random(in: .min ... .max)
      #expect(DeviceNumber(stored: raw).stored == raw)
    }
    #expect(DeviceNumber(major: 0x1000, minor: 0).stored == nil && DeviceNumber(major: 0, minor: 1 << 20).stored == nil)
  }

  @Test func hashes() {
    // The published values of xxHash for an empty input, and for "abc", with a seed of 0.
    var hash = XXH32(seed: 0)
    #expect(hash.digest == 0x02CC_5D05)
    for byte in "abc".utf8 { hash.update(byte) }
    #expect(hash.digest == 0x32D1_53FF)
    // That of CRC-32C for "123456789", without the final inversion.
    var crc = CRC32C()
    for byte in "123456789".utf8 { crc.update(byte) }
    #expect(~crc.value == 0xE306_9283)
  }
}
