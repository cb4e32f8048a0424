// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import EROFS
import FuzzKit
import PageVectors

/// An image that has to be read, although it lies in memory.
struct Unmapped: Storage {
  let image: MemoryStorage

  func byteCount(ofDevice device: Int) -> UInt64 { image.byteCount(ofDevice: device) }
  func read(device: Int, at offset: UInt64, into destination: MutablePageVector) throws(StorageError) {
    try image.read(device: device, at: offset, into: destination)
  }
}

/// What all targets of the reader work in: an image between guard pages, and memory that is exactly as large as a plan
/// says, between guard pages too.
final class ReaderBench {
  static let largestImage = 1 << 18
  /// More than any plan may ask for.
  static let mostFrames = 64 << 20
  static let mostState = 1 << 18

  private let image = GuardedMemory(capacity: largestImage)
  private let contiguous = GuardedMemory(capacity: mostFrames)
  private let state = GuardedMemory(capacity: mostState)
  private let scattered = [GuardedFrames(), GuardedFrames(), GuardedFrames()]
  private var poison: UInt8 = 0

  /// The image, its last byte before a guard page or its first behind one.
  func place(_ bytes: some Collection<UInt8>, atEnd: Bool) -> MemoryStorage {
    let room = image.bytes(bytes.count, atEnd: atEnd)
    room.copyBytes(from: bytes)
    return MemoryStorage(PageVector(unsafeContiguous: UnsafeRawBufferPointer(room)))
  }

  /// What a plan is for: memory for each of them is good until the next for the same.
  enum Use: Int {
    case blocks, basic, file
  }

  /// Memory for a plan; nil where it asks for more than any image may.
  ///
  /// - Parameter shift: log2 of the size of the frames; nil for contiguous memory.
  func memory(_ use: Use, for plan: MemoryPlan, shift: Int?) -> ReaderMemory? {
    guard plan.frameBytes <= Self.mostFrames, plan.stateBytes <= Self.mostState else { return nil }
    poison &+= 0x35
    let tables = state.bytes(plan.stateBytes, atEnd: true, alignment: 8)
    tables.initializeMemory(as: UInt8.self, repeating: poison)
    guard let shift, plan.frameBytes <= GuardedFrames.mostFrames << 12 else {
      let room = contiguous.bytes(plan.frameBytes, atEnd: true)
      UnsafeMutableRawBufferPointer(rebasing: room.prefix(1 << 16)).initializeMemory(as: UInt8.self, repeating: poison)
      return ReaderMemory(for: plan, frames: MutablePageVector(unsafeContiguous: room), state: tables)
    }
    let pages = scattered[use.rawValue]
    pages.setUp(bytes: plan.frameBytes, shift: shift, salt: plan.frameBytes)
    let frames = MutablePageVector(
      unsafeFrames: UnsafePointer(pages.table), pageShift: pages.shift, count: plan.frameBytes)
    return ReaderMemory(for: plan, frames: frames, state: tables)
  }

  /// Whether nothing was written beside frames that were lent since this was asked last.
  func isIntact() -> Bool { !scattered.map { $0.canariesAreIntact() }.contains(false) }
}

/// A short name for why an image was refused, without places and numbers.
func reason(_ error: EROFSError) -> String {
  switch error {
  case .corrupt(let defect, _): "corrupt \(defect)"
  case .unsupported(.incompatible, _): "unsupported feature"
  case .unsupported(.algorithm, _): "unsupported algorithm"
  case .unsupported(let feature, _): "unsupported \(feature)".prefix { $0 != "(" }.description
  case .undecodable(let error, let algorithm, _): "undecodable \(algorithm): \(error.reason)"
  case .storage: "storage"
  case .memory: "memory"
  case .notFound: "not found"
  case .notADirectory: "not a directory"
  case .notAFile: "not a file"
  }
}
