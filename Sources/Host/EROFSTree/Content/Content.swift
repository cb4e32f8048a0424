// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// Where the bytes of a regular file come from. Nothing is opened or read before `ContentOpener` does.
public enum Content: Sendable {
  case bytes([UInt8])
  /// `length` bytes of an open file from `offset`, for a member of an archive.
  case range(of: OpenFile, offset: UInt64, length: UInt64)
  /// The same with holes: `size` bytes, of which those in `pieces` are stored and all others are 0.
  case sparse(in: OpenFile, size: UInt64, pieces: [ContentPiece])
  /// A file at a path that starts at an open directory. Symbolic links on the way are followed.
  case path([UInt8], from: OpenFile, FileState)
  /// The file of the directory that the tree was read from, at the entry's own path; no symbolic link is followed.
  case entry(in: OpenFile, FileState)
  /// What stays where it is, on devices that the image refers to. It is not read.
  case referred(ReferredContent)
  /// What something else reads: the content with this number, of so many bytes.
  case foreign(any ForeignContents, number: UInt64, size: UInt64)
}

/// A content that an image does not contain but refers to: which bytes of which extra device the file consists of.
public struct ReferredContent: Sendable, Hashable {
  /// A run of bytes that a device stores.
  public struct Piece: Sendable, Hashable {
    /// In the file.
    public var offset: UInt64
    public var length: UInt64
    /// From 1 on, in the order of the image's device table.
    public var device: Int
    /// On the device, in bytes.
    public var place: UInt64

    public init(offset: UInt64, length: UInt64, device: Int, place: UInt64) {
      (self.offset, self.length, self.device, self.place) = (offset, length, device, place)
    }
  }

  /// Bytes of the file. What is neither in a piece nor in the tail is 0.
  public var size: UInt64
  /// In the order of their offsets, none inside another.
  public var pieces: [Piece]
  /// The last bytes of the file, which the image itself contains.
  public var tail: [UInt8]

  public init(size: UInt64, pieces: [Piece], tail: [UInt8] = []) {
    (self.size, self.pieces, self.tail) = (size, pieces, tail)
  }
}

/// Contents that are neither in memory nor in files as they are, such as those of another image. It is used by several
/// threads at once.
public protocol ForeignContents: AnyObject, Sendable {
  /// Fills the whole of `buffer` with what content `number` has from `offset` on.
  ///
  /// - Throws: why it cannot be read, as a message is to show it.
  func read(_ number: UInt64, into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws

  /// The next run of bytes of content `number`, at or after `offset`, that is no hole, cut to start at `offset`; nil if only
  /// holes follow. What is in a run may be zeros all the same.
  ///
  /// - Throws: why that cannot be found out, as a message is to show it.
  func data(of number: UInt64, after offset: UInt64) throws -> Range<UInt64>?
}

/// A run of bytes of a sparse file that its source stores.
public struct ContentPiece: Sendable, Hashable {
  /// In the file.
  public var offset: UInt64
  public var length: UInt64
  /// In what stores them.
  public var place: UInt64

  public init(offset: UInt64, length: UInt64, place: UInt64) {
    self.offset = offset
    self.length = length
    self.place = place
  }
}

extension [ContentPiece] {
  /// The index of the first piece that has bytes after `offset` of the file; `count` if none has.
  package func firstIndex(endingAfter offset: UInt64) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if self[middle].offset + self[middle].length > offset { high = middle } else { low = middle + 1 }
    }
    return low
  }
}

/// What a file on disk was when it was found. As long as all three are the same, so is its content, up to the
/// granularity of the file system's clock.
public struct FileState: Sendable, Hashable {
  public var size: UInt64
  public var inode: UInt64
  /// Of the last change of content or metadata, in nanoseconds since 1970, wrapped to 64 bits.
  public var changeTime: Int64

  public init(size: UInt64, inode: UInt64, changeTime: Int64) {
    self.size = size
    self.inode = inode
    self.changeTime = changeTime
  }
}

/// A content as the tree keeps it: 32 bytes.
struct ContentRecord: Sendable {
  var size: UInt64
  /// An offset in a file or in bytes, or the number of an inode of the source.
  var first: UInt64
  /// A time of change, or for sparse and referred contents the number of the list of pieces.
  var second: Int64
  /// The number of the store.
  var store: UInt32
  /// For a path, its place in the pool; for an entry of a directory, its number.
  var place: UInt32
}

/// Where contents come from, one for each archive, directory or list.
enum ContentStore: Sendable {
  case bytes([UInt8])
  case file(OpenFile)
  case sparse(OpenFile)
  case paths(OpenFile)
  case entries(OpenFile)
  /// All of it in one run on the device with this number.
  case device(Int)
  case referred
  case foreign(any ForeignContents)
}
