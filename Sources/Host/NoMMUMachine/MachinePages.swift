// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import PageVectors

/// Page frames that a ``NoMMUMachine`` handed out; they go back when the last reference does. Vectors over them are
/// valid as long.
public final class MachinePages: @unchecked Sendable {
  public let machine: NoMMUMachine
  /// The frames in the order of the bytes they hold.
  public let frames: [PageFrame]
  private let table: UnsafeMutablePointer<UnsafeMutableRawPointer>

  init(_ machine: NoMMUMachine, _ frames: [PageFrame]) {
    self.machine = machine
    self.frames = frames
    table = .allocate(capacity: max(1, frames.count))
    for (i, frame) in frames.enumerated() { (table + i).initialize(to: machine.address(of: frame)) }
  }

  deinit {
    for frame in frames { machine.freeRun(machine.address(of: frame), pages: 1) }
    table.deallocate()
  }

  /// Bytes in all frames together.
  public var byteCount: Int { frames.count << machine.pageShift }

  /// All bytes of the frames.
  public var vector: MutablePageVector { vector(at: 0, count: byteCount) }

  /// `count` bytes from `offset` on, as far as the frames have them.
  public func vector(at offset: Int, count: Int) -> MutablePageVector {
    let offset = min(max(0, offset), byteCount)
    return MutablePageVector(
      unsafeFrames: table, pageShift: machine.pageShift, offset: offset, count: min(max(0, count), byteCount - offset))
  }
}
