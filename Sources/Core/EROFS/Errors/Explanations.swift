// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs

// Names and explanations in plain text. They are literals, so they need no allocation, and a program that never prints
// one does not contain it.

extension InodeKind {
  public var name: StaticString {
    switch self {
    case .regular: "file"
    case .directory: "directory"
    case .characterDevice: "character device"
    case .blockDevice: "block device"
    case .fifo: "fifo"
    case .socket: "socket"
    case .symbolicLink: "symbolic link"
    }
  }
}

extension DataLayout {
  /// The name that the tools of erofs-utils use.
  public var name: StaticString {
    switch self {
    case .flatPlain: "plain"
    case .compressedFull: "compressed full"
    case .flatInline: "inline"
    case .compressedCompact: "compressed compact"
    case .chunked: "chunk-based"
    }
  }
}

extension DecodeError.Reason {
  /// Why the stored data cannot be decoded, without a full stop; "it" is the stored data.
  public var explanation: StaticString {
    switch self {
    case .inputEnded: "it is cut off"
    case .invalid: "it is not valid"
    case .distance: "a match starts before the beginning of the extent"
    case .outputShort: "it ends before the extent is complete"
    case .outputLong: "it continues past the end of the extent"
    case .trailingInput: "stored bytes remain after its end"
    case .unsupported: "it uses an option that EROFS does not allow"
    case .memory: "not enough working memory"
    }
  }
}

extension Need {
  /// What the memory is for.
  public var explanation: StaticString {
    switch self {
    case .metadata: "a block of metadata"
    case .metaboxBlock: "a block of the metabox"
    case .directory: "a block of a directory"
    case .fileExtents: "an extent of a file"
    case .fileState: "the tables of a file's decoder"
    case .packedExtents: "an extent of the packed inode"
    case .packedState: "the tables of the packed inode's decoder"
    case .metaboxExtents: "an extent of the metabox"
    case .metaboxState: "the tables of the metabox's decoder"
    }
  }
}

extension Defect {
  /// What is wrong with the image, without a full stop.
  public var explanation: StaticString {
    switch self {
    case .magic: "this is not an EROFS image (wrong magic number)"
    case .checksum: "the superblock's checksum is wrong"
    case .superblockSize: "the superblock is too small for its features"
    case .selfReference: "the packed or metabox inode is in the metabox itself"
    case .compressionRecord: "a compression record contains invalid values"
    case .deviceTable: "a device that is not in the device table"
    case .outsideDevice: "data outside the image: it is truncated, or an address is wrong"
    case .outsideMetabox: "metadata outside the metabox"
    case .addressOverflow: "an address that is too large"
    case .inodeFormat: "reserved bits of an inode's format are set"
    case .dataLayout: "an inode with an unknown data layout"
    case .fileType: "an inode of an unknown type"
    case .xattrSize: "an xattr area of invalid size"
    case .inlineCrossesBlock: "inline data crosses the end of its block"
    case .chunkFormat: "reserved bits of a chunk format are set"
    case .mapHeader: "a compression map header contains invalid values"
    case .size: "an invalid file size"
    case .nestedFragment: "the packed inode contains a fragment"
    case .noPackedInode: "a fragment, but no packed inode"
    case .noMetabox: "an inode in the metabox, but no metabox inode"
    case .clusterOffset: "an extent starts outside its lcluster"
    case .lookBack: "an lcluster's distance to the start of its extent is wrong"
    case .clusterCount: "the block count of a pcluster is missing or in the wrong entry"
    case .extentLength: "an extent that is empty, longer than 12 MiB or out of place"
    case .storedLength: "a stored length that does not match its extent"
    case .unannouncedAlgorithm: "an algorithm that the superblock does not list"
    case .fragmentOffset: "a fragment outside the packed inode"
    case .directoryEntries: "a directory block whose entries do not fit"
    case .nameOffset: "directory names out of order or outside their block"
    case .nameLength: "a name that is empty or longer than 255 bytes"
    case .nameCharacter: "a name with a slash or a zero byte"
    case .nameOrder: "directory entries that are not sorted by name"
    case .entryType: "a directory entry whose type is unknown or not its inode's"
    case .xattrEntry: "an extended attribute that does not fit its area"
    case .xattrShared: "shared extended attributes that do not fit their area"
    case .xattrPrefix: "an extended attribute with an unknown long prefix"
    case .linkTarget: "a symbolic link with an invalid target"
    }
  }
}
