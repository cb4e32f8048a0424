// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

extension Superblock {
  /// All fields, checked and as they are meant, by the names of the on-disk format.
  private var fields: [(name: String, value: JSON, text: String)] {
    var fields: [(name: String, value: JSON, text: String)] = []
    func number(_ name: String, _ value: some FixedWidthInteger) { fields.append((name, JSON(value), "\(value)")) }
    func hexadecimal(_ name: String, _ value: UInt32) {
      fields.append((name, JSON(value), "0x" + String(value, radix: 16)))
    }
    func words(_ name: String, _ value: String) { fields.append((name, .string(value), value)) }
    hexadecimal("magic", Self.magic)
    hexadecimal("checksum", checksum)
    hexadecimal("feature_compat", compatible.rawValue)
    hexadecimal("feature_incompat", incompatible.rawValue)
    words("features", featureNames.joined(separator: " "))
    number("block_size", blockSize)
    number("superblock_size", 128 + 16 * Int(extraSlots))
    number("root_nid", rootNID)
    if packedNID != 0 { number("packed_nid", packedNID) }
    if let metaboxNID { number("metabox_nid", metaboxNID) }
    number("inodes", inodeCount)
    number("blocks", blockCount)
    number("epoch", epoch)
    number("fixed_nanoseconds", fixedNanoseconds)
    number("build_time", buildTime)
    number("metadata_block", metadataBlock)
    number("xattr_block", xattrBlock)
    words("uuid", uuidText)
    fields.append(("label", JSON.members("label", label)[0].value, label.printable))
    number("extra_devices", extraDevices)
    if extraDevices > 0 { number("device_table_offset", deviceTableOffset) }
    number("xattr_prefixes", xattrPrefixCount)
    if xattrPrefixCount > 0 { number("xattr_prefix_offset", xattrPrefixOffset) }
    for algorithm in Algorithm.allCases where compression.announces(algorithm) {
      number("\(algorithm.name)_window", compression.window(of: algorithm))
      if let blocks = algorithm.onHosts.largestPclusterBlocks(compression) {
        number("\(algorithm.name)_pcluster_blocks", blocks)
      }
    }
    return fields
  }

  /// A line for each field.
  package var table: String {
    var table = TextTable([("field", .left), ("value", .left)])
    for field in fields { table.append(field.name, field.text) }
    return table.text
  }

  package var json: JSON { .object(fields.map { ($0.name, $0.value) }) }
}
