// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import EROFSTools

extension ImageOrigin {
  /// The long prefixes of attributes' names that the image has a table of, with their namespaces; without that of digests,
  /// which is no beginning of other names.
  ///
  /// - Throws: ``LayerError``
  public func attributePrefixes() throws(LayerError) -> [[UInt8]] {
    do { return try readPrefixes(reader()) } catch let error as LayerError { throw error } catch {
      throw LayerError(path, "\(error)")
    }
  }

  private func readPrefixes(_ reader: ImageReader) throws -> [[UInt8]] {
    guard superblock.xattrPrefixCount > 0 else { return [] }
    // What the table is in, if it is not at a place of the device.
    var stream: EROFS.Inode?
    if !superblock.compatible.contains(.plainXattrPrefixes) {
      if let box = superblock.metaboxNID {
        stream = try reader.volume.inode(box)
      } else if superblock.packedNID != 0 {
        stream = try reader.volume.inode(superblock.packedNID)
      }
    }
    func bytes(at offset: UInt64, _ count: Int) throws -> [UInt8] {
      if let stream {
        guard offset <= stream.size, UInt64(count) <= stream.size - offset else { throw fault }
        return try reader.bytes(of: stream, at: offset, count: count)
      }
      guard let found = image.mapped(device: 0, at: offset, count: count)?.bytes, found.count == count else {
        throw fault
      }
      return found
    }
    var found: [[UInt8]] = []
    var at = superblock.xattrPrefixOffset
    for number in 0..<superblock.xattrPrefixCount {
      let unit = UInt64(XattrPrefixRecord.alignment)
      at = (at + unit - 1) / unit * unit
      let head = try bytes(at: at, XattrPrefixRecord.byteCount)
      let place = Field<XattrPrefixRecord, UInt16>.size.offset
      let size = UInt64(head[place]) | UInt64(head[place + 1]) << 8
      guard (1...256).contains(size) else { throw fault }
      let text = try bytes(at: at + UInt64(XattrPrefixRecord.byteCount), Int(size) - XattrPrefixRecord.countedBytes)
      let base = head[Field<XattrPrefixRecord, UInt8>.base.offset]
      at += UInt64(XattrPrefixRecord.uncountedBytes) + size
      if superblock.compatible.contains(.imageShareXattrs), number == Int(superblock.imageSharePrefix) { continue }
      guard let namespace = Attribute.Namespace(rawValue: base), namespace != .hidden else { continue }
      found.append(Array("\(namespace.prefix)".utf8) + text)
    }
    return found
  }

  private var fault: EROFSError { .corrupt(.xattrPrefix, at: .device(0, offset: superblock.xattrPrefixOffset)) }
}
