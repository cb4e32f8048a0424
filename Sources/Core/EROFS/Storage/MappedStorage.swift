// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// An image all of whose devices are in memory: mapped files.
///
/// The reader has a compiled form of its own for it, so that a host reads metadata as fast as code written for mapped
/// files only would.
@safe
public struct MappedStorage: Storage, @unchecked Sendable {
  private let devices: UnsafePointer<PageVector>
  private let count: Int

  /// - Parameters:
  ///   - devices: the bytes of each device; the table and they must stay valid as long as the storage is in use.
  ///   - count: devices, the primary one included.
  public init(unsafeDevices devices: UnsafePointer<PageVector>, count: Int) {
    unsafe self.devices = devices
    self.count = count
  }

  @inline(__always)
  private func bytes(_ device: Int) -> PageVector {
    device >= 0 && device < count ? unsafe devices[device] : PageVector()
  }

  public static var mapsEverything: Bool { true }

  public func byteCount(ofDevice device: Int) -> FileOffset { FileOffset(bytes(device).count) }

  public func read(device: Int, at offset: FileOffset, into destination: MutablePageVector) throws(StorageError) {
    let source = bytes(device)
    guard offset <= FileOffset(source.count), destination.count <= source.count - Int(truncatingIfNeeded: offset) else {
      throw StorageError(code: 22)
    }
    destination.copy(from: source.dropFirst(Int(truncatingIfNeeded: offset)))
  }

  public func mapped(device: Int, at offset: FileOffset, count: Int) -> PageVector? {
    let source = bytes(device)
    guard offset < FileOffset(source.count) else { return nil }
    return source.slice(at: Int(truncatingIfNeeded: offset), count: count)
  }
}
