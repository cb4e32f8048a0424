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
  /// A decoder for each ``Role``, in the order of their numbers.
  var decoders: InlineArray<3, ExtentDecoder>
  /// The inodes that others lean on, once they have been needed.
  var openedMetabox: Inode?
  var openedPacked: Inode?
  var extentTableHint = ExtentTableHint()

  /// Opens the image in `storage`.
  ///
  /// - Parameters:
  ///   - storage: where the image's bytes come from.
  ///   - memory: at least what the plan of what will be read says; what is missing is an error of the operation that
  ///     needs it, not of this one.
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
    decoders = Self.decoders(memory)
  }

  /// Replaces the memory, and forgets what lay in the old one.
  public mutating func supply(_ memory: ReaderMemory) {
    deviceWindow = MetadataWindow(memory.metadata)
    metaboxWindow = MetadataWindow(memory.metaboxBlock)
    directoryWindow = DirectoryWindow(memory.directory)
    decoders = Self.decoders(memory)
  }
}

/// Which of the reader's three decoders: files lean on the packed inode for fragments, and inodes on the metabox. Each
/// of the three keeps its own extent, so that none throws away what another is in the middle of.
enum Role: Int {
  case file = 0
  case packed = 1
  case metabox = 2
}

extension Volume {
  private static func decoders(_ memory: ReaderMemory) -> InlineArray<3, ExtentDecoder> {
    InlineArray<3, ExtentDecoder> { index in
      switch index {
      case Role.file.rawValue: ExtentDecoder(memory.file, needs: .fileExtents, .fileState)
      case Role.packed.rawValue: ExtentDecoder(memory.packed, needs: .packedExtents, .packedState)
      default: ExtentDecoder(memory.metabox, needs: .metaboxExtents, .metaboxState)
      }
    }
  }
}
