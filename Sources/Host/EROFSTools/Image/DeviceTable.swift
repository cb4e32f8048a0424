// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import SystemPackage

/// A slot of an image's device table.
public struct DeviceSlot: Sendable {
  /// Counts from 1.
  public let number: Int
  /// 64 bytes at most, without the zeros after them: a name, or the UUID of the image on the device as 32 digits.
  public let tag: [UInt8]
  public let blocks: UInt64
  /// The device's first block in the address space of the primary device; 0 if it is not mapped there.
  public let firstBlock: UInt64

  /// The tag's UUID, nil if the tag is something else.
  public var uuid: [UInt8]? {
    guard tag.count == 32 else { return nil }
    let digits = tag.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
    guard digits.count == 32 else { return nil }
    return stride(from: 0, to: 32, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }
}

extension DeviceSlot {
  /// Its length, place and tag, in one line.
  public var text: String {
    let place = firstBlock == 0 ? "not mapped" : "from block \(firstBlock)"
    return "\(blocks.counting("block")), \(place), tag \(tag.isEmpty ? "none" : tag.printable)"
  }

  package var json: JSON {
    .object(
      [("number", JSON(number)), ("blocks", JSON(blocks)), ("first_block", JSON(firstBlock))]
        + JSON.members("tag", tag))
  }
}

/// Extra devices that are not those of an image.
public enum DeviceError: Error, Equatable, CustomStringConvertible {
  /// Others were given than the image has.
  case count(given: Int, needed: Int)
  case tooShort(Int, bytes: UInt64, needed: UInt64)
  /// The device holds the image of another slot, or of none.
  case other(Int, belongsTo: Int?)

  public var description: String {
    switch self {
    case .count(let given, let needed):
      "\(given.counting("extra device")) given, but the image has \(needed == 0 ? "none" : "\(needed)")"
    case .tooShort(let number, let bytes, let needed):
      "extra device \(number) is too short: it has \(bytes.grouped) bytes, and its slot says \(needed.grouped)"
    case .other(let number, let owner?):
      "extra device \(number) is the one that belongs in place \(owner): the order is that of the device table"
    case .other(let number, nil):
      "extra device \(number) holds another image: its UUID is not the one in the device table"
    }
  }
}

extension ImageFile {
  /// The slots of the device table.
  ///
  /// - Throws: `corrupt` with `outsideDevice` if the table is not in the image.
  public func deviceTable(_ superblock: Superblock) throws(EROFSError) -> [DeviceSlot] {
    var slots: [DeviceSlot] = []
    let isWide = superblock.incompatible.contains(.wide48Bit)
    let slotBytes = UInt64(DeviceSlotRecord.byteCount)
    for index in 0..<superblock.extraDevices {
      let offset = superblock.deviceTableOffset + slotBytes * UInt64(index)
      guard let page = mapped(device: 0, at: offset, count: Int(slotBytes)) else {
        throw .corrupt(.outsideDevice, at: .device(0, offset: offset))
      }
      let bytes = page.bytes
      func number(_ field: Field<DeviceSlotRecord, UInt32>) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[field.offset + $1]) << UInt32(8 * $1) }
      }
      let high = DeviceSlotHigh(raw: isWide ? number(.high) : 0)
      slots.append(
        DeviceSlot(
          number: index + 1, tag: Array(bytes.prefix(DeviceSlotRecord.tagBytes).prefix { $0 != 0 }),
          blocks: UInt64(high.blocks) << 32 | UInt64(number(.blocks)),
          firstBlock: UInt64(high.unifiedBlock) << 32 | UInt64(number(.unifiedBlock))))
    }
    return slots
  }

  /// Checks that the extra devices are those of the image, or that there are none: by their number, their lengths, and the
  /// UUIDs in their slots.
  ///
  /// - Throws: ``DeviceError``, or an `EROFSError` if the device table cannot be read.
  public func checkDevices(_ superblock: Superblock) throws {
    guard deviceCount > 0 else { return }
    guard deviceCount == superblock.extraDevices else {
      throw DeviceError.count(given: deviceCount, needed: superblock.extraDevices)
    }
    let slots = try deviceTable(superblock)
    for slot in slots {
      if let wanted = slot.uuid, let found = uuid(ofDevice: slot.number), found != wanted {
        throw DeviceError.other(slot.number, belongsTo: slots.first { $0.uuid == found }?.number)
      }
    }
    for slot in slots {
      let (needed, isHuge) = slot.blocks.multipliedReportingOverflow(by: UInt64(superblock.blockSize))
      let bytes = byteCount(ofDevice: slot.number)
      guard !isHuge, bytes >= needed else {
        throw DeviceError.tooShort(slot.number, bytes: bytes, needed: isHuge ? .max : needed)
      }
    }
  }

  /// The UUID of the EROFS image on an extra device; nil if there is none.
  private func uuid(ofDevice device: Int) -> [UInt8]? {
    let start = UInt64(Superblock.offset)
    guard let record = mapped(device: device, at: start, count: 128)?.bytes,
      record.prefix(4).elementsEqual([0xE2, 0xE1, 0xF5, 0xE0])
    else { return nil }
    return Array(record[0x30..<0x40])
  }
}
