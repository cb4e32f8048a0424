// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import PageVectors

/// An image that can be read.
///
/// It allocates nothing: it works in the ``ReaderMemory`` that it is given, and ``MemoryPlan`` says beforehand how much
/// that has to be. It is one reader's view, with one file's extent decoded at a time; whoever reads from several threads
/// makes one of these for each, over the same storage.
///
///     var volume = try Volume(storage, memory: memory)
///     let inode = try volume.inode(at: path)
///     let count = try volume.read(inode, at: 0, into: pages)
@safe
public struct Volume<Source: Storage>: ~Copyable {
  public let storage: Source
  public let superblock: Superblock

  var deviceWindow: MetadataWindow
  var metaboxWindow: MetadataWindow
  var directoryWindow: DirectoryWindow
  var file: ExtentDecoder
  var packed: ExtentDecoder
  var metabox: ExtentDecoder
  /// The inodes that others lean on, once they have been needed.
  var openedMetabox: Inode?
  var openedPacked: Inode?
  var extentTableHint = ExtentTableHint()

  /// Opens the image in `storage`.
  ///
  /// - Parameter memory: at least what the plan of what will be read says; what is missing is an error of the operation
  ///   that needs it, not of this one.
  /// - Throws: `corrupt`, `unsupported` or `storage`. The checksum is not looked at: see
  ///   ``Superblock/checksumMatches(in:)``.
  public init(_ storage: Source, memory: ReaderMemory) throws(EROFSError) {
    self.init(storage, superblock: try Superblock(reading: storage), memory: memory)
  }

  /// Opens an image whose superblock has been read already.
  public init(_ storage: Source, superblock: Superblock, memory: ReaderMemory) {
    self.storage = storage
    self.superblock = superblock
    deviceWindow = MetadataWindow(memory.metadata)
    metaboxWindow = MetadataWindow(memory.metaboxBlock)
    directoryWindow = DirectoryWindow(memory.directory)
    file = ExtentDecoder(memory.file, needs: .fileExtents, .fileState)
    packed = ExtentDecoder(memory.packed, needs: .packedExtents, .packedState)
    metabox = ExtentDecoder(memory.metabox, needs: .metaboxExtents, .metaboxState)
  }

  /// Replaces the memory, and forgets what lay in the old one.
  public mutating func supply(_ memory: ReaderMemory) {
    deviceWindow = MetadataWindow(memory.metadata)
    metaboxWindow = MetadataWindow(memory.metaboxBlock)
    directoryWindow = DirectoryWindow(memory.directory)
    file = ExtentDecoder(memory.file, needs: .fileExtents, .fileState)
    packed = ExtentDecoder(memory.packed, needs: .packedExtents, .packedState)
    metabox = ExtentDecoder(memory.metabox, needs: .metaboxExtents, .metaboxState)
  }
}

/// Which of the reader's three decoders: files lean on the packed inode for fragments, and inodes on the metabox. Each
/// of the three keeps its own extent, so that none throws away what another is in the middle of.
enum Role {
  case file, packed, metabox
}

extension Volume {
  subscript(role: Role) -> ExtentDecoder {
    _read {
      switch role {
      case .file: yield file
      case .packed: yield packed
      case .metabox: yield metabox
      }
    }
    _modify {
      switch role {
      case .file: yield &file
      case .packed: yield &packed
      case .metabox: yield &metabox
      }
    }
  }
}
