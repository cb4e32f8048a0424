// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

// A compact lcluster index (Format.md, section 10.4): entries of 14 or 16 bits in packs that end with a base block address of
// 4 bytes. An entry of `width` + 2 bits has its kind in the highest two, and the value in the others.

/// An entry of a compact index, taken out of its pack: its kind in the two highest bits, so that it is the same for each
/// width.
@usableFromInline package struct CompactEntry: BitField {
  @usableFromInline package var raw: UInt32

  @inlinable @inline(__always)
  package init(raw: UInt32) { self.raw = raw }

  @usableFromInline static var valueBits: Bits<UInt32> { @inline(__always) get { .init(0, count: 30) } }
  @usableFromInline static var kindBits: Bits<UInt32> { @inline(__always) get { .init(30, count: 2) } }

  /// From the bits that start with those of an entry.
  ///
  /// - Parameter width: bits of the value, 12 ... 14: see ``valueWidth(blockShift:)``.
  @inlinable @inline(__always)
  package init(bits: UInt32, width: UInt32) {
    raw = (bits &>> width) &<< 30 | bits & ((1 &<< width) &- 1)
  }

  @inlinable
  package init(kind: LclusterKind, value: UInt32) {
    raw = value
    Self.kindBits.set(&raw, to: UInt32(kind.rawValue))
  }

  /// Its bits in a pack. The value must fit.
  @inlinable
  package func bits(width: UInt32) -> UInt32 {
    precondition(value &>> width == 0)
    return UInt32(kind.rawValue) &<< width | value
  }

  /// Bits of the value.
  @inlinable @inline(__always)
  package static func valueWidth(blockShift: Int) -> UInt32 { UInt32(truncatingIfNeeded: max(blockShift, 12)) }

  /// Whether the entry is a head; every kind but `nonhead` is one.
  @inlinable package var isHead: Bool {
    @inline(__always) get { Self.kindBits.get(raw) != UInt32(LclusterKind.nonhead.rawValue) }
  }
  @inlinable package var kind: LclusterKind { @inline(__always) get { LclusterKind(bits: Self.kindBits.get(raw)) } }
  /// Heads: byte of the lcluster at which the extent starts. Non-heads: ``LookBack``; in the last entry of a pack lclusters
  /// forward to the next head.
  @inlinable package var value: UInt32 { @inline(__always) get { Self.valueBits.get(raw) } }
}

/// The group of entries of a compact index that share a base address.
package struct LclusterPack: Equatable, Sendable {
  package var offset: FileOffset
  /// Number in the pack of the entry that it was made for.
  package var index: Int
  /// Bits of an entry: 16, of which a pack has 2, or 14, of which it has 16.
  package var bits: Int

  /// Bytes before the base address.
  package var entryBytes: FileOffset { bits == 16 ? 4 : 28 }
  package var last: Int { bits == 16 ? 1 : 15 }
  /// Bytes of the base address.
  package static var baseBytes: FileOffset { 4 }
  package var byteCount: FileOffset { entryBytes &+ Self.baseBytes }
  package var baseOffset: FileOffset { offset &+ entryBytes }

  /// Byte at which the bits of entry `number` start, and the bit in it. An entry spans at most three bytes, all before the
  /// end of the base address.
  @inline(__always)
  package func place(of number: Int) -> (offset: FileOffset, bit: UInt32) {
    let bit = number &* bits
    return (offset &+ FileOffset(truncatingIfNeeded: bit &>> 3), UInt32(truncatingIfNeeded: bit & 7))
  }

  /// The pack of entry `number` of an index of `count` entries that starts at `start`.
  @inline(__always)
  package init(of number: FileOffset, _ start: FileOffset, _ count: FileOffset, hasLargePacks: Bool) {
    // Entries that come in packs of 8 bytes before the first pack of 32, which is aligned to its size.
    let leading = ((32 &- (start & 31)) &>> 2) & 7
    bits = 16
    offset = start
    var at = number
    if hasLargePacks, number >= leading {
      at &-= leading
      offset &+= 4 &* leading
      let large = (count &- leading) & ~15
      if at < large {
        bits = 14
        offset &+= (at &>> 4) &* 32
        index = Int(truncatingIfNeeded: at & 15)
        return
      }
      at &-= large
      offset &+= 2 &* large
    }
    offset &+= (at &>> 1) &* 8
    index = Int(truncatingIfNeeded: at & 1)
  }
}
