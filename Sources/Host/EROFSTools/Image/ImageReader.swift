// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import PageVectors

/// A volume with memory for anything that it may hold: the convenient way to read an image on a host.
///
/// The memory is address space, of which only what is used becomes real. One reader serves one thread; each of several
/// threads makes its own over the same `ImageFile`.
public final class ImageReader {
  public let image: ImageFile
  public let superblock: Superblock
  public var volume: Volume<MappedStorage>
  private let frames: UnsafeMutableRawBufferPointer
  private let state: UnsafeMutableRawBufferPointer
  /// Room for the largest extent.
  private let buffer: UnsafeMutableRawBufferPointer
  private var bufferPages: MutablePageVector { MutablePageVector(unsafeContiguous: buffer) }
  private var stored: StoredWindow

  public convenience init(_ image: ImageFile) throws(EROFSError) {
    self.init(image, try Superblock(reading: image))
  }

  public init(_ image: ImageFile, _ superblock: Superblock) {
    self.image = image
    self.superblock = superblock
    let plan = MemoryPlan.maximum(for: superblock)
    frames = .allocate(byteCount: plan.frameBytes, alignment: 4096)
    state = .allocate(byteCount: max(plan.stateBytes, 8), alignment: 16)
    buffer = .allocate(byteCount: Superblock.maximumDecodedBytes, alignment: 4096)
    stored = StoredWindow(image, plan)
    let memory = ReaderMemory(for: plan, frames: MutablePageVector(unsafeContiguous: frames), state: state)
    volume = Volume(image.storage, superblock: superblock, memory: memory ?? ReaderMemory())
  }

  deinit {
    stored.deallocate()
    frames.deallocate()
    state.deallocate()
    buffer.deallocate()
  }

  // MARK: Names

  /// An entry of a directory, with a name of its own.
  public struct Entry: Sendable {
    public let name: [UInt8]
    public let nid: UInt64
    /// What the directory says it is.
    public let kind: InodeKind?

    public var isDotOrDotDot: Bool { name == [0x2E] || name == [0x2E, 0x2E] }
  }

  /// All entries of a directory, `.` and `..` included, in the order of their names.
  ///
  /// - Throws: `corrupt` with `nameOrder` too where the names do not ascend: no name comes twice, and no directory is
  ///   longer than what is stored of it.
  public func entries(of directory: Inode) throws(EROFSError) -> [Entry] {
    var found: [Entry] = []
    var cursor = DirectoryCursor()
    while let entry = try volume.nextEntry(of: directory, &cursor) {
      let name = entry.name.bytes
      if let last = found.last, !last.name.lexicographicallyPrecedes(name) {
        throw .corrupt(.nameOrder, at: directory.position)
      }
      found.append(Entry(name: name, nid: entry.nid, kind: entry.kind))
    }
    return found
  }

  /// The inode at a path of bytes; see `Volume.inode(at:)`.
  public func inode(at path: some Collection<UInt8>) throws(EROFSError) -> Inode {
    guard path.count <= buffer.count else { throw .notFound }
    buffer.copyBytes(from: path)
    return try volume.inode(at: bufferPages.readOnly.prefix(path.count))
  }

  /// The target of a symbolic link.
  public func target(of link: Inode) throws(EROFSError) -> [UInt8] {
    guard link.kind == .symbolicLink else { throw .notAFile }
    // What no system can follow is not worth memory.
    guard link.size <= 65536 else { throw .corrupt(.linkTarget, at: link.position) }
    let part = bufferPages.prefix(Int(link.size))
    let count = try volume.read(link, at: 0, into: part)
    return part.readOnly.prefix(count).bytes
  }

  /// An extended attribute, read.
  public struct AttributeText: Sendable {
    public let name: [UInt8]
    public let value: [UInt8]
    /// Whether it belongs to no namespace, so that no system lists it.
    public let isHidden: Bool
    /// Whether it is the digest of a file's content.
    public let isDigest: Bool
  }

  /// The extended attributes of an inode, hidden ones only where they are asked for.
  public func attributes(of inode: Inode, includingHidden: Bool = false) throws(EROFSError) -> [AttributeText] {
    var found: [AttributeText] = []
    var cursor = AttributeCursor()
    while let attribute = try volume.nextAttribute(of: inode, &cursor) {
      let isHidden = attribute.namespace == .hidden
      if isHidden, !includingHidden { continue }
      let name = bufferPages.prefix(attribute.nameBytes)
      let value = bufferPages.dropFirst(4096).prefix(attribute.valueBytes)
      _ = try volume.copyName(of: attribute, into: name)
      _ = try volume.copyValue(of: attribute, into: value)
      found.append(
        AttributeText(
          name: name.readOnly.bytes, value: value.readOnly.bytes, isHidden: isHidden,
          isDigest: superblock.compatible.contains(.imageShareXattrs)
            && attribute.isWholePrefix(Int(superblock.imageSharePrefix))))
    }
    return found
  }

