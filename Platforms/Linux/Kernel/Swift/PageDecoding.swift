// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import ErofsPagesC
import PageVectors

// fs/erofs calls these; pages.h describes them. The kernel promises that the frames are its to read and write, and that
// input and output share frames only if the codec's margin in Tools/codecs.txt allows it, or it says so.

// Each codec has an entry of its own, so that a kernel links those that it was configured for: swift-object makes them from
// the table of codecs, and calls these.

/// Decodes a request with one codec; one of `erofs_pages_result`.
@inline(__always)
func entry<D: InPlaceDecoder & ~Copyable>(_: D.Type, _ request: UnsafePointer<erofs_pages_request>) -> CInt {
  result { () throws(DecodeError) in unsafe try decode(D.self, request) }
}

/// The same for a decoder whose input cannot be moved while it decodes.
@inline(__always)
func entry<D: Decoder & ~Copyable>(_: D.Type, _ request: UnsafePointer<erofs_pages_request>) -> CInt {
  result { () throws(DecodeError) in unsafe try decodeBackwards(D.self, request) }
}

/// Bytes of tables for a stream that begins with this byte, or for the usual ones if it is negative.
@inline(__always)
func workingBytes<D: Codec & ~Copyable>(_: D.Type, _ firstByte: CInt) -> Int {
  firstByte < 0
    ? D.usualWorkingBytes : D.workingBytes(firstByte: UInt8(truncatingIfNeeded: firstByte)) ?? D.workingBytes
}

/// Frames as a vector; a contiguous one where they follow each other in memory, as those of readahead often do: a codec
/// then never comes to a page's end.
@inline(never)
private func vector(
  _ frames: UnsafeMutablePointer<UnsafeMutableRawPointer>, _ offset: Int, _ count: Int,
  _ request: UnsafePointer<erofs_pages_request>
) -> MutablePageVector {
  let shift = unsafe Int(truncatingIfNeeded: request.pointee.page_shift)
  let last = (offset &+ count &- 1) &>> shift
  var i = 0
  while i < last, unsafe frames[i + 1] == frames[i] + (1 &<< shift) { i &+= 1 }
  if i >= last {
    return unsafe MutablePageVector(unsafeContiguous: frames[0] + offset, count: count)
  }
  return unsafe MutablePageVector(unsafeFrames: frames, pageShift: shift, offset: offset, count: count)
}

private func workingMemory(_ request: UnsafePointer<erofs_pages_request>) -> WorkingMemory {
  guard let memory = unsafe request.pointee.memory else { return WorkingMemory() }
  return unsafe WorkingMemory(unsafeStart: memory, count: request.pointee.memory_size)
}

private func input(_ request: UnsafePointer<erofs_pages_request>) -> PageVector {
  unsafe vector(request.pointee.in, request.pointee.in_offset, request.pointee.in_size, request).readOnly
}

private func frames(_ request: UnsafePointer<erofs_pages_request>) -> SharedFrames {
  unsafe SharedFrames(
    unsafeInput: request.pointee.in, inputOffset: request.pointee.in_offset, inputCount: request.pointee.in_size,
    unsafeOutput: request.pointee.out, outputOffset: request.pointee.out_offset, outputCount: request.pointee.out_size,
    pageShift: Int(truncatingIfNeeded: request.pointee.page_shift))
}

@inline(__always)
private func decoder<D: Decoder & ~Copyable>(
  _: D.Type, _ input: PageVector, _ request: UnsafePointer<erofs_pages_request>
) throws(DecodeError) -> D {
  let output = unsafe vector(request.pointee.out, request.pointee.out_offset, request.pointee.out_size, request)
  return unsafe try D(input: input, output: output, length: output.count, memory: workingMemory(request))
}

/// A block may be read from its end, as Zstandard's are, so all of the input gives way at once.
@inline(never)
private func decodeBackwards<D: Decoder & ~Copyable>(
  _: D.Type, _ request: UnsafePointer<erofs_pages_request>
) throws(DecodeError) {
  if unsafe request.pointee.in_place != 0 {
    unsafe try frames(request).moveAll { unsafe erofs_pages_spare(request) }
  }
  var decoder = unsafe try decoder(D.self, input(request), request)
  try decoder.decode(to: unsafe request.pointee.out_size)
  if unsafe request.pointee.partial == 0 { try decoder.finish() }
}

@inline(never)
private func decode<D: InPlaceDecoder & ~Copyable>(
  _: D.Type, _ request: UnsafePointer<erofs_pages_request>
) throws(DecodeError) {
  let isInPlace = unsafe request.pointee.in_place != 0
  let frames = unsafe frames(request)
  var decoder = unsafe try decoder(D.self, isInPlace ? frames.stored : input(request), request)
  if isInPlace {
    unsafe try decoder.decodeInPlace(frames) { unsafe erofs_pages_spare(request) }
  } else {
    try decoder.decode(to: unsafe request.pointee.out_size)
  }
  if unsafe request.pointee.partial == 0 { try decoder.finish() }
}

@inline(__always)
private func result(_ decode: () throws(DecodeError) -> Void) -> CInt {
  do throws(DecodeError) {
    try decode()
    return CInt(bitPattern: EROFS_PAGES_DECODED.rawValue)
  } catch {
    return result(error.reason)
  }
}

@inline(never)
private func result(_ reason: DecodeError.Reason) -> CInt {
  let result =
    switch reason {
    case .inputEnded: EROFS_PAGES_INPUT_ENDED
    case .invalid: EROFS_PAGES_INVALID
    case .distance: EROFS_PAGES_DISTANCE
    case .outputShort: EROFS_PAGES_SHORT
    case .outputLong: EROFS_PAGES_LONG
    case .trailingInput: EROFS_PAGES_TRAILING
    case .unsupported: EROFS_PAGES_UNSUPPORTED
    case .memory: EROFS_PAGES_MEMORY
    }
  return CInt(bitPattern: result.rawValue)
}
