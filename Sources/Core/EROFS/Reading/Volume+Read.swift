// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import PageVectors

extension Volume {
  /// Reads a file's bytes from `offset` on into `destination`, wherever its pages lie.
  ///
  /// - Returns: how many: as many as `destination` holds, fewer only at the end of the file.
  /// - Throws: ``EROFSError/notAFile`` for what has no bytes; the rest as the image or the storage gives cause. What
  ///   has been written to `destination` by then is undefined.
  @specialized(where Source == MappedStorage)
  public mutating func read(
    _ inode: Inode, at offset: UInt64, into destination: MutablePageVector
  ) throws(EROFSError) -> Int {
    switch inode.kind {
    case .regular, .symbolicLink, .directory: return try read(.file, inode, at: offset, into: destination)
    default: throw .notAFile
    }
  }

  /// Reads the bytes of an extent of `inode`, as ``extent(of:at:)`` gave it, from its byte `skip` on.
  ///
  /// Who asks for all of an extent at once has it decoded straight into `destination`.
  ///
  /// - Returns: how many: as many as `destination` holds, fewer only at the end of the extent.
  @specialized(where Source == MappedStorage)
  public mutating func read(
    _ inode: Inode, _ extent: Extent, from skip: UInt64 = 0, into destination: MutablePageVector
  ) throws(EROFSError) -> Int {
    guard skip < extent.length else { return 0 }
    let count = Int(min(UInt64(destination.count), extent.length - skip))
    try read(.file, inode, extent, skip: skip, into: destination.prefix(count))
    return count
  }

  mutating func read(
    _ role: Role, _ inode: Inode, at offset: UInt64, into destination: MutablePageVector
  ) throws(EROFSError) -> Int {
    guard offset < inode.size else { return 0 }
    let total = Int(min(UInt64(destination.count), inode.size - offset))
    var done = 0
    while done < total {
      let at = offset + UInt64(done)
      guard let extent = try extent(of: inode, at: at) else { return done }
      let skip = at - extent.start
      let count = Int(min(UInt64(total - done), extent.length - skip))
      try read(role, inode, extent, skip: skip, into: destination.slice(at: done, count: count))
      done += count
    }
    return total
  }

  /// Reads the bytes of an extent from `skip` on; `destination` ends with the extent or before it.
  private mutating func read(
    _ role: Role, _ inode: Inode, _ extent: Extent, skip: UInt64, into destination: MutablePageVector
  ) throws(EROFSError) {
    if case .compressed(let algorithm) = extent.encoding {
      return try decode(role, inode, extent, algorithm, skip: Int(truncatingIfNeeded: skip), into: destination)
    }
    switch extent.place {
    case .hole:
      destination.fill(0)
    case .packed(let offset):
      let packed = try openPacked()
      guard role != .packed else { throw .corrupt(.nestedFragment, at: inode.position) }
      _ = try read(.packed, packed, at: offset + skip, into: destination)
    case .metadata(let stream, let offset):
      try copy(stream, at: offset + skip, into: destination)
    case .device(let device, let address):
      guard extent.encoding == .interlaced else {
        return try readStored(device, address, skip: skip, destination)
      }
      // The run is turned: its first bytes are stored last, at their own offset in the last block.
      let block = UInt64(superblock.blockSize)
      let shift = extent.start & (block - 1)
      let first = min(block - shift, extent.length)
      var rest = destination
      if skip < first {
        let part = destination.prefix(Int(truncatingIfNeeded: first - skip))
        try readStored(device, address, skip: extent.storedLength - block + shift + skip, part)
        rest = destination.dropFirst(part.count)
      }
      if !rest.isEmpty { try readStored(device, address, skip: max(skip, first) - first, rest) }
    }
  }

  func readStored(
    _ device: Int, _ address: UInt64, skip: UInt64, _ destination: MutablePageVector
  ) throws(EROFSError) {
    let place = try locate(device, address, length: skip + UInt64(destination.count))
    do throws(StorageError) {
      try storage.read(device: place.device, at: place.offset + skip, into: destination)
    } catch { throw .storage(error, at: .device(place.device, offset: place.offset + skip)) }
  }

  // MARK: Compressed extents

  private mutating func decode(
    _ role: Role, _ inode: Inode, _ extent: Extent, _ algorithm: Algorithm, skip: Int,
    into destination: MutablePageVector
  ) throws(EROFSError) {
    if !decoders[role.rawValue].canServe(extent, of: inode.nid, from: skip) {
      if skip == 0, UInt64(destination.count) == extent.length,
        try decodeDirectly(role, inode, extent, algorithm, destination)
      {
        return
      }
      try begin(role, inode, extent, algorithm)
    }
    do throws(DecodeError) {
      try decoders[role.rawValue].copy(from: skip, into: destination)
    } catch { throw undecodable(error, role, extent, algorithm, inode) }
  }

  /// Decodes a whole extent into the caller's pages; false where the stored bytes have no place meanwhile.
  private mutating func decodeDirectly(
    _ role: Role, _ inode: Inode, _ extent: Extent, _ algorithm: Algorithm, _ destination: MutablePageVector
  ) throws(EROFSError) -> Bool {
    let frames = decoders[role.rawValue].memory.frames
    let state = decoders[role.rawValue].memory.state
    let input: PageVector
    if let mapped = try mappedInput(extent) {
      input = mapped
    } else {
      guard UInt64(frames.count) >= extent.storedLength else { return false }
      input = try fetch(role, extent, into: frames)
    }
    // The decoder's state is the one that an extent in the middle of being decoded uses.
    decoders[role.rawValue].reset()
    do throws(DecodeError) {
      var decoder = try AnyDecoder(
        algorithm, input: try trimmed(input, extent), output: destination, length: destination.count, memory: state)
      _ = try decoder.decode(to: destination.count, finishing: mustFinish(extent))
    } catch { throw undecodable(error, role, extent, algorithm, inode) }
    return true
  }

