// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs

/// Why an image, or a part of it, cannot be read.
@frozen
public enum EROFSError: Error, Equatable, Sendable {
  /// The image breaks a rule of the format: which one, and where.
  case corrupt(Defect, at: Position)
  /// The image breaks no rule that this reader knows, but needs a feature that it does not have.
  case unsupported(Feature, at: Position)
  /// The stored bytes of an extent do not decode: why, and where they start.
  case undecodable(DecodeError, algorithm: Algorithm, at: Position)
  /// The storage failed.
  case storage(StorageError, at: Position)
  /// Less memory was supplied than this needs.
  case memory(Need, bytes: Int)
  /// No such name.
  case notFound
  /// A directory is needed, and this is none.
  case notADirectory
  /// A regular file (or a symbolic link, for its target) is needed, and this is none.
  case notAFile
}

/// A place in an image.
@frozen
public enum Position: Equatable, Sendable {
  /// Byte offset from the start of the image on a device; 0 is the primary one.
  case device(Int, offset: UInt64)
  /// Byte offset in the decoded content of the metabox inode.
  case metabox(offset: UInt64)
}

/// A part of the memory that a reader works in.
@frozen
public enum Need: UInt8, Sendable {
  case metadata, metaboxBlock, directory, fileExtents, fileState, packedExtents, packedState, metaboxExtents,
    metaboxState
}

/// A feature that an image needs and this reader does not have.
@frozen
public enum Feature: Equatable, Sendable {
  /// Bits of feature_incompat that this reader does not know.
  case incompatible(UInt32)
  /// log2 of a block size outside 9 ... 16.
  case blockSize(UInt8)
  /// dirblkbits is not 0.
  case directoryBlockSize(UInt8)
  /// An algorithm id that this reader does not know, or was built without.
  case algorithm(UInt8)
  /// An extra device that was not supplied.
  case device(Int)
  /// More than this machine's address space can hold.
  case size
  /// More work than a host does for an image of its size, a longer path than it follows, and more bytes of a file than its
  /// caller wants at once; Core has no such bounds.
  case work, pathLength, contentLength
}

/// A rule of the format that an image breaks.
@frozen
public enum Defect: UInt8, Sendable, CaseIterable {
  // superblock
  case magic, checksum, superblockSize, selfReference, compressionRecord, deviceTable
  // addresses
  case outsideDevice, outsideMetabox, addressOverflow
  // inodes
  case inodeFormat, dataLayout, fileType, xattrSize, inlineCrossesBlock, chunkFormat, mapHeader, size
  case nestedFragment, noPackedInode, noMetabox
  // compressed index
  case clusterOffset, lookBack, clusterCount, extentLength, storedLength
  case unannouncedAlgorithm, fragmentOffset
  // directories
  case directoryEntries, nameOffset, nameLength, nameCharacter, nameOrder, entryType
  // extended attributes
  case xattrEntry, xattrShared, xattrPrefix
  // symbolic links
  case linkTarget
}
