// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import PageVectors

/// The memory that a reader works in, part by part; a part that is not needed is empty.
///
/// ``MemoryPlan`` says how many bytes each part needs. All parts but the decoders' states may be scattered over page
/// frames. Parts must not overlap.
@frozen
public struct ReaderMemory: Sendable {
  /// The memory of one decoder.
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
  ///   - plan: of all that will be read.
  ///   - frames: at least ``MemoryPlan/frameBytes``.
  ///   - state: at least ``MemoryPlan/stateBytes``, aligned to 8.
  public init?(for plan: MemoryPlan, frames: MutablePageVector, state: UnsafeMutableRawBufferPointer) {
    guard frames.count >= plan.frameBytes, state.count >= plan.stateBytes else { return nil }
    var rest = unsafe MemoryRest(frames: frames, state: state)
    metadata = rest.take(plan.metadata)
    metaboxBlock = rest.take(plan.metaboxBlock)
    directory = rest.take(plan.directory)
    rest.take(plan.file, &file)
    rest.take(plan.packed, &packed)
    rest.take(plan.metabox, &metabox)
  }
}

/// Memory that has not been given out yet.
///
/// Taking a part of it is not a method, because LLVM makes wrong code of a method that ends with the first words of `self`
/// (`Tools/run registers` finds such methods).
@safe
struct MemoryRest {
  var frames: MutablePageVector
  var state: UnsafeMutableRawBufferPointer

  @inline(never)
  static func take(_ count: Int, _ rest: inout MutablePageVector) -> MutablePageVector {
    let part = rest.cut(at: 0, count: count)
    rest = rest.cut(at: count, count: rest.count)
    return part
  }

  mutating func take(_ count: Int) -> MutablePageVector { Self.take(count, &frames) }

  @inline(never)
  mutating func take(_ part: MemoryPlan.Decoding, for decoder: inout ExtentDecoder) {
    decoder.reset()
    decoder.frames = take(part.frames)
    decoder.state = takeState(part.state)
  }

  mutating func take(_ part: MemoryPlan.Decoding, _ decoding: inout ReaderMemory.Decoding) {
    decoding.frames = take(part.frames)
    decoding.state = takeState(part.state)
  }

  private mutating func takeState(_ count: Int) -> WorkingMemory {
    guard count > 0, let base = unsafe state.baseAddress else { return WorkingMemory() }
    let used = unsafe min(MemoryPlan.aligned(count), state.count)
    unsafe state = UnsafeMutableRawBufferPointer(start: base + used, count: state.count &- used)
    return unsafe WorkingMemory(unsafeStart: base, count: count)
  }
}
