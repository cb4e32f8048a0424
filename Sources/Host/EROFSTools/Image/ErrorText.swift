// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import EROFS
import SystemPackage

extension EROFSError: CustomStringConvertible {
  /// What is wrong, where, and where it helps what to do.
  public var description: String {
    switch self {
    case .corrupt(let defect, let position): "\(defect.explanation), at \(position)"
    // They are nowhere in particular.
    case .unsupported(.work, _): "\(Feature.work)"
    case .unsupported(.pathLength, _): "\(Feature.pathLength)"
    case .unsupported(let feature, let position): "\(feature), at \(position)"
    case .undecodable(let error, let algorithm, let position):
      "\(algorithm.name) data that starts at \(position) cannot be decoded: \(error)"
    case .storage(let error, let position): "reading \(position) failed: \(Errno(rawValue: error.code))"
    case .memory(let need, let bytes): "too little memory for \(need.explanation): \(bytes.counting("byte")) needed"
    case .notFound: "no such file or directory in the image"
    case .notADirectory: "not a directory"
    case .notAFile: "not a regular file"
    }
  }
}

extension Position: CustomStringConvertible {
  public var description: String {
    switch self {
    case .device(0, let offset): "byte \(offset)"
    case .device(let device, let offset): "byte \(offset) of extra device \(device)"
    case .metabox(let offset): "byte \(offset) of the metabox"
    }
  }
}

extension Algorithm {
  /// The name that mkfs.erofs knows it by.
  public var name: String {
    switch self {
    case .lz4: "lz4"
    case .microLZMA: "lzma"
    case .deflate: "deflate"
    case .zstandard: "zstd"
    }
  }
}

extension DecodeError: CustomStringConvertible {
  public var description: String { "\(reason.explanation) (after \(inputOffset.counting("stored byte")))" }
}

extension DecodeError.Reason {
  var explanation: String {
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

extension Feature: CustomStringConvertible {
  public var description: String {
    switch self {
    case .incompatible(let bits):
      "the image needs features that this version does not know (feature_incompat 0x\(String(bits, radix: 16)))"
    case .blockSize(let bits): "block size 2^\(bits) is not supported (512 bytes to 64 KiB are)"
    case .directoryBlockSize(let bits): "directory blocks larger than a block (dirblkbits \(bits)) are not supported"
    case .algorithm(let id):
      if let algorithm = Algorithm(rawValue: id) {
        "this program has been built without \(algorithm.name)"
      } else {
        "compression algorithm \(id) is not known"
      }
    case .device(let number): "extra device \(number) is needed: name it with --device"
    case .size: "it is larger than this machine can address"
    case .work:
      "the image makes more work than any honest one of its size: what is left is not looked at "
        + "(--no-limit goes on however long it takes)"
    case .pathLength: "its path is longer than \(ScannedTree.maximumPathBytes) bytes: what is below is left out"
    }
  }
}

extension Need {
  var explanation: String {
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
  public var explanation: String {
    switch self {
    case .magic: "this is not an EROFS image (no magic number); if it starts later in the file, say where with --offset"
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
