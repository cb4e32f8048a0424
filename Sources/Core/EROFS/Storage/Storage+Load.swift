// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

extension Storage {
  /// The little-endian integer of 4 bytes at `offset` of the primary device, straight from the storage.
  @inline(never)
  func load32(_ offset: FileOffset, _ failure: inout FaultRecord) throws(Fault) -> UInt32 {
    var value: UInt32 = 0
    try unsafe withUnsafeMutableBytes(of: &value) { (buffer) throws(Fault) in
      try unsafe load(offset, MutablePageVector(unsafeContiguous: buffer), &failure)
    }
    return UInt32(littleEndian: value)
  }

  /// The little-endian integer of 8 bytes at `offset`.
  func load64(_ offset: FileOffset, _ failure: inout FaultRecord) throws(Fault) -> UInt64 {
    var value: UInt64 = 0
    try unsafe withUnsafeMutableBytes(of: &value) { (buffer) throws(Fault) in
      try unsafe load(offset, MutablePageVector(unsafeContiguous: buffer), &failure)
    }
    return UInt64(littleEndian: value)
  }

  /// Fills `bytes` from `offset` of the primary device on.
  @inline(never)
  func load(_ offset: FileOffset, _ bytes: MutablePageVector, _ failure: inout FaultRecord) throws(Fault) {
    let count = byteCount(ofDevice: 0)
    let size = FileOffset(truncatingIfNeeded: bytes.count)
    guard count >= size, offset <= count &- size else {
      failure.set(.corrupt, Defect.outsideDevice.rawValue, 0, offset)
      throw Fault()
    }
    if Self.mapsEverything {
      bytes.copy(from: mapped(device: 0, at: offset, count: bytes.count) ?? PageVector())
      return
    }
    do throws(StorageError) {
      try read(device: 0, at: offset, into: bytes)
    } catch {
      failure.set(.storage, 0, 0, offset)
      failure.value = UInt32(bitPattern: error.code)
      throw Fault()
    }
  }
}
