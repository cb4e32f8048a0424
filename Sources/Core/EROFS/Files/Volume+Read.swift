// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import PageVectors

extension Volume {
  /// Reads a file's bytes from `offset` on into `destination`, whose pages may be scattered.
  ///
  /// - Returns: how many: as many as `destination` holds, fewer only at the end of the file.
  /// - Throws: ``EROFSError/notAFile`` for a device, FIFO or socket; any other if the image is damaged or the storage fails.
  ///   The content of `destination` is then undefined.
  @specialized(where Source == MappedStorage)
  public mutating func read(
    _ inode: Inode, at offset: FileOffset, into destination: MutablePageVector
  ) throws(EROFSError) -> Int {
    switch inode.kind {
    case .regular, .symbolicLink, .directory: break
    default: throw .notAFile
    }
    makeCurrent(inode)
    do throws(Fault) { return try read(.file, at: offset, into: destination) } catch { throw failure.error }
  }

  /// Reads the bytes of an extent of `inode`, as ``extent(of:at:)`` gave it, from its byte `skip` on.
  ///
  /// A caller that reads all of an extent at once has it decoded straight into `destination`.
  ///
  /// - Returns: how many: as many as `destination` holds, fewer only at the end of the extent.
  @specialized(where Source == MappedStorage)
  public mutating func read(
    _ inode: Inode, _ extent: Extent, from skip: FileOffset = 0, into destination: MutablePageVector
  ) throws(EROFSError) -> Int {
    guard skip < extent.length else { return 0 }
    makeCurrent(inode)
    let count = Int(min(FileOffset(destination.count), extent.length - skip))
    var extent = extent
    do throws(Fault) {
      try read(.file, &extent, skip, into: destination.prefix(count))
    } catch { throw failure.error }
    return count
  }

  #if !hasFeature(Embedded)
    /// Whether the bytes of an extent of `inode` from its byte `skip` on can be read without decoding it from its start.
    package mutating func keeps(_ extent: Extent, of inode: Inode, from skip: FileOffset) -> Bool {
      makeCurrent(inode)
      var extent = extent
      return unsafe decoders[unchecked: Role.file.index].canServe(
        &extent, of: self[.file].key, from: Int(truncatingIfNeeded: skip))
    }
  #endif

  /// Reads bytes of an open file; returns how many.
  @inline(never)
  mutating func read(_ role: Role, at offset: FileOffset, into destination: MutablePageVector) throws(Fault) -> Int {
    guard offset < self[role].size else { return 0 }
    let total = Int(
      truncatingIfNeeded: min(FileOffset(truncatingIfNeeded: destination.count), self[role].size &- offset))
    var extent = Extent()
    var done = 0
    while done < total {
      let at = offset &+ FileOffset(truncatingIfNeeded: done)
      try findExtent(role, at, &extent)
      let count = Self.lesser(total &- done, extent.end &- at)
      try read(role, &extent, at &- extent.start, into: destination.cut(at: done, count: count))
      done &+= count
    }
    return total
  }

  /// The smaller one of a count of bytes in memory and one that may be larger than any memory.
  @inline(never)
  static func lesser(_ count: Int, _ bytes: FileOffset) -> Int {
    Int(truncatingIfNeeded: min(FileOffset(truncatingIfNeeded: count), bytes))
  }

  /// Reads the bytes of an extent from `skip` on; `destination` ends with the extent or before it.
  private mutating func read(
    _ role: Role, _ extent: inout Extent, _ skip: FileOffset, into destination: MutablePageVector
  ) throws(Fault) {
    if extent.form.isCompressed {
      return try decode(role, &extent, Int(truncatingIfNeeded: skip), into: destination)
    }
    if extent.isPacked {
      try requirePackedInode()
      guard role != .packed else { throw fail(.nestedFragment, role) }
      _ = try read(.packed, at: extent.address &+ skip, into: destination)
      return
    }
    switch extent.space {
    case .hole, .packed:
      destination.fill(0)
    case .metadata, .metabox:
      try copy(extent.stream, extent.address &+ skip, into: destination)
    case .device:
      if Self.mapsExtents {
        let bytes = try mappedStored(&extent, skip, destination.count)
        guard destination.copy(from: bytes) == destination.count else {
          throw fail(.outsideDevice, .device, extent.address)
        }
        return
      }
      if !IncompatibleFeatures.known.contains(.fragments) {
        return try readDevice(extent.device, extent.address, skip, into: destination)
      }
      var at = skip
      var end = FileOffset.limit
      if extent.isInterlaced {
        // The run is turned: each byte is at its own offset in a block, the first ones in the last block.
        end = extent.storedLength
        at &+= end &- (superblock.blockMask &+ 1) &+ (extent.start & superblock.blockMask)
        if at >= end { at &-= end }
      }
      var done = 0
      while done < destination.count {
        let count = Self.lesser(destination.count &- done, end &- at)
        try readDevice(extent.device, extent.address, at, into: destination.cut(at: done, count: count))
        done &+= count
        at = 0
      }
    }
  }

