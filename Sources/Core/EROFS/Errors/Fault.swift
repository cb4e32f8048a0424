// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs

/// The error that functions inside the reader throw. It has no content, so it takes no register: kind and place are in a
/// ``FaultRecord`` by then, which leaves the reader as an ``EROFSError``.
///
/// Functions with many callers return false or nil for a fault, because testing that takes less text. They are called
/// through an inlined function that throws, so a caller cannot forget the test.
package struct Fault: Error {}

extension Optional {
  /// The value; throws a fault for nil.
  @inline(__always)
  func orFault() throws(Fault) -> Wrapped {
    guard let self else { throw Fault() }
    return self
  }
}

/// Kind and place of a failure, in a few words of memory.
struct FaultRecord {
  /// What kind of failure it is; `detail`, `value` and `device` say more where the comment says so.
  enum Kind: UInt8 {
    case notFound, notADirectory, notAFile
    /// detail: the defect.
    case corrupt
    /// value: the bits.
    case incompatible
    /// detail: log2 of the size.
    case blockSize, directoryBlockSize
    /// detail: the id.
    case algorithm
    /// device: the one that is missing.
    case device
    case size
    /// detail: the decoder's reason; value: stored bytes taken.
    case undecodable
    /// value: the storage's code.
    case storage
    /// detail: the number of the ``Need``; value: bytes.
    case memory
  }

  var kind = Kind.notFound
  var detail: UInt8 = 0
  /// Of undecodable data.
  var algorithm = Algorithm.lz4
  /// The device that `offset` counts on; -1 for the metabox.
  var device: Int32 = 0
  var value: UInt32 = 0
  var offset: FileOffset = 0

  mutating func set(_ kind: Kind, _ detail: UInt8, _ device: Int32, _ offset: FileOffset) {
    self.kind = kind
    self.detail = detail
    self.device = device
    self.offset = offset
  }

  var position: Position {
    device < 0 ? .metabox(offset: UInt64(offset)) : .device(Int(device), offset: UInt64(offset))
  }

  /// The error for callers.
  @inline(never)
  var error: EROFSError {
    let at = position
    let feature: Feature
    switch kind {
    case .corrupt: return .corrupt(Defect(rawValue: detail) ?? .magic, at: at)
    case .incompatible: feature = .incompatible(value)
    case .blockSize: feature = .blockSize(detail)
    case .directoryBlockSize: feature = .directoryBlockSize(detail)
    case .algorithm: feature = .algorithm(detail)
    case .device: feature = .device(Int(device))
    case .size: feature = .size
    case .undecodable:
      let reason = DecodeError.Reason(rawValue: detail) ?? .invalid
      return .undecodable(DecodeError(reason, at: Int(truncatingIfNeeded: value)), algorithm: algorithm, at: at)
    case .storage: return .storage(StorageError(code: Int32(bitPattern: value)), at: at)
    case .memory: return .memory(Need(rawValue: detail) ?? .metadata, bytes: Int(truncatingIfNeeded: value))
    case .notFound: return .notFound
    case .notADirectory: return .notADirectory
    case .notAFile: return .notAFile
    }
    return .unsupported(feature, at: at)
  }
}
