// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import PageVectors

/// The memory that a file system works in. It uses no other.
///
/// It is either one contiguous piece, or page frames at any addresses and one contiguous piece for the codecs' tables.
@safe
public struct Arena {
  #if EROFS_CONTIGUOUS_MEMORY
    private var frames: MutablePageVector { MutablePageVector() }
  #else
    /// None where it is one piece.
    private let frames: MutablePageVector
  #endif
  /// The tables, or all of it.
  private let start: UnsafeMutableRawPointer
  private let pieceBytes: Int

  /// One piece of memory.
  ///
  /// - Parameter memory: any number of bytes, aligned to 8; it must be valid, and not used otherwise, as long as the
  ///   file system is used.
  public init(unsafeMemory memory: UnsafeMutableRawBufferPointer) {
    unsafe self.init(memory)
  }

  private init(_ piece: UnsafeMutableRawBufferPointer, frames: MutablePageVector = MutablePageVector()) {
    #if !EROFS_CONTIGUOUS_MEMORY
      self.frames = frames
    #endif
    unsafe start = piece.baseAddress ?? UnsafeMutableRawPointer(bitPattern: 8)!
    pieceBytes = piece.count
  }

  #if !EROFS_CONTIGUOUS_MEMORY
    /// Page frames, and a contiguous piece for tables. Not available with the trait `ContiguousMemory`.
    ///
    /// - Parameters:
    ///   - frames: the address of each frame, in any order; as many as `count` bytes need.
    ///   - pageShift: log2 of the size of a frame, in bytes.
    ///   - count: bytes in all frames.
    ///   - tables: memory for the codecs' tables, aligned to 8.
    public init(
      unsafeFrames frames: UnsafePointer<UnsafeMutableRawPointer>, pageShift: Int, count: Int,
      tables: UnsafeMutableRawBufferPointer
    ) {
      unsafe self.init(
        tables, frames: MutablePageVector(unsafeFrames: frames, pageShift: pageShift, count: count))
    }
  #endif

  /// The size in bytes.
  public var count: Int { frames.count &+ pieceBytes }

  /// Gives `volume` the memory of `plan`; returns false, and changes nothing, if the arena is too small.
  @inline(never)
  func supply<Source: Storage>(_ plan: MemoryPlan, to volume: inout Volume<Source>) -> Bool {
    var frames = frames
    var tables = pieceBytes
    if frames.isEmpty {
      tables = plan.stateBytes
      guard tables <= pieceBytes else { return false }
      frames = unsafe MutablePageVector(unsafeContiguous: start + tables, count: pieceBytes &- tables)
    }
    return unsafe volume.supply(
      plan, frames: frames, state: UnsafeMutableRawBufferPointer(start: start, count: tables))
  }

  /// What `plan` leaves free, in one piece, aligned to 8.
  func rest(behind plan: MemoryPlan) -> UnsafeMutableRawBufferPointer {
    let used = min(frames.isEmpty ? (plan.totalBytes &+ 7) & ~7 : plan.stateBytes, pieceBytes)
    return unsafe UnsafeMutableRawBufferPointer(start: start + used, count: pieceBytes &- used)
  }
}
