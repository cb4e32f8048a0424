// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import PageVectors

// What the gate links and measures: a part of Core is what one of these functions pulls in. The gate finds them by
// `func partNAME`; a new part is one function here, and a row in sizes.txt that `gate --update` writes.

/// What firmware hands to a part: raw memory, as frames or contiguous.
@frozen
public struct Call {
  var frames: UnsafePointer<UnsafeMutableRawPointer>
  var pageShift: Int
  var stored: UnsafeRawPointer
  var storedBytes: Int
  var length: Int
  var memory: UnsafeMutableRawPointer
  var memoryBytes: Int
}

/// Decodes an extent into scattered pages in two steps, so that all that a decoder can do is linked.
@inline(__always)
func decode<D: Decoder & ~Copyable>(_ call: Call, with _: D.Type) -> Int32 {
  do throws(DecodeError) {
    var decoder = try D(
      input: unsafe PageVector(unsafeContiguous: call.stored, count: call.storedBytes),
      output: unsafe MutablePageVector(unsafeFrames: call.frames, pageShift: call.pageShift, count: call.length),
      length: call.length, memory: unsafe WorkingMemory(unsafeStart: call.memory, count: call.memoryBytes))
    try decoder.decode(to: call.pageShift)
    try decoder.decode(to: call.length)
    try decoder.finish()
    return 0
  } catch {
    return Int32(error.reason.rawValue) + 1
  }
}

/// Copying, filling and comparing scattered bytes.
@c public func partPages(_ call: UnsafeRawPointer) -> Int32 {
  let call = unsafe call.load(as: Call.self)
  let pages = unsafe MutablePageVector(unsafeFrames: call.frames, pageShift: call.pageShift, count: call.length)
  let stored = unsafe PageVector(unsafeContiguous: call.stored, count: call.storedBytes)
  pages.fill()
  pages.dropFirst(1).copy(from: stored)
  let number = pages.readOnly.load(at: 0, as: UInt32.self) ?? 0
  return pages.readOnly.elementsEqual(stored) && pages.readOnly.isContiguous ? 1 : Int32(truncatingIfNeeded: number)
}

/// Raw DEFLATE.
@c public func partDeflate(_ call: UnsafeRawPointer) -> Int32 {
  decode(unsafe call.load(as: Call.self), with: DeflateDecoder.self)
}

/// Zstandard frames.
@c public func partZstandard(_ call: UnsafeRawPointer) -> Int32 {
  decode(unsafe call.load(as: Call.self), with: ZstandardDecoder.self)
}

/// A machine that hands out memory once and hears of nothing.
@unsafe
struct OneShotMachine: VirtualMapPlatform {
  let call: Call

  var pageShift: Int { unsafe call.pageShift }
  func address(of page: Int) -> UnsafeMutableRawPointer { unsafe call.frames[page] }
  func allocateRun(pages count: Int) -> UnsafeMutableRawPointer? { allocateRecord(bytes: count &<< pageShift) }
  func freeRun(_ start: UnsafeMutableRawPointer, pages count: Int) {}
  func allocateRecord(bytes: Int) -> UnsafeMutableRawPointer? {
    let next = unsafe call.memory.assumingMemoryBound(to: Int.self)
    guard unsafe bytes <= call.memoryBytes &- next.pointee else { return nil }
    unsafe next.pointee &+= bytes
    return unsafe call.memory + (next.pointee &- bytes)
  }
  func freeRecord(_ start: UnsafeMutableRawPointer, bytes: Int) {}
  func lock() {}
  func unlock() {}
  func report(_ finding: VirtualMapFinding) {}
}

/// The vmap family without its checks.
@c public func partVirtualMap(_ call: UnsafeRawPointer) -> Int32 {
  let call = unsafe call.load(as: Call.self)
  let state = unsafe UnsafeMutableRawPointer(mutating: call.stored).bindMemory(to: VirtualMapState.self, capacity: 1)
  let map = unsafe VirtualMap(OneShotMachine(call: call), unsafeState: state)
  let pages = unsafe Span<Int>(_unsafeStart: call.stored.assumingMemoryBound(to: Int.self), count: call.length)
  guard let address = unsafe map.map(pages) else { return -1 }
  guard let reader = unsafe map.mapRAM(pages, mode: .readOnly) else { return -2 }
  return unsafe map.unmap(address) && map.unmapRAM(reader, pages: call.length) ? 0 : 1
}
