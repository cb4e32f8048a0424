// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

/// An entry of an xattr area or of the shared pool, to be written.
package struct XattrEntry: Equatable, Sendable {
  package var index: XattrNameIndex
  /// As it is stored: without its prefix; 255 bytes at most.
  package var name: [UInt8]
  /// 65535 bytes at most.
  package var value: [UInt8]

  package init(_ index: XattrNameIndex, name: [UInt8], value: [UInt8]) {
    (self.index, self.name, self.value) = (index, name, value)
  }

  /// With the zeros up to the next entry.
  package var bytes: [UInt8] {
    var sizes = XattrEntrySizes(raw: 0)
    sizes.nameBytes = UInt32(name.count)
    sizes.nameIndex = UInt32(index.raw)
    sizes.valueBytes = UInt32(value.count)
    var record = StoredRecord<XattrEntryRecord>()
    record[.sizes] = sizes.raw
    var bytes = record.bytes + name + value
    bytes.align(to: XattrEntryRecord.alignment)
    return bytes
  }
}

/// The xattr area of an inode, to be written; its bytes follow the inode.
package struct XattrArea: Equatable, Sendable {
  /// 0 says nothing.
  package var filter = XattrFilter(raw: 0)
  /// Positions in the shared pool, in units of 4 bytes; 255 at most.
  package var shared: [UInt32] = []
  package var entries: [XattrEntry] = []

  package init() {}

  /// None for an inode without attributes.
  package var bytes: [UInt8] {
    if shared.isEmpty, entries.isEmpty { return [] }
    var header = StoredRecord<XattrHeaderRecord>()
    header[.nameFilter] = filter.raw
    header[.sharedCount] = UInt8(shared.count)
    var bytes = header.bytes
    for id in shared {
      var record = StoredRecord<SharedXattrRecord>()
      record[.id] = id
      bytes += record.bytes
    }
    return entries.reduce(into: bytes) { $0 += $1.bytes }
  }
}

extension XattrFilter {
  /// Notes an attribute: the number of its namespace, and its name without the namespace's prefix but with a long prefix's
  /// text.
  package mutating func insert(namespace: UInt8, name: [UInt8]) {
    insert(hash: Self.hash(namespace: namespace, name: name))
  }

  package static func hash(namespace: UInt8, name: [UInt8]) -> UInt32 {
    var hash = XXH32(seed: seed(namespace: namespace))
    for byte in name { hash.update(byte) }
    return hash.digest
  }
}

/// A record of the table of long prefixes, to be written.
package struct LongXattrPrefix: Equatable, Sendable {
  package var base: UInt8
  /// 255 bytes at most.
  package var text: [UInt8]

  package init(base: UInt8, text: [UInt8]) { (self.base, self.text) = (base, text) }

  /// The table; it starts at a multiple of 4.
  package static func table(_ prefixes: [LongXattrPrefix]) -> [UInt8] {
    var bytes: [UInt8] = []
    for prefix in prefixes {
      bytes.align(to: XattrPrefixRecord.alignment)
      var record = StoredRecord<XattrPrefixRecord>()
      record[.size] = UInt16(prefix.text.count + XattrPrefixRecord.countedBytes)
      record[.base] = prefix.base
      bytes += record.bytes + prefix.text
    }
    return bytes
  }
}
