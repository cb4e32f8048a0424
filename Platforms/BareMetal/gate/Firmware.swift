// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import EROFS
import PageVectors

// What firmware does with an image in memory-mapped flash: it mounts it, looks a path up, lists a directory and reads a
// file, in the memory that it has set aside, of which the plan says how much it takes. The gate measures it once for each
// build of variants.txt.

/// What firmware has: the image, a path, memory for tables and for what is read.
@frozen
public struct Firmware {
  var image: UnsafeRawPointer
  var imageBytes: Int
  var path: UnsafeRawPointer
  var pathBytes: Int
  var state: UnsafeMutableRawPointer
  var stateBytes: Int
  var frames: UnsafeMutableRawPointer
  var framesBytes: Int
  var output: UnsafeMutableRawPointer
  var outputBytes: Int
}

@c public func partFirmware(_ call: UnsafeRawPointer) -> Int32 {
  let all = unsafe call.assumingMemoryBound(to: Firmware.self)
  let image = unsafe PageVector(unsafeContiguous: all.pointee.image, count: all.pointee.imageBytes)
  var volume = Volume(unopened: MemoryStorage(image))
  return unsafe use(&volume, all)
}

@inline(never)
func use(_ volume: inout Volume<MemoryStorage>, _ all: UnsafePointer<Firmware>) -> Int32 {
  do throws(EROFSError) {
    try volume.open()
    let path = unsafe PageVector(unsafeContiguous: all.pointee.path, count: all.pointee.pathBytes)
    let inode = try volume.inode(at: path)
    let plan = try volume.plan(for: inode)
    let frames = unsafe MutablePageVector(unsafeContiguous: all.pointee.frames, count: all.pointee.framesBytes)
    let state = unsafe UnsafeMutableRawBufferPointer(start: all.pointee.state, count: all.pointee.stateBytes)
    guard unsafe volume.supply(plan, frames: frames, state: state) else {
      return Int32(truncatingIfNeeded: plan.totalBytes)
    }
    if inode.kind == .directory {
      var count: Int32 = 0
      var entries = DirectoryCursor()
      while let entry = try volume.nextEntry(of: inode, &entries) { count &+= Int32(entry.name.count) }
      return count
    }
    let output = unsafe MutablePageVector(unsafeContiguous: all.pointee.output, count: all.pointee.outputBytes)
    return Int32(truncatingIfNeeded: try volume.read(inode, at: 0, into: output))
  } catch {
    return -1
  }
}
