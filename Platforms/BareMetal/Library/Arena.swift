// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import PageVectors

/// The memory that a file system works in, stated by its author: nothing else is ever taken.
///
/// It is either one piece, or page frames that lie anywhere with one piece beside them for the codecs' tables.
@safe
public struct Arena {
  private let whole: UnsafeMutableRawBufferPointer?
  private let pages: MutablePageVector
  private let tables: UnsafeMutableRawBufferPointer

  /// One piece of memory.
  ///
  /// - Parameter memory: any number of bytes, aligned to 8; valid, and nobody else's, as long as the file system is used.
  public init(unsafeMemory memory: UnsafeMutableRawBufferPointer) {
    unsafe whole = memory
    pages = MutablePageVector()
    unsafe tables = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  }

  /// Page frames, and a piece for what cannot be scattered.
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
    unsafe whole = nil
    pages = unsafe MutablePageVector(unsafeFrames: frames, pageShift: pageShift, count: count)
    unsafe self.tables = tables
  }

  /// Bytes that there are.
  public var count: Int { unsafe whole?.count ?? pages.count + tables.count }

  /// The part of the arena that `plan` asks for, cut up; nil where it is too little.
  func memory(for plan: MemoryPlan) -> ReaderMemory? {
    guard let whole = unsafe whole else { return unsafe ReaderMemory(for: plan, frames: pages, state: tables) }
    guard whole.count >= plan.totalBytes else { return nil }
    return unsafe ReaderMemory(
      for: plan,
      frames: MutablePageVector(unsafeContiguous: UnsafeMutableRawBufferPointer(rebasing: whole[plan.stateBytes...])),
      state: UnsafeMutableRawBufferPointer(rebasing: whole[..<plan.stateBytes]))
  }

  /// What `plan` leaves free, in one piece, aligned to 8.
  func rest(behind plan: MemoryPlan) -> UnsafeMutableRawBufferPointer {
    let used = unsafe whole == nil ? plan.stateBytes : (plan.totalBytes + 7) & ~7
    let all = unsafe whole ?? tables
    return unsafe UnsafeMutableRawBufferPointer(rebasing: all[min(used, all.count)...])
  }
}
