// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// The part of a metadata stream that is at hand: a block in the reader's buffer, or all that the storage maps.
@safe
struct MetadataWindow {
  let buffer: MutablePageVector
  private(set) var bytes = PageVector()
  private(set) var start: UInt64 = 0

  init(_ buffer: MutablePageVector) { self.buffer = buffer }

  mutating func show(_ bytes: PageVector, at start: UInt64) {
    self.bytes = bytes
    self.start = start
  }

  /// Where `offset` lies in `bytes`, if all of `size` bytes there are at hand.
  @inline(__always)
  func index(of offset: UInt64, size: Int) -> Int? {
    let index = offset &- start
    guard bytes.count >= size, offset >= start, index <= UInt64(bytes.count &- size) else { return nil }
    return Int(truncatingIfNeeded: index)
  }
}

extension Volume {
  /// The little-endian integer at `offset` of a metadata stream. `offset` is a multiple of its size, so it lies in one
  /// block.
  mutating func load<T: FixedWidthInteger>(
    _ stream: MetadataStream, _ offset: UInt64, as type: T.Type = T.self
  ) throws(EROFSError) -> T {
    let size = MemoryLayout<T>.size
    switch stream {
    case .device:
      if let index = deviceWindow.index(of: offset, size: size), let value: T = deviceWindow.bytes.load(at: index) {
        return value
      }
      try showDevice(offset)
      if let index = deviceWindow.index(of: offset, size: size), let value: T = deviceWindow.bytes.load(at: index) {
        return value
      }
    case .metabox:
      if let index = metaboxWindow.index(of: offset, size: size), let value: T = metaboxWindow.bytes.load(at: index) {
        return value
      }
      try showMetabox(offset)
      if let index = metaboxWindow.index(of: offset, size: size), let value: T = metaboxWindow.bytes.load(at: index) {
        return value
      }
    }
    throw outside(stream, offset)
  }

  func outside(_ stream: MetadataStream, _ offset: UInt64) -> EROFSError {
    .corrupt(stream == .device ? .outsideDevice : .outsideMetabox, at: stream.position(offset))
  }

  /// Brings the block that holds `offset` of the primary device to hand.
  private mutating func showDevice(_ offset: UInt64) throws(EROFSError) {
    let count = storage.byteCount(ofDevice: 0)
    guard offset < count else { throw outside(.device, offset) }
    let start = offset & ~UInt64(superblock.blockSize - 1)
    // A storage in memory shows everything at once; where an address space is too small for that, from here on.
    if let all = storage.mapped(device: 0, at: 0, count: Int(clamping: count)), UInt64(all.count) > offset {
      return deviceWindow.show(all, at: 0)
    }
    let available = Int(min(UInt64(superblock.blockSize), count - start))
    if let block = storage.mapped(device: 0, at: start, count: available), block.count == available {
      return deviceWindow.show(block, at: start)
    }
    let buffer = deviceWindow.buffer
    guard buffer.count >= available else { throw .memory(.metadata, bytes: superblock.blockSize) }
    deviceWindow.show(PageVector(), at: 0)
    do throws(StorageError) {
      try storage.read(device: 0, at: start, into: buffer.prefix(available))
    } catch { throw .storage(error, at: .device(0, offset: start)) }
    deviceWindow.show(buffer.readOnly.prefix(available), at: start)
  }

  private mutating func showMetabox(_ offset: UInt64) throws(EROFSError) {
    let inode = try openMetabox()
    guard offset < inode.size else { throw outside(.metabox, offset) }
    let start = offset & ~UInt64(superblock.blockSize - 1)
    let available = Int(min(UInt64(superblock.blockSize), inode.size - start))
    let buffer = metaboxWindow.buffer
    guard buffer.count >= available else { throw .memory(.metaboxBlock, bytes: superblock.blockSize) }
    metaboxWindow.show(PageVector(), at: 0)
    _ = try read(.metabox, inode, at: start, into: buffer.prefix(available))
    metaboxWindow.show(buffer.readOnly.prefix(available), at: start)
  }

  /// Copies `destination.count` bytes of a metadata stream.
  mutating func copy(
    _ stream: MetadataStream, at offset: UInt64, into destination: MutablePageVector
  ) throws(EROFSError) {
    guard offset <= UInt64.max - UInt64(destination.count) else { throw outside(stream, offset) }
    var done = 0
    while done < destination.count {
      let at = offset + UInt64(done)
      let _: UInt8 = try load(stream, at)
      let window = stream == .device ? deviceWindow : metaboxWindow
      guard let index = window.index(of: at, size: 1) else { throw outside(stream, at) }
      done += destination.dropFirst(done).copy(from: window.bytes.dropFirst(index))
    }
  }

  /// The metabox inode.
  mutating func openMetabox() throws(EROFSError) -> Inode {
    if let openedMetabox { return openedMetabox }
    guard let nid = superblock.metaboxNID else {
      throw .corrupt(.noMetabox, at: .device(0, offset: Superblock.offset))
    }
    let inode = try self.inode(nid)
    guard inode.kind == .regular else { throw .corrupt(.noMetabox, at: inode.position) }
    openedMetabox = inode
    return inode
  }

  /// The packed inode, for those who look at it by itself; nil where the image has none.
  @specialized(where Source == MappedStorage)
  public mutating func packedInode() throws(EROFSError) -> Inode? {
    superblock.packedNID == 0 ? nil : try openPacked()
  }

  mutating func openPacked() throws(EROFSError) -> Inode {
    if let openedPacked { return openedPacked }
    guard superblock.packedNID != 0 else {
      throw .corrupt(.noPackedInode, at: .device(0, offset: Superblock.offset))
    }
    let inode = try self.inode(superblock.packedNID)
    guard inode.kind == .regular else { throw .corrupt(.noPackedInode, at: inode.position) }
    guard !inode.data.usesFragments else { throw .corrupt(.nestedFragment, at: inode.position) }
    openedPacked = inode
    return inode
  }
}
