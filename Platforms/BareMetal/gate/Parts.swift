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

/// Zstandard frames.
@c public func partZstandard(_ call: UnsafeRawPointer) -> Int32 {
  decode(unsafe call.load(as: Call.self), with: ZstandardDecoder.self)
}
