// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// What an image has instead of the contents of its files, when those come later or never.
public enum OmittedContents: Sendable, Hashable {
  /// Zeros that take no space.
  case zeros
  /// Room for each content, which something else fills: `Content.referred` to the whole content.
  case room
}

extension Tree {
  /// Takes the contents of all regular files away; their sizes stay. Nothing of them is read.
  public mutating func omitContents(leaving rest: OmittedContents) {
    var zeros: UInt32?
    for number in 0..<contents.count {
      let size = contents[number].size
      var record = ContentRecord(size: size, first: 0, second: 0, store: 0, place: 0)
      switch rest {
      case .room: record.store = store(.device(1))
      case .zeros:
        record.store = zeros ?? store(.referred)
        zeros = record.store
        record.second = Int64(referred.count)
        referred.append(ReferredContent(size: size, pieces: []))
      }
      contents[number] = record
    }
  }
}
