// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import PageVectors

/// Reads an image from any storage: a block device that is reached by a network, a decrypted container, a part of memory.
///
/// Bytes are read when they are needed. A reader is for one task at a time; several readers may share a storage that
/// permits it. What needs all of an image (``Extractor``, ``Checker``) takes an ``ImageFile``, which
/// ``ImageFile/init(copying:devices:)`` makes of a storage.
public final class StorageReader<Source: Storage>: ImageReading {
  public let superblock: Superblock
  public var volume: Volume<Source>
  public let limit: WorkLimit?
  private let frames: UnsafeMutableRawBufferPointer
  private let state: UnsafeMutableRawBufferPointer

  /// - Parameters:
  ///   - storage: the bytes of the image and of its extra devices.
  ///   - limit: what the reader's methods count their work against; nil for none.
  /// - Throws: if the storage holds no EROFS image, or one that needs what this version does not have.
  public init(_ storage: Source, limit: WorkLimit? = nil) throws(EROFSError) {
    superblock = try Superblock(reading: storage)
    self.limit = limit
    let plan = MemoryPlan.maximum(for: superblock)
    frames = .allocate(byteCount: plan.frameBytes, alignment: 4096)
    state = .allocate(byteCount: max(plan.stateBytes, 8), alignment: 16)
    let memory = ReaderMemory(for: plan, frames: MutablePageVector(unsafeContiguous: frames), state: state)
    volume = Volume(storage, superblock: superblock, memory: memory ?? ReaderMemory())
  }

  deinit {
    frames.deallocate()
    state.deallocate()
  }
}
