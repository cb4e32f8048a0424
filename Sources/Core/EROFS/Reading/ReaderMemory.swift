// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import PageVectors

/// The memory that a reader works in, part by part; a part that is not needed is empty.
///
/// ``MemoryPlan`` says how many bytes each part needs. All parts but the decoders' states may be scattered over page
/// frames. Parts must not overlap.
@frozen
public struct ReaderMemory: Sendable {
  /// What one decoder works in.
  @frozen
  public struct Decoding: Sendable {
    /// Decoded bytes, and stored ones where the storage does not map them.
    public var frames: MutablePageVector
    /// The codec's tables.
    public var state: WorkingMemory

    @inlinable
    public init(frames: MutablePageVector = MutablePageVector(), state: WorkingMemory = WorkingMemory()) {
      self.frames = frames
      self.state = state
    }
  }

  /// A block of the primary device.
  public var metadata = MutablePageVector()
  /// A block of the metabox.
  public var metaboxBlock = MutablePageVector()
  /// A block of a directory.
  public var directory = MutablePageVector()
  public var file = Decoding()
  public var packed = Decoding()
  public var metabox = Decoding()

  @inlinable
  public init() {}

  /// Cuts the parts of `plan` out of `frames`, and the states out of `state`; nil where either is too small.
  ///
  /// - Parameters:
  ///   - plan: what will be read.
  ///   - frames: at least ``MemoryPlan/frameBytes``.
  ///   - state: at least ``MemoryPlan/stateBytes``, aligned to 8.
  public init?(for plan: MemoryPlan, frames: MutablePageVector, state: UnsafeMutableRawBufferPointer) {
    guard frames.count >= plan.frameBytes, state.count >= plan.stateBytes else { return nil }
    var rest = frames
    func take(_ count: Int) -> MutablePageVector {
      let part = rest.prefix(count)
      rest = rest.dropFirst(count)
      return part
    }
    var used = 0
    func tables(_ count: Int) -> WorkingMemory {
      guard count > 0, let base = state.baseAddress else { return WorkingMemory() }
      let start = unsafe base + used
      used += MemoryPlan.aligned(count)
      return unsafe WorkingMemory(unsafeStart: start, count: count)
    }
    metadata = take(plan.metadata)
    metaboxBlock = take(plan.metaboxBlock)
    directory = take(plan.directory)
    file = Decoding(frames: take(plan.file.frames), state: tables(plan.file.state))
    packed = Decoding(frames: take(plan.packed.frames), state: tables(plan.packed.state))
    metabox = Decoding(frames: take(plan.metabox.frames), state: tables(plan.metabox.state))
  }
}
