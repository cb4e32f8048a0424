// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import Foundation
import PageVectors
import Synchronization

/// An image in memory with its extra devices, which can hide that it is in memory, and fail.
public final class TestStorage: Storage, @unchecked Sendable {
  private let devices: [UnsafeRawBufferPointer]
  private let isMapped: Bool
  private let readCount = Atomic<Int>(0)
  /// The number of the read that fails, counted from 0.
  public let failingRead: Int?

  public init(_ devices: [Data], isMapped: Bool, failingRead: Int? = nil) {
    self.devices = devices.map { data in
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(data.count, 1), alignment: 16)
      data.copyBytes(to: copy)
      return UnsafeRawBufferPointer(start: copy.baseAddress, count: data.count)
    }
    self.isMapped = isMapped
    self.failingRead = failingRead
  }

  deinit { devices.forEach { $0.deallocate() } }

  public var reads: Int { readCount.load(ordering: .relaxed) }

  public struct Read: Hashable, Sendable {
    public var device: Int
    public var offset: UInt64
    public var count: UInt64

    public init(device: Int, offset: UInt64, count: UInt64) {
      self.device = device
      self.offset = offset
      self.count = count
    }
  }

  private let log = Mutex<[Read]>([])
  /// All reads so far, in order.
  public var allReads: [Read] { log.withLock { $0 } }

  public func byteCount(ofDevice device: Int) -> UInt64 {
    device < devices.count ? UInt64(devices[device].count) : 0
  }

  public func read(device: Int, at offset: UInt64, into destination: MutablePageVector) throws(StorageError) {
    let number = readCount.wrappingAdd(1, ordering: .relaxed).oldValue
    log.withLock { $0.append(Read(device: device, offset: offset, count: UInt64(destination.count))) }
    if number == failingRead { throw StorageError(code: 5) }
    guard device < devices.count, offset <= UInt64(devices[device].count),
      UInt64(destination.count) <= UInt64(devices[device].count) - offset
    else { throw StorageError(code: 22) }
    destination.copy(from: PageVector(unsafeContiguous: devices[device]).dropFirst(Int(offset)))
  }

  public func mapped(device: Int, at offset: UInt64, count: Int) -> PageVector? {
    guard isMapped, device < devices.count, offset < UInt64(devices[device].count) else { return nil }
    return PageVector(unsafeContiguous: devices[device]).slice(at: Int(offset), count: count)
  }
}

/// Memory for a reader: as many bytes as a plan says, in frames that lie anywhere, with guards around them.
public final class PlannedMemory {
  public let frames: ScatteredPages
  private let state: UnsafeMutableRawBufferPointer
  private let stateBytes: Int
  public let memory: ReaderMemory

  public init(_ plan: MemoryPlan, pageShift: Int = 12) {
    frames = ScatteredPages(count: plan.frameBytes, pageShift: pageShift, offset: 0, seed: UInt64(plan.frameBytes))
    stateBytes = plan.stateBytes
    state = .allocate(byteCount: stateBytes + 64, alignment: 16)
    for i in stateBytes..<stateBytes + 64 { state[i] = 0xA5 }
    memory = ReaderMemory(
      for: plan, frames: frames.vector,
      state: UnsafeMutableRawBufferPointer(rebasing: state[0..<stateBytes]))!
  }

  deinit { state.deallocate() }

  /// Whether nothing was written beyond what the plan says.
  public var guardsAreIntact: Bool {
    frames.guardsAreIntact && (stateBytes..<stateBytes + 64).allSatisfy { state[$0] == 0xA5 }
  }
}
