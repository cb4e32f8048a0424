// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs

// What an image holds, and what is wrong with it, in words. They are texts without an allocation, and a program that does not
// say them does not hold them.

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
  /// Why it does not decode, as a sentence without its end; the data is called "it".
  public var explanation: StaticString {
    switch self {
    case .inputEnded: "the data is cut off"
    case .invalid: "it breaks the rules of its format"
    case .distance: "a match reaches back before the start of the extent"
    case .outputShort: "it ends before the extent is complete"
    case .outputLong: "it goes on behind the end of the extent"
    case .trailingInput: "bytes are left over behind its end"
    case .unsupported: "it is of a kind that EROFS does not hold"
    case .memory: "too little working memory"
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
  /// The rule that is broken, as a sentence without its end.
  public var explanation: StaticString {
    switch self {
    case .magic: "this is not an EROFS image (no magic number)"
    case .checksum: "the superblock's checksum is wrong"
    case .superblockSize: "the superblock is too small for what it announces"
    case .selfReference: "the packed or metabox inode claims to lie in the metabox"
    case .compressionRecord: "a compression record holds impossible values"
    case .deviceTable: "a device that the image does not list"
    case .outsideDevice: "data outside the image: it is cut off, or an address is wrong"
    case .outsideMetabox: "metadata outside the metabox"
    case .addressOverflow: "an address beyond anything"
    case .inodeFormat: "reserved bits of an inode's format are set"
    case .dataLayout: "an inode with an unknown data layout"
    case .fileType: "an inode of an unknown type"
    case .xattrSize: "an xattr area of an impossible size"
    case .inlineCrossesBlock: "inline data crosses the end of its block"
    case .chunkFormat: "reserved bits of a chunk format are set"
    case .mapHeader: "a compression map header holds impossible values"
    case .size: "an impossible file size"
    case .nestedFragment: "the packed inode itself has fragments"
    case .noPackedInode: "a fragment, but no packed inode"
    case .noMetabox: "an inode in the metabox, but no metabox inode"
    case .lclusterType: "an lcluster of an unknown type"
    case .clusterOffset: "an extent starts outside its lcluster"
    case .lookBack: "an lcluster's distance to the start of its extent is wrong"
    case .lookAhead: "an lcluster's distance to the next extent is wrong"
    case .clusterCount: "the number of blocks of a pcluster is missing or out of place"
    case .extentLength: "an extent that is empty or longer than 12 MiB"
    case .extentOrder: "extents out of order"
    case .storedLength: "a stored length that does not fit its extent"
    case .unannouncedAlgorithm: "an algorithm that the superblock does not announce"
    case .emptyStream: "a compressed extent without data"
    case .fragmentOffset: "a fragment outside the packed inode"
    case .directorySize: "an impossible directory size"
    case .directoryEntries: "a directory block whose entries do not fit"
    case .nameOffset: "names of a directory out of order or outside their block"
    case .nameLength: "a name that is empty or longer than 255 bytes"
    case .nameCharacter: "a name with a slash or a zero byte"
    case .nameOrder: "names of a directory that are not sorted"
    case .entryType: "a directory entry of an unknown type, or another than its inode"
    case .entryTarget: "a directory entry that leads to the wrong place"
    case .xattrEntry: "an extended attribute that does not fit its area"
    case .xattrShared: "shared extended attributes that do not fit their area"
    case .xattrPrefix: "an extended attribute with an unknown long prefix"
    case .xattrName: "an extended attribute with an impossible name"
    case .linkTarget: "a symbolic link with an impossible target"
    }
  }
}
