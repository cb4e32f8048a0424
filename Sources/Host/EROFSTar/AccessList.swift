// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFSTree

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// An access control list as archives have it: entries `user:NAME:rwx`, with commas or line feeds between. A fourth field is
/// the number of the user or group; without it a name that is no number is looked up on this machine.
struct AccessList {
  private struct Entry {
    /// As Linux numbers them; the order in which they are stored, too.
    let tag: UInt16
    let permissions: UInt16
    let id: UInt32

    static let (owner, user, owningGroup, group, mask, other) =
      (UInt16(1), UInt16(2), UInt16(4), UInt16(8), UInt16(16), UInt16(32))
  }

  private var entries: [Entry] = []

  init(_ text: ArraySlice<UInt8>) throws(TarFault) {
    for line in text.split(whereSeparator: { $0 == 0x2C || $0 == 0x0A }) {
      // A comment follows if the mask takes permissions away.
      let words = line.prefix { $0 != 0x23 }.filter { $0 != 0x20 && $0 != 0x09 }
      if words.isEmpty { continue }
      let fields = words.split(separator: 0x3A, omittingEmptySubsequences: false)
        .map { String(decoding: $0, as: UTF8.self) }
      entries.append(try Self.entry(fields))
    }
    entries.sort { ($0.tag, $0.id) < ($1.tag, $1.id) }
    for (one, next) in zip(entries, entries.dropFirst()) where one.tag == next.tag && one.id == next.id {
      throw TarFault(.accessList)
    }
    for needed in [Entry.owner, Entry.owningGroup, Entry.other] where !entries.contains(where: { $0.tag == needed }) {
      throw TarFault(.accessList)
    }
  }

  private static func entry(_ fields: [String]) throws(TarFault) -> Entry {
    // Solaris and star leave the empty name of `mask` and `other` out.
    var fields = fields
    if fields.count == 2, fields[0].hasPrefix("m") || fields[0].hasPrefix("o") { fields.insert("", at: 1) }
    guard (3...4).contains(fields.count) else { throw TarFault(.accessList) }
    let name = fields[1]
    let tag: UInt16
    switch fields[0] {
    case "user", "u": tag = name.isEmpty ? Entry.owner : Entry.user
    case "group", "g": tag = name.isEmpty ? Entry.owningGroup : Entry.group
    case "mask", "m": tag = Entry.mask
    case "other", "o": tag = Entry.other
    default: throw TarFault(.accessList)
    }
    var permissions: UInt16 = 0
    for letter in fields[2] {
      switch letter {
      case "r": permissions |= 4
      case "w": permissions |= 2
      case "x": permissions |= 1
      case "-": break
      default: throw TarFault(.accessList)
      }
    }
    guard tag == Entry.user || tag == Entry.group else {
      return Entry(tag: tag, permissions: permissions, id: .max)
    }
    if fields.count == 4, let id = UInt32(fields[3]) { return Entry(tag: tag, permissions: permissions, id: id) }
    if let id = UInt32(name) { return Entry(tag: tag, permissions: permissions, id: id) }
    let known = tag == Entry.user ? getpwnam(name)?.pointee.pw_uid : getgrnam(name)?.pointee.gr_gid
    guard let known else { throw TarFault(.accessList) }
    return Entry(tag: tag, permissions: permissions, id: known)
  }

  /// What Linux has in the mode of a file with this list: for the group, the mask if there is one.
  var modeBits: UInt16 {
    func bits(_ tag: UInt16) -> UInt16? { entries.first { $0.tag == tag }?.permissions }
    let group = bits(Entry.mask) ?? bits(Entry.owningGroup) ?? 0
    return (bits(Entry.owner) ?? 0) << 6 | group << 3 | (bits(Entry.other) ?? 0)
  }

  /// The value of the extended attribute; nil for a list of the three entries that the mode has.
  func stored(isDefault: Bool) throws(TarFault) -> [UInt8]? {
    if entries.count == 3, !isDefault { return nil }
    // What names a user or group needs a mask.
    if entries.contains(where: { $0.tag == Entry.user || $0.tag == Entry.group }),
      !entries.contains(where: { $0.tag == Entry.mask })
    {
      throw TarFault(.accessList)
    }
    var bytes: [UInt8] = [2, 0, 0, 0]
    for entry in entries {
      for value in [entry.tag, entry.permissions] { bytes += [UInt8(value & 0xFF), UInt8(value >> 8)] }
      for shift in stride(from: UInt32(0), to: 32, by: 8) { bytes.append(UInt8(entry.id >> shift & 0xFF)) }
    }
    return bytes
  }
}
