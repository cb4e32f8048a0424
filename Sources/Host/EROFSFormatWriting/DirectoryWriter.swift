// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

/// A name in a directory, to be written.
package struct DirectoryName: Equatable, Sendable {
  package var name: [UInt8]
  package var nid: UInt64
  /// 0, or the number of an ``InodeKind``.
  package var kind: UInt8

  package init(_ name: [UInt8], nid: UInt64, kind: UInt8) { (self.name, self.nid, self.kind) = (name, nid, kind) }

  /// The blocks of a directory; the last one ends with its last name.
  ///
  /// - Parameter names: in the order in which they are stored; none longer than a block can hold.
  package static func blocks(_ names: [DirectoryName], blockBytes: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = names[...]
    while !rest.isEmpty {
      var size = 0
      let part = rest.prefix {
        size += DirectoryRecord.byteCount + $0.name.count
        return size <= blockBytes
      }
      precondition(!part.isEmpty)
      rest = rest.dropFirst(part.count)
      bytes.align(to: blockBytes)
      bytes += block(Array(part))
    }
    return bytes
  }

  /// One block, as far as it is used.
  package static func block(_ names: [DirectoryName]) -> [UInt8] {
    var bytes: [UInt8] = []
    var offset = DirectoryRecord.byteCount * names.count
    for name in names {
      var record = StoredRecord<DirectoryRecord>()
      record[.nid] = name.nid
      record[.nameOffset] = UInt16(offset)
      record[.kind] = name.kind
      bytes += record.bytes
      offset += name.name.count
    }
    for name in names { bytes += name.name }
    return bytes
  }
}
