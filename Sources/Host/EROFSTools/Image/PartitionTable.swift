// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

/// The partitions of a disk image, and those among them that hold an EROFS image.
struct PartitionTable {
  private let kind: String
  private var count = 0
  private var offsets: [UInt64] = []

  /// More logical partitions than this are not followed: their records could form a circle.
  private static let mostLogical = 128
  private static let mostEntries: UInt64 = 1024

  /// The table at the start of a file; nil if there is none.
  init?(_ image: ImageFile) {
    for sectorBytes: UInt64 in [512, 4096] where image.bytes(at: sectorBytes, count: 8) == Array("EFI PART".utf8) {
      kind = "GPT"
      readGPT(image, sectorBytes)
      return
    }
    kind = "MBR"
    guard let sector = image.bytes(at: 0, count: 512), sector.suffix(2) == [0x55, 0xAA] else { return nil }
    let entries = Self.entries(sector)
    // The boot sectors of FAT and NTFS end with the same bytes.
    guard !entries.isEmpty, (0..<4).allSatisfy({ sector[446 + 16 * $0] & 0x7F == 0 }) else { return nil }
    for entry in entries {
      if Self.isExtended(entry.type) { readLogical(image, entry.start) } else { add(image, entry.start, 512) }
    }
  }

  var content: ForeignContent {
    let places = offsets.map { "\($0)" }.joined(separator: ", ")
    let found =
      switch offsets.count {
      case 0: "none of them holds an EROFS image"
      case 1: "one holds an EROFS image, from byte \(places)"
      default: "\(offsets.count) hold an EROFS image, from bytes \(places)"
      }
    return ForeignContent(
      text: "a disk image with \(count.counting("partition")) (\(kind)); \(found)", offsets: offsets)
  }

  private mutating func add(_ image: ImageFile, _ sector: UInt64, _ sectorBytes: UInt64) {
    count += 1
    let (offset, isHuge) = sector.multipliedReportingOverflow(by: sectorBytes)
    if !isHuge, image.hasImage(at: offset) { offsets.append(offset) }
  }

  private static func number(_ bytes: [UInt8], _ at: Int, _ count: Int) -> UInt64 {
    (0..<count).reduce(0) { $0 | UInt64(bytes[at + $1]) << UInt64(8 * $1) }
  }

  private mutating func readGPT(_ image: ImageFile, _ sectorBytes: UInt64) {
    guard let header = image.bytes(at: sectorBytes, count: 92) else { return }
    let (start, isHuge) = Self.number(header, 72, 8).multipliedReportingOverflow(by: sectorBytes)
    let entryBytes = Self.number(header, 84, 4)
    guard !isHuge, (128...4096).contains(entryBytes) else { return }
    for index in 0..<min(Self.number(header, 80, 4), Self.mostEntries) {
      let (at, isHuge) = start.addingReportingOverflow(index * entryBytes)
      guard !isHuge, let entry = image.bytes(at: at, count: 128) else { return }
      // A type of zeros is an entry that is not used.
      if entry.prefix(16).contains(where: { $0 != 0 }) { add(image, Self.number(entry, 32, 8), sectorBytes) }
    }
  }

  private static func isExtended(_ type: UInt8) -> Bool { [0x05, 0x0F, 0x85].contains(type) }

  private static func entries(_ sector: [UInt8]) -> [(type: UInt8, start: UInt64)] {
    (0..<4).map { (sector[446 + 16 * $0 + 4], number(sector, 446 + 16 * $0 + 8, 4)) }.filter { $0.0 != 0 && $0.1 != 0 }
  }

  private mutating func readLogical(_ image: ImageFile, _ first: UInt64) {
    var next = first
    for _ in 0..<Self.mostLogical {
      guard let sector = image.bytes(at: next * 512, count: 512), sector.suffix(2) == [0x55, 0xAA] else { return }
      let entries = Self.entries(sector)
      for entry in entries where !Self.isExtended(entry.type) { add(image, next + entry.start, 512) }
      guard let link = entries.first(where: { Self.isExtended($0.type) }) else { return }
      next = first + link.start
    }
  }
}
