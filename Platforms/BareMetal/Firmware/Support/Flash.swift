// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Board
import EROFS
import EROFSFirmware
import PageVectors

/// The image that a program works on, in memory-mapped flash: the one that it was linked with, or one that lies beside it,
/// as the options `image=ADDRESS,BYTES` and, for its extra device, `device=ADDRESS,BYTES` say.
public struct Flash {
  private var devices: (PageVector, PageVector)

  public init(_ options: Options) {
    devices = (PageVector(unsafeContiguous: Board.linkedImage), PageVector())
    if let bytes = Self.bytes(options.numbers("image")) { devices.0 = bytes }
    if let bytes = Self.bytes(options.numbers("device")) { devices.1 = bytes }
  }

  private static func bytes(_ place: (UInt, UInt)?) -> PageVector? {
    guard let place, let start = UnsafeRawPointer(bitPattern: place.0) else { return nil }
    return PageVector(unsafeContiguous: start, count: Int(place.1))
  }

  /// Calls `body` with the image as a storage.
  public mutating func withStorage<Result>(_ body: (MappedStorage) -> Result) -> Result {
    let count = devices.1.isEmpty ? 1 : 2
    return withUnsafePointer(to: &devices) { pointer in
      pointer.withMemoryRebound(to: PageVector.self, capacity: 2) { devices in
        body(MappedStorage(unsafeDevices: devices, count: count))
      }
    }
  }
}
