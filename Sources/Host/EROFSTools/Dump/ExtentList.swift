// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

/// The extents of a file, and where each is stored.
public struct ExtentList: Sendable {
  public struct Row: Sendable {
    public let extent: Extent
    /// Device, and byte offset on it, the unified address space resolved; nil for holes, fragments and what is in the
    /// metabox.
    public let device: Int?
    public let offset: UInt64?
  }

  public let path: [UInt8]
  public let inode: Inode
  public let rows: [Row]

  public init(of file: TreeFile, _ reader: ImageReader) throws(TreeError) {
    path = file.path
    inode = file.inode
    rows = try TreeError.naming(file.path) { () throws(EROFSError) in
      var rows: [Row] = []
      for extent in try reader.extents(of: file.inode) {
        let place = try reader.volume.location(of: extent)
        rows.append(Row(extent: extent, device: place?.device, offset: place?.offset))
      }
      return rows
    }
  }

  public var text: String {
    var table = TextTable([
      ("extent", .right), ("from", .right), ("to", .right), ("bytes", .right), ("stored", .right), ("encoding", .left),
      ("device", .left), ("at", .right), ("", .left),
    ])
    for (index, row) in rows.enumerated() {
      let extent = row.extent
      table.append(
        "\(index)", extent.start.grouped, extent.end.grouped, extent.length.grouped,
        row.storedBytes == 0 ? "" : row.storedBytes.grouped, ImageStatistics.Storing(extent).word, row.deviceWord,
        row.place?.grouped ?? "", extent.isPartial ? "another extent uses more of it" : "")
    }
    let stored = rows.reduce(0) { $0 &+ $1.storedBytes }
    return "\(path.printable): nid \(inode.nid), \(inode.size.groupedCounting("byte")), "
      + "\(rows.count.groupedCounting("extent")), \(stored.groupedCounting("byte")) stored\n" + table.text
  }

  package var json: JSON {
    let extents = rows.map { row -> JSON in
      [
        "start": JSON(row.extent.start), "length": JSON(row.extent.length), "stored_length": JSON(row.storedBytes),
        "encoding": .string(ImageStatistics.Storing(row.extent).word), "device": .string(row.deviceWord),
        "offset": row.place.map { JSON($0) } ?? .null, "partial": .bool(row.extent.isPartial),
      ]
    }
    return .object(
      JSON.members("path", path) + [
        ("nid", JSON(inode.nid)), ("size", JSON(inode.size)), ("extents", .array(extents)),
      ])
  }
}

extension ExtentList.Row {
  /// Bytes that the extent takes where it is stored; 0 for holes and fragments.
  public var storedBytes: UInt64 {
    switch extent.place {
    case .hole, .packed: 0
    case .device, .metadata: extent.storedLength
    }
  }

  /// Offset on the device, in the metabox or in the packed inode.
  var place: UInt64? {
    switch extent.place {
    case .hole: nil
    case .device, .metadata(.device, _): offset
    case .metadata(.metabox, let offset): offset
    case .packed(let offset): offset
    }
  }

  var deviceWord: String {
    switch extent.place {
    case .hole: "none"
    case .packed: "packed inode"
    case .metadata(.metabox, _): "metabox"
    case .device, .metadata(.device, _): device.map { "\($0)" } ?? ""
    }
  }
}
