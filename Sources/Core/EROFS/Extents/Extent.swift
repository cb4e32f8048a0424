// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

/// A range of a file's bytes that is stored in one piece.
@frozen
public struct Extent: Equatable, Sendable {
  @frozen
  public enum Place: Equatable, Sendable {
    /// Nowhere: it reads as zeros.
    case hole
    /// From byte `address` on; device 0 means the unified address space.
    case device(Int, address: UInt64)
    /// Inside the metadata.
    case metadata(MetadataStream, offset: UInt64)
    /// In the decoded content of the packed inode.
    case packed(offset: UInt64)
  }

  @frozen
  public enum Encoding: Equatable, Sendable {
    /// As it is.
    case plain
    /// As it is, each byte at the same offset in a block as in the file, the run turned round accordingly.
    case interlaced
    case compressed(Algorithm)
  }

  /// First byte in the file.
  public let start: UInt64
  /// Bytes of the file.
  public let length: UInt64
  public let place: Place
  public let encoding: Encoding
  /// Bytes as stored, padding included. For a plain extent: those that count, `length` or more.
  public let storedLength: UInt64
  /// The stream goes on behind this extent: another file uses more of it.
  public let isPartial: Bool

  @inlinable public var end: UInt64 { start + length }

  init(
    start: UInt64, length: UInt64, place: Place, encoding: Encoding = .plain, storedLength: UInt64? = nil,
    isPartial: Bool = false
  ) {
    self.start = start
    self.length = length
    self.place = place
    self.encoding = encoding
    self.storedLength = storedLength ?? length
    self.isPartial = isPartial
  }
}
