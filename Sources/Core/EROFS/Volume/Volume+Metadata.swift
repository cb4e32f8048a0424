// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// The part of a metadata stream that can be read without the storage: a block in the reader's buffer, or all that the
/// storage maps.
@safe
struct MetadataWindow: ~Copyable {
  var buffer = MutablePageVector()
  var bytes = PageVector()
  var start: FileOffset = 0

  /// Replaces the buffer, and forgets the block in the old one.
  mutating func supply(_ buffer: MutablePageVector) {
    self.buffer = buffer
    bytes = PageVector()
  }
}

extension Volume {
  /// The bytes of a metadata stream from `offset` on that the window has in one run; at least one.
  @inline(__always)
  mutating func run(_ stream: MetadataStream, _ offset: FileOffset) throws(Fault) -> FrameRun {
    try runOrNil(stream, offset).orFault()
  }

  /// The same; nil for a fault.
  @inline(never)
  private mutating func runOrNil(_ stream: MetadataStream, _ offset: FileOffset) -> FrameRun? {
    try? runInlined(stream, offset)
  }

  @inline(__always)
  private mutating func runInlined(_ stream: MetadataStream, _ offset: FileOffset) throws(Fault) -> FrameRun {
    let number = stream.index
    var at = unsafe offset &- windows[unchecked: number].start
    if unsafe at >= FileOffset(truncatingIfNeeded: windows[unchecked: number].bytes.count) {
      if stream.index == 0 { try loadDeviceBlock(offset) } else { try loadMetaboxBlock(offset) }
      at = unsafe offset &- windows[unchecked: number].start
      guard unsafe at < FileOffset(truncatingIfNeeded: windows[unchecked: number].bytes.count) else {
        throw fail(.outsideDevice, stream, offset)
      }
    }
    return unsafe windows[unchecked: number].bytes.unsafeRun(at: Int(truncatingIfNeeded: at))
  }

  /// The little-endian integer of `size` bytes (1 ... 4) at `offset` of a metadata stream.
  @inline(__always)
  mutating func load(_ stream: MetadataStream, _ offset: FileOffset, _ size: Int) throws(Fault) -> UInt32 {
    let value = try loadOrNil(stream, offset, size).orFault()
    // Here, where the size is known: often the mask is not needed then.
    return value & (UInt32.max &>> UInt32(truncatingIfNeeded: 32 &- 8 &* size))
  }

  /// The same, but the bits above the `size` bytes may be anything; nil for a fault.
  @inline(never)
  private mutating func loadOrNil(_ stream: MetadataStream, _ offset: FileOffset, _ size: Int) -> UInt32? {
    try? loadInlined(stream, offset, size)
  }

  @inline(__always)
  private mutating func loadInlined(_ stream: MetadataStream, _ offset: FileOffset, _ size: Int) throws(Fault) -> UInt32
  {
    let run = try run(stream, offset)
    if run.count >= 4 {
      return unsafe UInt32(littleEndian: run.start.loadUnaligned(as: UInt32.self))
    }
    var value: UInt32 = 0
    var at = size
    while at > 0 {
      at &-= 1
      let byte = try self.run(stream, offset &+ FileOffset(truncatingIfNeeded: at))
      value = unsafe value &<< 8 | UInt32(byte.start.load(as: UInt8.self))
    }
    return value
  }

  /// The little-endian integer of 8 bytes at `offset` of a metadata stream.
  mutating func load64(_ stream: MetadataStream, _ offset: FileOffset) throws(Fault) -> UInt64 {
    let low = try load(stream, offset, 4)
    return UInt64(try load(stream, offset &+ 4, 4)) &<< 32 | UInt64(low)
  }

  /// The little-endian integer of 4 bytes at `offset` of the stream that an open inode is in.
  mutating func load32(_ role: Role, _ offset: FileOffset) throws(Fault) -> UInt32 {
    try load(self[role].stream, offset, 4)
  }

  /// A field, of 4 bytes at most, of the record at `start` of a metadata stream.
  @inline(__always)
  mutating func load<Owner: Record, Value: FixedWidthInteger>(
    _ stream: MetadataStream, _ start: FileOffset, _: Owner.Type, _ field: Field<Owner, Value>
  ) throws(Fault) -> Value {
    Value(
      truncatingIfNeeded: try load(stream, start &+ FileOffset(truncatingIfNeeded: field.offset), field.byteCount))
  }

  /// The same, of 4 bytes, in the stream that an open inode is in.
  @inline(__always)
  mutating func load<Owner: Record>(
    _ role: Role, _ start: FileOffset, _: Owner.Type, _ field: Field<Owner, UInt32>
  ) throws(Fault) -> UInt32 {
    try load32(role, start &+ FileOffset(truncatingIfNeeded: field.offset))
  }

  /// Copies `destination.count` bytes of a metadata stream.
  @inline(never)
  mutating func copy(
    _ stream: MetadataStream, _ offset: FileOffset, into destination: MutablePageVector
  ) throws(Fault) {
    var done = 0
    while done < destination.count {
      let at = offset &+ FileOffset(truncatingIfNeeded: done)
      guard at >= offset else { throw fail(.outsideDevice, stream, offset) }
      let from = try run(stream, at)
      let to = unsafe destination.unsafeRun(at: done)
      let count = min(from.count, to.count)
      unsafe to.start.copyMemory(from: from.start, byteCount: count)
      done &+= count
    }
  }

  /// Brings the block that holds `offset` of the primary device to hand.
  private mutating func loadDeviceBlock(_ offset: FileOffset) throws(Fault) {
    let count = deviceBytes(0)
    guard offset < count else { throw fail(.outsideDevice, .device, offset) }
    // A storage in memory shows everything at once.
    let start = Source.mapsEverything ? 0 : offset & ~superblock.blockMask
    if let bytes = storage.mapped(device: 0, at: start, count: Int(clamping: count &- start)),
      offset &- start < bytes.count
    {
      windows[0].bytes = bytes
      windows[0].start = start
      return
    }
    if Source.mapsEverything { return }
    let available = Int(truncatingIfNeeded: min(superblock.blockMask &+ 1, count &- start))
    let block = windows[0].buffer.prefix(available)
    guard block.count == available else { throw fail(need: Need.metadata.rawValue, bytes: superblock.blockSize) }
    windows[0].bytes = PageVector()
    do throws(StorageError) {
      try storage.read(device: 0, at: start, into: block)
    } catch { throw fail(error, 0, start) }
    windows[0].bytes = block.readOnly
    windows[0].start = start
  }

  private mutating func loadMetaboxBlock(_ offset: FileOffset) throws(Fault) {
    try requireMetaboxInode()
    let size = self[.metabox].size
    guard offset < size else { throw fail(.outsideMetabox, .metabox, offset) }
    let start = offset & ~superblock.blockMask
    let available = Int(truncatingIfNeeded: min(superblock.blockMask &+ 1, size &- start))
    let block = windows[MetadataStream.metabox.index].buffer.prefix(available)
    guard block.count == available else { throw fail(need: Need.metaboxBlock.rawValue, bytes: superblock.blockSize) }
    windows[MetadataStream.metabox.index].bytes = PageVector()
    _ = try read(.metabox, at: start, into: block)
    windows[MetadataStream.metabox.index].bytes = block.readOnly
    windows[MetadataStream.metabox.index].start = start
  }

  /// Bytes of a device; at most so many as a ``FileOffset`` can address.
  mutating func deviceBytes(_ device: Int) -> FileOffset { min(storage.byteCount(ofDevice: device), .limit) }
}
