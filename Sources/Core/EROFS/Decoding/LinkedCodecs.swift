// SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0

import Codecs
import PageVectors

/// The codecs that are in this build.
///
/// All are, unless it defines `EROFS_CHOOSES_CODECS`, as the package does: then those whose name is defined too (`LZ4`,
/// `MicroLZMA`, `Deflate`, `Zstandard`), which are the package's traits.
enum LinkedCodecs {
  /// A bit for each algorithm id.
  static var all: UInt16 {
    bit(LinkedLZ4.self, .lz4) | bit(LinkedMicroLZMA.self, .microLZMA) | bit(LinkedDeflate.self, .deflate)
      | bit(LinkedZstandard.self, .zstandard)
  }

  @inline(__always)
  private static func bit<D: Decoder & ~Copyable>(_: D.Type, _ algorithm: Algorithm) -> UInt16 {
    D.self == MissingDecoder.self ? 0 : 1 &<< UInt16(algorithm.rawValue)
  }
}

/// Memory for a decoder, whichever codec it is of.
///
/// An enumeration is as large as its largest case, which is all that is wanted of this one: the decoder is put into its
/// bytes, and used there, where the cases of a real one would have to be taken out and put back.
struct DecoderRoom: ~Copyable {
  private enum Largest: ~Copyable {
    case none
    case lz4(LinkedLZ4)
    case microLZMA(LinkedMicroLZMA)
    case deflate(LinkedDeflate)
    case zstandard(LinkedZstandard)
  }

  private var bytes = Largest.none

  /// Makes the decoder of an extent.
  mutating func begin(
    _ algorithm: Algorithm, _ input: PageVector, _ output: MutablePageVector, _ length: Int, _ memory: WorkingMemory
  ) throws(DecodeError) {
    try unsafe withUnsafeMutablePointer(to: &bytes) { (pointer) throws(DecodeError) in
      let room = UnsafeMutableRawPointer(pointer)
      switch algorithm {
      case .lz4: try unsafe Self.make(LinkedLZ4.self, room, input, output, length, memory)
      case .microLZMA: try unsafe Self.make(LinkedMicroLZMA.self, room, input, output, length, memory)
      case .deflate: try unsafe Self.make(LinkedDeflate.self, room, input, output, length, memory)
      case .zstandard: try unsafe Self.make(LinkedZstandard.self, room, input, output, length, memory)
      }
    }
  }

  /// Decodes up to `end` with the decoder that was made, and with `finishing` checks that nothing follows. Returns what
  /// has been produced.
  ///
  /// Not a method: there `self` lies in a register that only the long instructions of Thumb reach.
  @inline(never)
  static func decode(
    _ decoder: inout DecoderRoom, _ algorithm: Algorithm, to end: Int, finishing: Bool
  ) throws(DecodeError) -> Int {
    try unsafe withUnsafeMutablePointer(to: &decoder.bytes) { (pointer) throws(DecodeError) in
      let room = UnsafeMutableRawPointer(pointer)
      return switch algorithm {
      case .lz4: try unsafe run(LinkedLZ4.self, room, end, finishing)
      case .microLZMA: try unsafe run(LinkedMicroLZMA.self, room, end, finishing)
      case .deflate: try unsafe run(LinkedDeflate.self, room, end, finishing)
      case .zstandard: try unsafe run(LinkedZstandard.self, room, end, finishing)
      }
    }
  }

  @inline(__always)
  private static func make<D: Decoder & ~Copyable>(
    _: D.Type, _ room: UnsafeMutableRawPointer, _ input: PageVector, _ output: MutablePageVector, _ length: Int,
    _ memory: WorkingMemory
  ) throws(DecodeError) {
    let decoder = unsafe room.bindMemory(to: D.self, capacity: 1)
    unsafe decoder.initialize(to: try D(input: input, output: output, length: length, memory: memory))
  }

  @inline(__always)
  private static func run<D: Decoder & ~Copyable>(
    _: D.Type, _ room: UnsafeMutableRawPointer, _ end: Int, _ finishing: Bool
  ) throws(DecodeError) -> Int {
    let decoder = unsafe room.assumingMemoryBound(to: D.self)
    try unsafe decoder.pointee.decode(to: end)
    if finishing { try unsafe decoder.pointee.finish() }
    return unsafe decoder.pointee.produced
  }
}

extension Algorithm {
  /// Bytes of tables that a decoder needs at most.
  public var workingBytes: Int {
    switch self {
    case .lz4: LinkedLZ4.workingBytes
    case .microLZMA: LinkedMicroLZMA.workingBytes
    case .deflate: LinkedDeflate.workingBytes
    case .zstandard: LinkedZstandard.workingBytes
    }
  }
}
