// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import CEROFS
import EROFS
import PageVectors

/// A storage of C firmware.
@safe
struct CStorage: Storage {
  private let storage: erofs_storage

  init(unsafeCopying storage: erofs_storage) { unsafe self.storage = storage }

  func byteCount(ofDevice device: Int) -> FileOffset { unsafe device == 0 ? FileOffset(clamping: storage.size) : 0 }

  private func image(_ bytes: UnsafeRawPointer) -> PageVector {
    unsafe PageVector(unsafeContiguous: bytes, count: Int(truncatingIfNeeded: min(storage.size, UInt64(Int.max))))
  }

  func mapped(device: Int, at offset: FileOffset, count: Int) -> PageVector? {
    guard device == 0, let bytes = unsafe storage.mapped, unsafe UInt64(offset) < storage.size else { return nil }
    return unsafe image(bytes).slice(at: Int(truncatingIfNeeded: offset), count: count)
  }

  func read(device: Int, at offset: FileOffset, into destination: MutablePageVector) throws(StorageError) {
    let offset = UInt64(offset)
    guard device == 0, unsafe offset <= storage.size, unsafe UInt64(destination.count) <= storage.size - offset else {
      throw StorageError(code: -1)
    }
    if let bytes = unsafe storage.mapped {
      unsafe destination.copy(from: image(bytes).dropFirst(Int(truncatingIfNeeded: offset)))
      return
    }
    guard let read = unsafe storage.read else { throw StorageError(code: -1) }
    var done = 0
    while done < destination.count {
      let run = unsafe destination.run(at: done)
      let code = unsafe read(storage.context, offset + UInt64(done), run.baseAddress, run.count)
      guard code == 0 else { throw StorageError(code: code) }
      done += run.count
    }
  }
}