  /// Brings the stored bytes to where the decoder of `role` finds them, and starts it.
  private mutating func begin(
    _ role: Role, _ inode: Inode, _ extent: Extent, _ algorithm: Algorithm
  ) throws(EROFSError) {
    decoders[role.rawValue].reset()
    let frames = decoders[role.rawValue].memory.frames
    let mapped = try mappedInput(extent)
    let length = Int(truncatingIfNeeded: extent.length)
    let storedLength = Int(truncatingIfNeeded: extent.storedLength)
    let inPlace = canDecodeInPlace(extent, algorithm)
    let window = superblock.compression.window(of: algorithm)
    guard
      let arrangement = ExtentArrangement(
        available: frames.count, length: length, storedLength: storedLength, isMapped: mapped != nil,
        canDecodeInPlace: inPlace, window: window)
    else {
      throw .memory(
        decoders[role.rawValue].framesNeed,
        bytes: ExtentArrangement.least(
          length: length, storedLength: storedLength, isMapped: mapped != nil, canDecodeInPlace: inPlace,
          window: window))
    }
    var input = PageVector()
    if let mapped {
      input = mapped
    } else if let at = arrangement.stored {
      input = try fetch(role, extent, into: frames.dropFirst(at))
    }
    do throws(DecodeError) {
      try decoders[role.rawValue].begin(
        extent, of: inode.nid, algorithm, input: try trimmed(input, extent), output: frames.prefix(arrangement.output),
        mustFinish: mustFinish(extent))
    } catch {
      throw undecodable(error, role, extent, algorithm, inode)
    }
  }

  func canDecodeInPlace(_ extent: Extent, _ algorithm: Algorithm) -> Bool {
    algorithm == .lz4 && !extent.isPartial && superblock.incompatible.contains(.zeroPadding)
  }

  /// Whether the stream must end with the extent. It goes on where another file uses more of it; and where the padding
  /// is behind, only the extent's length says where the stream ends.
  func mustFinish(_ extent: Extent) -> Bool {
    !extent.isPartial && superblock.incompatible.contains(.zeroPadding)
  }

  /// The stored bytes where the storage maps them.
  private func mappedInput(_ extent: Extent) throws(EROFSError) -> PageVector? {
    let count = Int(truncatingIfNeeded: extent.storedLength)
    let place: (device: Int, offset: UInt64)
    switch extent.place {
    case .device(let device, let address): place = try locate(device, address, length: extent.storedLength)
    case .metadata(.device, let offset): place = try locate(0, offset, length: extent.storedLength)
    default: return nil
    }
    guard let bytes = storage.mapped(device: place.device, at: place.offset, count: count), bytes.count == count else {
      return nil
    }
    return bytes
  }

  /// Reads the stored bytes to the start of `area`.
  private mutating func fetch(
    _ role: Role, _ extent: Extent, into area: MutablePageVector
  ) throws(EROFSError) -> PageVector {
    let destination = area.prefix(Int(truncatingIfNeeded: extent.storedLength))
    guard UInt64(destination.count) == extent.storedLength else {
      throw .memory(decoders[role.rawValue].framesNeed, bytes: Int(truncatingIfNeeded: extent.storedLength))
    }
    switch extent.place {
    case .device(let device, let address): try readStored(device, address, skip: 0, destination)
    case .metadata(let stream, let offset): try copy(stream, at: offset, into: destination)
    default: break
    }
    return destination.readOnly
  }

  /// The stored bytes without the zeros in front; they are looked for in the first block only (format, section 10.9).
  func trimmed(_ input: PageVector, _ extent: Extent) throws(DecodeError) -> PageVector {
    guard superblock.incompatible.contains(.zeroPadding), case .device(_, let address) = extent.place else {
      return input
    }
    let block = UInt64(superblock.blockSize)
    let limit = min(input.count, Int(truncatingIfNeeded: block - (address & (block - 1))))
    var zeros = 0
    while zeros + 8 <= limit, input.load(at: zeros, as: UInt64.self) == 0 { zeros += 8 }
    while zeros < limit, input.byte(at: zeros) == 0 { zeros += 1 }
    guard zeros < limit else { throw DecodeError(.inputEnded, at: zeros) }
    return input.dropFirst(zeros)
  }

  private func undecodable(
    _ error: DecodeError, _ role: Role, _ extent: Extent, _ algorithm: Algorithm, _ inode: Inode
  ) -> EROFSError {
    if error.reason == .memory { return .memory(decoders[role.rawValue].stateNeed, bytes: algorithm.workingBytes) }
    return switch extent.place {
    case .device(let device, let address):
      .undecodable(error, algorithm: algorithm, at: .device(device, offset: address))
    case .metadata(let stream, let offset):
      .undecodable(error, algorithm: algorithm, at: stream.position(offset))
    default: .undecodable(error, algorithm: algorithm, at: inode.position)
    }
  }
}
