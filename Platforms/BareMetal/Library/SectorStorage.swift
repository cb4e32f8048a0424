// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import PageVectors

/// A device that is read by sectors of 512 bytes, such as an SD card or SPI flash.
public protocol SectorDevice {
  /// The number of sectors.
  var sectorCount: UInt64 { get }

  /// Reads sector `number`, less than ``sectorCount``, to `buffer`: 512 bytes. Returns 0, or an error code of the
  /// device.
  func read(sector number: UInt64, into buffer: UnsafeMutableRawPointer) -> Int32
}

/// An image on a device of sectors, read through one buffer of one sector: the image is never in memory.
@safe
public struct SectorStorage<Device: SectorDevice>: Storage {
  /// The size of the buffer, in bytes.
  public static var bufferBytes: Int { 8 + 512 }

  private let device: Device
  private let first: UInt64
  private let sectors: UInt64
  /// One more than the number of the sector in the buffer, 0 for none; after that the sector itself.
  private let buffer: UnsafeMutableRawPointer

  /// - Parameters:
  ///   - device: the device.
  ///   - first: the sector at which the image starts.
  ///   - buffer: ``bufferBytes`` of memory, aligned to 8, which must not be used otherwise as long as the storage is
  ///     used.
  public init(_ device: Device, from first: UInt64 = 0, unsafeBuffer buffer: UnsafeMutableRawPointer) {
    self.device = device
    self.first = first
    sectors = device.sectorCount > first ? device.sectorCount - first : 0
    unsafe self.buffer = buffer
    unsafe buffer.storeBytes(of: 0, as: UInt64.self)
  }

  public func byteCount(ofDevice device: Int) -> FileOffset {
    device == 0 ? FileOffset(clamping: min(sectors, UInt64(Int64.max) &>> 9) &<< 9) : 0
  }

  public func read(device: Int, at offset: FileOffset, into destination: MutablePageVector) throws(StorageError) {
    guard device == 0, offset <= byteCount(ofDevice: 0),
      FileOffset(destination.count) <= byteCount(ofDevice: 0) - offset
    else { throw StorageError(code: -1) }
    var done = 0
    while done < destination.count {
      let at = UInt64(offset) + UInt64(done)
      try fetch(at &>> 9)
      let skip = Int(truncatingIfNeeded: at & 511)
      let count = min(512 - skip, destination.count - done)
      destination.dropFirst(done).copy(
        from: unsafe PageVector(unsafeContiguous: UnsafeRawPointer(buffer + (8 + skip)), count: count))
      done += count
    }
  }

  private func fetch(_ sector: UInt64) throws(StorageError) {
    if unsafe buffer.load(as: UInt64.self) == sector + 1 { return }
    unsafe buffer.storeBytes(of: 0, as: UInt64.self)
    let code = unsafe device.read(sector: first + sector, into: buffer + 8)
    guard code == 0 else { throw StorageError(code: code) }
    unsafe buffer.storeBytes(of: sector + 1, as: UInt64.self)
  }
}
