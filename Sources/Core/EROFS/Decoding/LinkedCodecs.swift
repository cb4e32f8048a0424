// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import PageVectors

/// The codecs that are in this build.
///
/// All are, unless it defines `EROFS_CHOOSES_CODECS`, as the package does: then those whose name is defined too (`LZ4`,
/// `MicroLZMA` and so on: the column `trait` of Tools/codecs.txt), which are the package's traits.
enum LinkedCodecs {
  @inline(__always)
  static func bit<D: Decoder & ~Copyable>(_: D.Type, _ algorithm: Algorithm) -> UInt16 {
    D.self == MissingDecoder.self ? 0 : 1 &<< UInt16(algorithm.rawValue)
  }
}

/// Memory for a decoder, whichever codec it is of.
///
/// An enumeration is as large as its largest case, which is all that is wanted of this one: the decoder is put into its
/// bytes, and used there, where the cases of a real one would have to be taken out and put back.
struct DecoderRoom: ~Copyable {
  private var bytes = LargestDecoder.none

  /// Makes the decoder of an extent.
  mutating func begin(
    _ algorithm: Algorithm, _ input: PageVector, _ output: MutablePageVector, _ length: Int, _ memory: WorkingMemory
  ) throws(DecodeError) {
    try unsafe withUnsafeMutablePointer(to: &bytes) { (pointer) throws(DecodeError) in
      try unsafe algorithm.visit(
        MakeDecoder(
          room: UnsafeMutableRawPointer(pointer), input: input, output: output, length: length, memory: memory))
    }
  }

  /// Decodes up to `end` with the decoder that was made, and with `finishing` checks that nothing follows. Returns what
  /// has been produced.
  ///
  /// Not a method: there `self` is in a register that only the long instructions of Thumb reach.
  @inline(never)
  static func decode(
    _ decoder: inout DecoderRoom, _ algorithm: Algorithm, to end: Int, finishing: Bool
  ) throws(DecodeError) -> Int {
    try unsafe withUnsafeMutablePointer(to: &decoder.bytes) { (pointer) throws(DecodeError) in
      try unsafe algorithm.visit(RunDecoder(room: UnsafeMutableRawPointer(pointer), end: end, finishing: finishing))
    }
  }
}

@unsafe
private struct MakeDecoder: @unsafe CodecVisitor {
  let room: UnsafeMutableRawPointer
  let input: PageVector
  let output: MutablePageVector
  let length: Int
  let memory: WorkingMemory

  @inline(__always)
  func visit<D: ImageCodec & ~Copyable>(_: D.Type, _: Algorithm) throws(DecodeError) {
    let decoder = unsafe room.bindMemory(to: D.self, capacity: 1)
    unsafe decoder.initialize(to: try D(input: input, output: output, length: length, memory: memory))
  }
}

@unsafe
private struct RunDecoder: @unsafe CodecVisitor {
  let room: UnsafeMutableRawPointer
  let end: Int
  let finishing: Bool

  @inline(__always)
  func visit<D: ImageCodec & ~Copyable>(_: D.Type, _: Algorithm) throws(DecodeError) -> Int {
    let decoder = unsafe room.assumingMemoryBound(to: D.self)
    try unsafe decoder.pointee.decode(to: end)
    if unsafe finishing { try unsafe decoder.pointee.finish() }
    return unsafe decoder.pointee.produced
  }
}

// MARK: What is known of a codec

private struct WorkingBytes: CodecVisitor {
  @inline(__always)
  func visit<D: ImageCodec & ~Copyable>(_: D.Type, _: Algorithm) throws(Never) -> Int { D.workingBytes }
}

private struct TablesVary: CodecVisitor {
  @inline(__always)
  func visit<D: ImageCodec & ~Copyable>(_: D.Type, _: Algorithm) throws(Never) -> Bool { D.tablesVary }
}

private struct ExactWorkingBytes: CodecVisitor {
  let firstByte: UInt8

  @inline(__always)
  func visit<D: ImageCodec & ~Copyable>(_: D.Type, _: Algorithm) throws(Never) -> Int? {
    D.workingBytes(firstByte: firstByte)
  }
}

private struct Margin: CodecVisitor {
  let storedBytes: Int

  @inline(__always)
  func visit<D: ImageCodec & ~Copyable>(_: D.Type, _: Algorithm) throws(Never) -> Int? {
    D.marginInPlace(storedBytes: storedBytes)
  }
}

extension Algorithm {
  /// Bytes of tables that a decoder needs at most.
  public var workingBytes: Int { visit(WorkingBytes()) }

  /// Whether a stream's first byte says how large its tables are.
  var tablesVary: Bool {
    @inline(__always) get { visit(TablesVary()) }
  }

  /// Bytes of tables for a stream that begins with this byte; nil if none does.
  @inline(__always)
  func workingBytes(firstByte: UInt8) -> Int? { visit(ExactWorkingBytes(firstByte: firstByte)) }

  /// How far after the end of the decoded bytes the stored ones must end to be decoded in place; nil if no distance is safe.
  @inline(__always)
  func marginInPlace(storedBytes: Int) -> Int? { visit(Margin(storedBytes: storedBytes)) }
}