  /// Reads bytes from `address + skip` on, of a run that starts at `address`.
  @inline(never)
  mutating func readDevice(
    _ device: UInt16, _ address: FileOffset, _ skip: FileOffset, into destination: MutablePageVector
  ) throws(Fault) {
    let place = try locate(device, address, skip &+ FileOffset(truncatingIfNeeded: destination.count))
    do throws(StorageError) {
      try storage.read(device: place.device, at: place.offset &+ skip, into: destination)
    } catch { throw fail(error, place.device, place.offset &+ skip) }
  }

  /// `count` bytes of an extent from `skip` on as they are stored, where the storage maps them; else no bytes.
  @inline(never)
  mutating func mappedStored(_ extent: inout Extent, _ skip: FileOffset, _ count: Int) throws(Fault) -> PageVector {
    guard extent.space == .device || extent.space == .metadata else { return PageVector() }
    let place = try locate(extent.device, extent.address, skip &+ FileOffset(truncatingIfNeeded: count))
    let bytes = storage.mapped(device: place.device, at: place.offset &+ skip, count: count) ?? PageVector()
    return bytes.count == count ? bytes : PageVector()
  }

  // MARK: Compressed extents

  @inline(never)
  private mutating func decode(
    _ role: Role, _ extent: inout Extent, _ skip: Int, into destination: MutablePageVector
  ) throws(Fault) {
    let number = role.index
    if unsafe !decoders[unchecked: number].canServe(&extent, of: self[role].key, from: skip) {
      if try begin(role, &extent, skip == 0 ? destination : MutablePageVector()) { return }
    }
    do throws(DecodeError) {
      try unsafe decoders[unchecked: number].copy(from: skip, into: destination)
    } catch { throw undecodable(error, role, &extent) }
  }

  /// Brings the stored bytes to where the decoder of `role` finds them, and starts it.
  ///
  /// - Parameter destination: where an extent is decoded at once that is just as long; true is returned then.
  private mutating func begin(
    _ role: Role, _ extent: inout Extent, _ destination: MutablePageVector
  ) throws(Fault) -> Bool {
    let number = role.index
    unsafe decoders[unchecked: number].reset()
    unsafe decoders[unchecked: number].output = destination
    let mapped = try mappedStored(&extent, 0, Int(truncatingIfNeeded: extent.storedLength))
    unsafe decoders[unchecked: number].input = mapped
    let isMapped = Self.mapsExtents || !mapped.isEmpty
    let need = arrangement(&extent, isMapped: isMapped)
    let available = unsafe decoders[unchecked: number].frames.count
    let isDirect = destination.count == need.length && available >= need.stored
    if !isDirect {
      guard available >= need.least else { throw fail(need: role.framesNeed, bytes: need.least) }
      unsafe decoders[unchecked: number].takeOutput(need.output(in: available))
    }
    if !isMapped {
      let place = unsafe decoders[unchecked: number].takeInput(
        at: isDirect ? 0 : need.storedPlace(in: available), need.stored)
      try copyStored(&extent, into: place)
    }
    do throws(DecodeError) {
      try unsafe decoders[unchecked: number].begin(
        &extent, of: self[role].key, superblock.incompatible, superblock.blockMask)
      if isDirect { try unsafe decoders[unchecked: number].decodeAll() }
    } catch { throw undecodable(error, role, &extent) }
    return isDirect
  }

  /// Whether the stored bytes of all extents are in memory, those in a metabox not being there.
  static var mapsExtents: Bool {
    @inline(__always) get { Source.mapsEverything && Role.count == 1 }
  }

  mutating func arrangement(_ extent: inout Extent, isMapped: Bool) -> ExtentArrangement {
    ExtentArrangement(
      &extent, isMapped: isMapped,
      inPlace: extent.mustFinish(superblock.incompatible),
      window: superblock.compression.window(of: extent.form.algorithm))
  }

  /// Reads an extent's stored bytes.
  mutating func copyStored(_ extent: inout Extent, into destination: MutablePageVector) throws(Fault) {
    if extent.space == .device {
      try readDevice(extent.device, extent.address, 0, into: destination)
    } else {
      try copy(extent.stream, extent.address, into: destination)
    }
  }

  @inline(never)
  private mutating func undecodable(_ error: DecodeError, _ role: Role, _ extent: inout Extent) -> Fault {
    failure = extent.failure(error, role.stateNeed)
    return Fault()
  }
}
