// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// feature_compat: features that a reader may ignore.
@frozen
public struct CompatibleFeatures: OptionSet, Sendable {
  public let rawValue: UInt32
  @inlinable
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The superblock's checksum is valid.
  @inlinable public static var superblockChecksum: Self { Self(rawValue: 0x1) }
  /// Times are those of the last modification (before: of the inode's change).
  @inlinable public static var modificationTimes: Self { Self(rawValue: 0x2) }
  /// h_name_filter is a name filter.
  @inlinable public static var xattrFilter: Self { Self(rawValue: 0x4) }
  /// Ids of shared xattrs count in the metabox.
  @inlinable public static var sharedXattrsInMetabox: Self { Self(rawValue: 0x8) }
  /// The table of long xattr prefixes is on the device, not in the metabox or the packed inode.
  @inlinable public static var plainXattrPrefixes: Self { Self(rawValue: 0x10) }
  /// Regular files carry a digest of their content as an xattr.
  @inlinable public static var imageShareXattrs: Self { Self(rawValue: 0x20) }
}

/// feature_incompat: features that a reader must know. If a bit has two names, each inode says which of the two it uses.
@frozen
public struct IncompatibleFeatures: OptionSet, Sendable {
  public let rawValue: UInt32
  @inlinable
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Stored pclusters are padded with zeros in front (LZ4_0PADDING).
  @inlinable public static var zeroPadding: Self { Self(rawValue: 0x1) }
  /// Compression records follow the superblock; pclusters of more than a block (COMPR_CFGS, BIG_PCLUSTER).
  @inlinable public static var compressionRecords: Self { Self(rawValue: 0x2) }
  /// Chunk-based inodes.
  @inlinable public static var chunkedFiles: Self { Self(rawValue: 0x4) }
  /// Extra devices; a second algorithm in an inode (DEVICE_TABLE, COMPR_HEAD2).
  @inlinable public static var deviceTable: Self { Self(rawValue: 0x8) }
  /// The last pcluster may be inside the metadata.
  @inlinable public static var tailPacking: Self { Self(rawValue: 0x10) }
  /// A packed inode; interlaced pclusters; partial references (FRAGMENTS, DEDUPE).
  @inlinable public static var fragments: Self { Self(rawValue: 0x20) }
  /// Long xattr name prefixes.
  @inlinable public static var xattrPrefixes: Self { Self(rawValue: 0x40) }
  /// Wide addresses, encoded extents, directories without `.`.
  @inlinable public static var wide48Bit: Self { Self(rawValue: 0x80) }
  /// Compressed metadata.
  @inlinable public static var metabox: Self { Self(rawValue: 0x100) }
}

// Programs that define `EROFS_BASIC_IMAGES` know only the features that compressed images need. Code for any other is left
// out when they are compiled, because no superblock with such a feature is accepted.

extension IncompatibleFeatures {
  #if EROFS_BASIC_IMAGES
    /// What this reader knows.
    @inlinable public static var known: Self { Self(rawValue: 0x13) }
  #else
    /// What this reader knows.
    @inlinable public static var known: Self { Self(rawValue: 0x1FF) }
  #endif
}
