// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// The device's own word on why it could not read. Its meaning is the storage's: an errno on hosts and in kernels.
@frozen
public struct StorageError: Error, Equatable, Sendable {
  public let code: Int32
  @inlinable
  public init(code: Int32) { self.code = code }
}

/// Where the bytes of an image come from: memory, memory-mapped flash, a file, a block device.
///
/// Device 0 is the primary device, which holds the superblock; 1, 2, … are the extra devices in the order of the image's
/// device table. Offsets count bytes from the image's start on that device; bytes before the image
/// or after it (a boot loader, a signature) are the storage's business.
public protocol Storage {
  /// Whether ``mapped(device:at:count:)`` always gives all the bytes that it is asked for. A reader built for such a
  /// storage has no code for the others.
  static var mapsEverything: Bool { get }

  /// Bytes that can be read from `device`; 0 for a device that is not there.
  func byteCount(ofDevice device: Int) -> FileOffset

  /// Fills `destination` from byte `offset` of `device` on. The reader asks only for bytes inside the device.
  func read(device: Int, at offset: FileOffset, into destination: MutablePageVector) throws(StorageError)

  /// Bytes from `offset` on that are in memory already and stay valid as long as the storage does: at least 1, and as
  /// many as there are up to `count`. Nil where the storage has to be read. The reader asks only for bytes inside.
  func mapped(device: Int, at offset: FileOffset, count: Int) -> PageVector?
}

extension Storage {
  public static var mapsEverything: Bool { false }
  public func mapped(device: Int, at offset: FileOffset, count: Int) -> PageVector? { nil }
}

/// An image in memory, whole: a mapped file, memory-mapped flash, a test's array.
@frozen
public struct MemoryStorage: Storage, Sendable {
  public let bytes: PageVector

  @inlinable
  public init(_ bytes: PageVector) { self.bytes = bytes }

  @inlinable public static var mapsEverything: Bool { true }

  @inlinable
  public func byteCount(ofDevice device: Int) -> FileOffset {
    // A count is never negative: saying so spares the reader a comparison with its limit.
    device == 0 ? FileOffset(truncatingIfNeeded: bytes.count & Int.max) : 0
  }

  @inlinable
  public func read(device: Int, at offset: FileOffset, into destination: MutablePageVector) throws(StorageError) {
    guard device == 0, offset <= FileOffset(truncatingIfNeeded: bytes.count),
      destination.count <= bytes.count &- Int(truncatingIfNeeded: offset)
    else { throw StorageError(code: 22) }
    destination.copy(from: bytes.cut(at: Int(truncatingIfNeeded: offset), count: destination.count))
  }

  @inlinable
  public func mapped(device: Int, at offset: FileOffset, count: Int) -> PageVector? {
    guard device == 0, offset < FileOffset(truncatingIfNeeded: bytes.count) else { return nil }
    return bytes.cut(at: Int(truncatingIfNeeded: offset), count: count)
  }
}