  /// Whether an attribute of that name can be found by its name, as systems look for it.
  public func canFind(attribute name: [UInt8], of inode: Inode) throws(EROFSError) -> Bool {
    buffer.copyBytes(from: name)
    return try volume.attribute(named: bufferPages.readOnly.prefix(name.count), of: inode) != nil
  }

  // MARK: Data

  /// The extents of a file, in order.
  public func extents(of inode: Inode) throws(EROFSError) -> [Extent] {
    var found: [Extent] = []
    var offset: UInt64 = 0
    while let extent = try volume.extent(of: inode, at: offset) {
      found.append(extent)
      offset = extent.end
    }
    return found
  }

  /// A piece of a file.
  public enum Piece {
    case data(UnsafeRawBufferPointer)
    /// Bytes that read as zeros and are stored nowhere.
    case hole(UInt64)
  }

  /// Most bytes of a piece that is stored as it is: they fit a processor's cache.
  private static let plainPieceBytes = 256 << 10

  /// Gives all of a file to `body`, piece by piece and in order: each extent decoded once, straight into the piece.
  ///
  /// - Parameters:
  ///   - range: only the extents that start in it; nil: all.
  ///   - skipping: says which extents to leave out; it is asked once for each.
  /// - Returns: bytes given.
  @discardableResult
  public func forEachPiece<Failure: Error>(
    of inode: Inode, extentsStartingIn range: Range<UInt64>? = nil, skipping: (Extent) -> Bool = { _ in false },
    _ body: (_ offset: UInt64, Piece) throws(Failure) -> Void
  ) throws(PieceError<Failure>) -> UInt64 {
    var offset = range?.lowerBound ?? 0
    var given: UInt64 = 0
    while offset < range?.upperBound ?? inode.size {
      let extent: Extent?
      do throws(EROFSError) { extent = try volume.extent(of: inode, at: offset) } catch { throw .image(error) }
      guard let extent else { break }
      if extent.start < offset || skipping(extent) {
        offset = extent.end
        continue
      }
      given += extent.length
      if extent.place == .hole {
        do throws(Failure) { try body(offset, .hole(extent.length)) } catch { throw .body(error) }
        offset = extent.end
        continue
      }
      var pages = bufferPages
      if case .compressed = extent.encoding {} else { pages = pages.prefix(Self.plainPieceBytes) }
      while offset < extent.end {
        let count: Int
        do throws(EROFSError) {
          count = try read(inode, extent, from: offset - extent.start, into: pages)
        } catch { throw .image(error) }
        do throws(Failure) {
          try body(offset, .data(UnsafeRawBufferPointer(rebasing: buffer[0..<count])))
        } catch { throw .body(error) }
        offset += UInt64(count)
      }
    }
    return given
  }

  /// Reads what `Volume.read(_:_:from:into:)` does, but does not use the mapping for what lies on a device.
  private func read(
    _ inode: Inode, _ extent: Extent, from skip: UInt64, into pages: MutablePageVector
  ) throws(EROFSError) -> Int {
    let part = pages.prefix(Int(min(UInt64(pages.count), extent.length - skip)))
    if case .device = extent.place, let place = try volume.location(of: extent) {
      switch extent.encoding {
      case .compressed where skip == 0 && UInt64(part.count) == extent.length:
        let bytes = try stored.bytes(device: place.device, at: place.offset, count: Int(extent.storedLength))
        try volume.decode(extent, stored: bytes, into: part, state: stored.state)
        return part.count
      case .plain:
        let destination = UnsafeMutableRawBufferPointer(rebasing: buffer[..<part.count])
        try image.read(device: place.device, at: place.offset + skip, into: destination)
        return part.count
      default: break
      }
    }
    return try volume.read(inode, extent, from: skip, into: part)
  }

  /// What stopped a walk over a file's data.
  public enum PieceError<Failure: Error>: Error {
    case image(EROFSError)
    case body(Failure)
  }
}

extension PageVector {
  /// The bytes in an array.
  public var bytes: [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      initialized = copyBytes(into: UnsafeMutableRawBufferPointer(buffer))
    }
  }
}
