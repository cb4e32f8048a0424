// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import EROFS
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

/// Decodes an extent into scattered pages in steps, so that all that a decoder can do is linked.
@inline(__always)
func decode<D: Decoder & ~Copyable>(_ call: Call, with _: D.Type) -> Int32 {
  do throws(DecodeError) {
    var decoder = try D(
      input: unsafe PageVector(unsafeContiguous: call.stored, count: call.storedBytes),
      output: unsafe MutablePageVector(unsafeFrames: call.frames, pageShift: call.pageShift, count: call.length),
      length: call.length, memory: unsafe WorkingMemory(unsafeStart: call.memory, count: call.memoryBytes))
    while decoder.produced < call.length { try decoder.decode(to: decoder.produced + 4096) }
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

/// Decodes nothing: what is left is the program around a decoder, which ``limits.txt`` does not count.
struct NoDecoder: Decoder, ~Copyable {
  var produced = 0
  let length: Int

  init(input: PageVector, output: MutablePageVector, length: Int, memory: WorkingMemory) throws(DecodeError) {
    guard output.count >= input.count, memory.count >= length else { throw DecodeError(.memory, at: 0) }
    self.length = length
  }
  mutating func decode(to end: Int) throws(DecodeError) {
    guard end >= produced else { throw DecodeError(.inputEnded, at: 0) }
    produced = end
  }
  mutating func finish() throws(DecodeError) { if produced != length { throw DecodeError(.outputShort, at: produced) } }
}

@c public func partCaller(_ call: UnsafeRawPointer) -> Int32 {
  unsafe decode(call.load(as: Call.self), with: NoDecoder.self)
}

// The parts of the codecs, which call `decode` with their decoders, are made from the table of codecs.

/// An image that has to be read, unlike one in memory.
struct Flash: Storage {
  let image: MemoryStorage

  func byteCount(ofDevice device: Int) -> FileOffset { image.byteCount(ofDevice: device) }
  func read(device: Int, at offset: FileOffset, into destination: MutablePageVector) throws(StorageError) {
    try image.read(device: device, at: offset, into: destination)
  }
}

/// From the superblock to a file's bytes, with everything on the way: planning, paths, directories, attributes, and all
/// decoders.
@c public func partReader(_ call: UnsafeRawPointer) -> Int32 {
  let call = unsafe call.load(as: Call.self)
  let image = unsafe MemoryStorage(PageVector(unsafeContiguous: call.stored, count: call.storedBytes))
  let output = unsafe MutablePageVector(unsafeFrames: call.frames, pageShift: call.pageShift, count: call.length)
  let state = unsafe UnsafeMutableRawBufferPointer(start: call.memory, count: call.memoryBytes)
  do throws(EROFSError) {
    var volume = try Volume(Flash(image: image), memory: ReaderMemory())
    let path = output.readOnly
    guard let first = unsafe ReaderMemory(for: volume.blocks, frames: output, state: state) else { return -1 }
    volume.supply(first)
    let basic = try volume.basicPlan()
    guard let second = unsafe ReaderMemory(for: basic, frames: output, state: state) else { return -1 }
    volume.supply(second)
    let inode = try volume.inode(at: path)
    let plan = try volume.plan(for: inode)
    guard let all = unsafe ReaderMemory(for: plan, frames: output, state: state) else { return -1 }
    volume.supply(all)
    var count = Int32(truncatingIfNeeded: try volume.read(inode, at: 0, into: output))
    var entries = DirectoryCursor()
    while let entry = try volume.nextEntry(of: inode, &entries) { count &+= Int32(entry.name.count) }
    var attributes = AttributeCursor()
    while let attribute = try volume.nextAttribute(of: inode, &attributes) {
      count &+= Int32(truncatingIfNeeded: try volume.copyName(of: attribute, into: output))
      count &+= Int32(truncatingIfNeeded: try volume.copyValue(of: attribute, into: output))
    }
    if try volume.attribute(named: path, of: inode) != nil { count &+= 1 }
    if try volume.superblock.checksumMatches(in: volume.storage) == false { count &+= 1 }
    return count
  } catch {
    return -2
  }
}
