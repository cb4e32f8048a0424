// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import PageVectors

/// The memory that a file system works in, stated by its author: nothing else is ever taken.
///
/// It is either one piece, or page frames that lie anywhere with one piece beside them for the codecs' tables.
@safe
public struct Arena {
  /// None where it is one piece.
  private let frames: MutablePageVector
  /// The tables, or all of it.
  private let piece: UnsafeMutableRawBufferPointer

  /// One piece of memory.
  ///
  /// - Parameter memory: any number of bytes, aligned to 8; valid, and nobody else's, as long as the file system is used.
  public init(unsafeMemory memory: UnsafeMutableRawBufferPointer) {
    frames = MutablePageVector()
    unsafe piece = memory
  }

  #if !EROFS_CONTIGUOUS_MEMORY
    /// Page frames, and a piece for what cannot be scattered. Not there in programs with the trait `ContiguousMemory`.
    ///
    /// - Parameters:
    ///   - frames: where each frame lies, in any order: as many as `count` bytes take.
    ///   - pageShift: log2 of the size of a frame, in bytes.
    ///   - count: bytes in all frames.
    ///   - tables: memory for the codecs' tables, aligned to 8.
    public init(
      unsafeFrames frames: UnsafePointer<UnsafeMutableRawPointer>, pageShift: Int, count: Int,
      tables: UnsafeMutableRawBufferPointer
    ) {
      self.frames = unsafe MutablePageVector(unsafeFrames: frames, pageShift: pageShift, count: count)
      unsafe piece = tables
    }
  #endif

  /// Bytes that there are.
  public var count: Int { unsafe frames.count + piece.count }

  /// Gives `volume` what `plan` asks for; false, and nothing changed, where it is too little.
  @inline(never)
  func supply<Source: Storage>(_ plan: MemoryPlan, to volume: inout Volume<Source>) -> Bool {
    let tables = plan.stateBytes
    if !frames.isEmpty { return unsafe volume.supply(plan, frames: frames, state: piece) }
    guard unsafe piece.count >= plan.totalBytes else { return false }
    return unsafe volume.supply(
      plan, frames: MutablePageVector(unsafeContiguous: UnsafeMutableRawBufferPointer(rebasing: piece[tables...])),
      state: UnsafeMutableRawBufferPointer(rebasing: piece[..<tables]))
  }

  /// What `plan` leaves free, in one piece, aligned to 8.
  func rest(behind plan: MemoryPlan) -> UnsafeMutableRawBufferPointer {
    let used = frames.isEmpty ? (plan.totalBytes + 7) & ~7 : plan.stateBytes
    return unsafe UnsafeMutableRawBufferPointer(rebasing: piece[min(used, piece.count)...])
  }
}
