// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import PageVectors

/// A volume with memory for every file that it can contain: the convenient way to read an image on a host.
///
/// The memory is address space; the system provides pages only as they are used. A reader is for one thread. Several
/// threads each use a reader of their own over the same ``ImageFile``.
public final class ImageReader: ImageReading {
  public let image: ImageFile
  public let superblock: Superblock
  public var volume: Volume<MappedStorage>
  /// The limit that the methods of the reader count their work against; nil for none. Calls of `volume` are not
  /// counted.
  public let limit: WorkLimit?
  private let frames: UnsafeMutableRawBufferPointer
  private let state: UnsafeMutableRawBufferPointer
  /// Memory for the largest extent.
  private let buffer: UnsafeMutableRawBufferPointer
  private var bufferPages: MutablePageVector { MutablePageVector(unsafeContiguous: buffer) }
  private var stored: StoredWindow

  /// - Parameters:
  ///   - image: the open image.
  ///   - limit: what the reader's methods count their work against; nil for none.
  /// - Throws: if it is no EROFS image, or one that needs what this version does not have.
  public convenience init(_ image: ImageFile, limit: WorkLimit? = nil) throws(EROFSError) {
    self.init(image, try Superblock(reading: image), limit: limit)
  }

  /// A reader of an image whose superblock has been read already.
  ///
  /// - Parameters:
  ///   - image: the open image.
  ///   - superblock: that of `image`.
  ///   - limit: what the reader's methods count their work against; nil for none.
  public init(_ image: ImageFile, _ superblock: Superblock, limit: WorkLimit? = nil) {
    self.image = image
    self.limit = limit
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

  /// An entry of a directory.
  public struct Entry: Sendable {
    public let name: [UInt8]
    public let nid: UInt64
    /// The kind that the directory entry states.
    public let kind: InodeKind?
    /// The name as text; bytes that are not UTF-8 become U+FFFD.
    public var text: String { String(decoding: name, as: UTF8.self) }

    public var isDotOrDotDot: Bool { name == [0x2E] || name == [0x2E, 0x2E] }
  }

  /// The inode at a path of bytes; see `Volume.inode(at:)`.
  public func inode(at path: some Collection<UInt8>) throws(EROFSError) -> Inode {
    guard path.count <= buffer.count else { throw .notFound }
    buffer.copyBytes(from: path)
    return try volume.inode(at: bufferPages.readOnly.prefix(path.count))
  }

  /// The inode at a path whose symbolic links are followed, inside the image: its root is theirs.
  ///
  /// - Parameters:
  ///   - path: names with `/` between them; `..` is the directory above.
  ///   - followsLast: whether the last name is followed too.
  /// - Throws: `EROFSError.notFound` also for more than 40 links.
  public func inode(following path: some Collection<UInt8>, followsLast: Bool) throws(EROFSError) -> Inode {
    try follow(Array(path), followsLast: followsLast)
  }

  /// An extended attribute, read.
  public struct AttributeText: Sendable {
    public let name: [UInt8]
    public let value: [UInt8]
    /// Whether it belongs to no namespace; systems do not list it then.
    public let isHidden: Bool
    /// Whether it is the digest of a file's content.
    public let isDigest: Bool
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
    while let extent = try extent(of: inode, at: offset) {
      found.append(extent)
      offset = extent.end
    }
    return found
  }

  /// The extent that holds byte `offset` of a file; see `Volume.extent(of:at:)`.
  public func extent(of inode: Inode, at offset: UInt64) throws(EROFSError) -> Extent? {
    let extent = try volume.extent(of: inode, at: offset)
    if let extent { try limit?.spend(finding: extent) }
    return extent
  }

  /// The memory that reading a file takes; see `Volume.plan(for:_:)`.
  public func plan(for inode: Inode, _ depth: MemoryPlan.Depth) throws(EROFSError) -> MemoryPlan {
    if limit != nil {
      // The plan goes through the file's extents too.
      var offset: UInt64 = 0
      while let extent = try extent(of: inode, at: offset) { offset = extent.end }
    }
    return try volume.plan(for: inode, depth)
  }

  /// A piece of a file.
  public enum Piece {
    case data(UnsafeRawBufferPointer)
    /// So many zeros, which are not stored.
    case hole(UInt64)
  }

  /// The most bytes in a piece of uncompressed data: they fit a processor's cache.
  private static let plainPieceBytes = 256 << 10

  /// Passes the content of a file to `body`, piece by piece and in order. Each extent is decoded once.
  ///
  /// - Parameters:
  ///   - inode: a file.
  ///   - range: only the extents that start in this range of bytes; nil means all.
  ///   - skipping: returns true for extents to skip; it is called once for each.
  ///   - body: called with each piece and its offset in the file.
  /// - Returns: the number of bytes that were passed to `body`.
  @discardableResult
  public func forEachPiece<Failure: Error>(
    of inode: Inode, extentsStartingIn range: Range<UInt64>? = nil, skipping: (Extent) -> Bool = { _ in false },
    _ body: (_ offset: UInt64, Piece) throws(Failure) -> Void
  ) throws(PieceError<Failure>) -> UInt64 {
    var offset = range?.lowerBound ?? 0
    var given: UInt64 = 0
    while offset < range?.upperBound ?? inode.size {
      let extent: Extent?
      do throws(EROFSError) { extent = try self.extent(of: inode, at: offset) } catch { throw .image(error) }
      guard let extent else { break }
      if extent.start < offset || skipping(extent) {
        offset = extent.end
        continue
      }
      do throws(EROFSError) { try limit?.spend(reading: extent) } catch { throw .image(error) }
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

  /// As `Volume.read(_:_:from:into:)`, but reads file data from the device instead of the mapping.
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

  /// The error that ended ``forEachPiece(of:extentsStartingIn:skipping:_:)``: of the image, or of the closure.
  public enum PieceError<Failure: Error>: Error, CustomStringConvertible {
    case image(EROFSError)
    case body(Failure)

    public var description: String {
      switch self {
      case .image(let error): "\(error)"
      case .body(let error): "\(error)"
      }
    }
  }
}

extension PageVector {
  /// The bytes in an array.
  package var bytes: [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      initialized = copyBytes(into: UnsafeMutableRawBufferPointer(buffer))
    }
  }
}
