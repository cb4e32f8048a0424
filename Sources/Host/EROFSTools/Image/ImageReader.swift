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
  public var volume: Volume<ImageFile>
  private let frames: UnsafeMutableRawBufferPointer
  private let state: UnsafeMutableRawBufferPointer
  /// Room for the largest extent.
  private let buffer: UnsafeMutableRawBufferPointer
  private var bufferPages: MutablePageVector { MutablePageVector(unsafeContiguous: buffer) }

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
    let memory = ReaderMemory(for: plan, frames: MutablePageVector(unsafeContiguous: frames), state: state)
    volume = Volume(image, superblock: superblock, memory: memory ?? ReaderMemory())
  }

  deinit {
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

  /// The extended attributes of an inode, hidden ones only where they are asked for.
  public func attributes(
    of inode: Inode, includingHidden: Bool = false
  ) throws(EROFSError) -> [(name: [UInt8], value: [UInt8])] {
    var found: [(name: [UInt8], value: [UInt8])] = []
    var cursor = AttributeCursor()
    while let attribute = try volume.nextAttribute(of: inode, &cursor) {
      if attribute.namespace == .hidden, !includingHidden { continue }
      let name = bufferPages.prefix(attribute.nameBytes)
      let value = bufferPages.dropFirst(4096).prefix(attribute.valueBytes)
      _ = try volume.copyName(of: attribute, into: name)
      _ = try volume.copyValue(of: attribute, into: value)
      found.append((name.readOnly.bytes, value.readOnly.bytes))
    }
    return found
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

  /// Gives all of a file to `body`, piece by piece and in order: each extent decoded once, straight into the piece.
  ///
  /// - Returns: bytes given; the file's size.
  @discardableResult
  public func forEachPiece<Failure: Error>(
    of inode: Inode, _ body: (Piece) throws(Failure) -> Void
  ) throws(PieceError<Failure>) -> UInt64 {
    var offset: UInt64 = 0
    while true {
      let extent: Extent?
      do throws(EROFSError) { extent = try volume.extent(of: inode, at: offset) } catch { throw .image(error) }
      guard let extent else { return offset }
      if extent.place == .hole {
        do throws(Failure) { try body(.hole(extent.end - offset)) } catch { throw .body(error) }
        offset = extent.end
        continue
      }
      while offset < extent.end {
        let count: Int
        do throws(EROFSError) {
          count = try volume.read(inode, extent, from: offset - extent.start, into: bufferPages)
        } catch { throw .image(error) }
        do throws(Failure) {
          try body(.data(UnsafeRawBufferPointer(rebasing: buffer[0..<count])))
        } catch { throw .body(error) }
        offset += UInt64(count)
      }
    }
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
