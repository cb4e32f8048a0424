// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS

extension Superblock {
  /// The UUID in its usual notation, lower case.
  public var uuidText: String {
    let digits = Array((Self.bytes(uuid.0) + Self.bytes(uuid.1)).hexadecimal)
    return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(digits[$0]) }.joined(separator: "-")
  }

  /// The volume's label, without the zeros after it.
  public var label: [UInt8] {
    Array((Self.bytes(volumeName.0) + Self.bytes(volumeName.1)).prefix { $0 != 0 })
  }

  private static func bytes(_ word: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }

  /// The features of feature_compat and feature_incompat, by the names of the on-disk format.
  public var featureNames: [String] { compatibleFeatureNames + incompatibleFeatures.map(\.name) }

  /// The features of feature_compat; dump.erofs uses the same names.
  var compatibleFeatureNames: [String] {
    let names: [(CompatibleFeatures, String)] = [
      (.superblockChecksum, "sb_csum"), (.modificationTimes, "mtime"), (.xattrFilter, "xattr_filter"),
      (.sharedXattrsInMetabox, "shared_ea_in_metabox"), (.plainXattrPrefixes, "plain_xattr_pfx"),
      (.imageShareXattrs, "ishare_xattrs"),
    ]
    return names.filter { compatible.contains($0.0) }.map(\.1)
  }

  /// The features of feature_incompat.
  var incompatibleFeatures: [IncompatibleFeature] { IncompatibleFeature.all.filter { incompatible.contains($0.bit) } }
}

/// A feature that readers must support, and what tools print about it.
struct IncompatibleFeature: Sendable {
  let bit: IncompatibleFeatures
  let name: String
  /// What dump.erofs prints.
  let dumpName: String
  /// The first version of Linux that supports it.
  let linux: (major: Int, minor: Int)

  private init(_ bit: IncompatibleFeatures, _ name: String, dump: String? = nil, linux major: Int, _ minor: Int) {
    self.bit = bit
    self.name = name
    dumpName = dump ?? name
    linux = (major, minor)
  }

  static let all = [
    IncompatibleFeature(.zeroPadding, "0padding", dump: "lz4_0padding", linux: 5, 4),
    IncompatibleFeature(.compressionRecords, "compr_cfgs/big_pcluster", dump: "compr_cfgs big_pcluster", linux: 5, 13),
    IncompatibleFeature(.chunkedFiles, "chunked_file", linux: 5, 15),
    IncompatibleFeature(.deviceTable, "device_table/compr_head2", dump: "device_table", linux: 5, 16),
    IncompatibleFeature(.tailPacking, "ztailpacking", linux: 5, 17),
    IncompatibleFeature(.fragments, "fragments/dedupe", dump: "fragments dedupe", linux: 6, 1),
    IncompatibleFeature(.xattrPrefixes, "xattr_prefixes", linux: 6, 4),
    IncompatibleFeature(.wide48Bit, "48bit", linux: 6, 15),
    IncompatibleFeature(.metabox, "metabox", linux: 6, 17),
  ]
}
