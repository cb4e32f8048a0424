// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Byte strings one after another, each with its length in front, in segments of 1 MiB that no string crosses.
struct BytePool: Sendable {
  /// Names, targets of symbolic links and paths of sources are shorter.
  static var longest: Int { 0x7FFF }
  private static var shift: Int { 20 }

  private var segments: [[UInt8]] = []

  /// The place of a copy of `bytes`; nil after 4 GiB.
  mutating func add(_ bytes: some Collection<UInt8>) -> UInt32? {
    precondition(bytes.count <= Self.longest)
    if segments.isEmpty || segments[segments.count - 1].count + bytes.count + 2 > 1 << Self.shift {
      if segments.count == 1 << (32 - Self.shift) { return nil }
      segments.append([])
      if segments.count > 1 { segments[segments.count - 1].reserveCapacity(1 << Self.shift) }
    }
    let last = segments.count - 1
    let place = UInt32(last << Self.shift | segments[last].count)
    if bytes.count < 0x80 {
      segments[last].append(UInt8(bytes.count))
    } else {
      segments[last].append(UInt8(0x80 | bytes.count >> 8))
      segments[last].append(UInt8(bytes.count & 0xFF))
    }
    segments[last].append(contentsOf: bytes)
    return place
  }

  subscript(place: UInt32) -> ArraySlice<UInt8> {
    let segment = segments[Int(place) >> Self.shift]
    let start = Int(place) & (1 << Self.shift - 1)
    let first = Int(segment[start])
    if first < 0x80 { return segment[start + 1..<start + 1 + first] }
    let count = (first & 0x7F) << 8 | Int(segment[start + 1])
    return segment[start + 2..<start + 2 + count]
  }
}
